import type { Clock } from '@sluice/core'
import { follow, type PolicySource, type SourceDocument, type SourceEvent } from '@sluice/core/store-kit'
import type { FeedHealth } from './options.ts'
import type { Warnings } from './warnings.ts'

/** What a follower passes on. */
export interface SourceListener {
  /** All documents of the source. */
  all(documents: readonly SourceDocument[]): void
  put(text: string, key: string): void
  missing(key: string): void
  progress?(): void
}

/** Follows one source: loads it, watches it, and begins again after a pause when either fails. */
export class SourceFollower {
  state: FeedHealth['source'] = 'connecting'
  private readonly source: PolicySource
  private readonly clock: Clock
  private readonly warnings: Warnings
  private readonly about: string
  private readonly listener: SourceListener
  private readonly closing = new AbortController()
  private loading: Promise<void> | undefined
  private isLoadWanted = false
  private running: Promise<void> | undefined

  /** @param about what its problems are of, for `warnings` */
  constructor(source: PolicySource, about: string, { clock, warnings }: { clock: Clock; warnings: Warnings }, listener: SourceListener) {
    this.source = source
    this.about = about
    this.clock = clock
    this.warnings = warnings
    this.listener = listener
  }

  /** Begins to follow. Resolves when the source was loaded for the first time. */
  start(): Promise<void> {
    return new Promise((resolve) => {
      this.running = this.run(resolve)
    })
  }

  /** Reads the source now. Rejects if it is away. */
  async load(): Promise<string | undefined> {
    const { cursor, documents } = await this.source.load(this.closing.signal)
    // A load that was aborted may have read a part.
    if (this.closing.signal.aborted) return cursor
    this.state = 'connected'
    this.warnings.clear(this.about)
    this.listener.all(documents)
    return cursor
  }

  async close(): Promise<void> {
    this.closing.abort()
    await this.running
    await this.source.close?.()
  }

  private async run(isFirst: () => void): Promise<void> {
    const { clock, closing, source } = this
    const { signal } = closing
    await follow({
      clock,
      signal,
      attempt: async (loaded) => {
        const cursor = await this.load()
        if (signal.aborted) return
        isFirst()
        loaded()
        await source.watch(cursor, (event) => this.hear(event), signal)
      },
      failed: (error) => {
        this.state = 'away'
        const reason = error instanceof Error ? error.message : String(error)
        this.warnings.report(
          this.about,
          'WARN_POLICY_SOURCE',
          `${source.name} does not answer, so its last documents stay in force: ${reason}`,
        )
      },
    })
  }

  /** Hints that come while a load is under way need one more load after it. */
  private reload(): void {
    this.isLoadWanted = true
    this.loading ??= (async () => {
      while (this.isLoadWanted && !this.closing.signal.aborted) {
        this.isLoadWanted = false
        await this.load().catch((error: unknown) => {
          this.warnings.report(this.about, 'WARN_POLICY_SOURCE', `${this.source.name} could not be read: ${String(error)}`)
        })
      }
      this.loading = undefined
    })()
  }

  private hear(event: SourceEvent): void {
    if (this.closing.signal.aborted) return
    switch (event.type) {
      case 'put':
        this.listener.put(event.text, event.key)
        break
      case 'missing':
        this.listener.missing(event.key)
        break
      case 'progress':
        this.listener.progress?.()
        break
      case 'resync':
        this.reload()
        break
    }
  }
}
