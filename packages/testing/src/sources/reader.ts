/// <reference types="node" />
import { setTimeout as sleep } from 'node:timers/promises'
import type { PolicySource, SourceEvent } from '@sluice/core/store-kit'

/** ms. A feed waits longer, and at random. */
const PAUSE = 20

/** Follows a source as its contract says, and no better: it loads, watches, and loads again when the watch ends or hints at a change. */
export class Reader {
  /** What the source has, by key. */
  readonly texts = new Map<string, string>()
  private readonly source: PolicySource
  private readonly closing = new AbortController()
  private wantsLoad = false
  private running: Promise<void> = Promise.resolve()

  constructor(source: PolicySource) {
    this.source = source
  }

  start(): void {
    this.running = this.run()
  }

  async stop(): Promise<void> {
    this.closing.abort()
    await this.running
    await this.source.close?.()
  }

  private async run(): Promise<void> {
    const { signal } = this.closing
    while (!signal.aborted) {
      const end = new AbortController()
      const stop = (): void => end.abort()
      signal.addEventListener('abort', stop)
      try {
        await this.follow(end.signal)
      } catch {
        // The source is away, and is asked again.
      }
      end.abort()
      signal.removeEventListener('abort', stop)
      await sleep(PAUSE)
    }
  }

  private async follow(signal: AbortSignal): Promise<void> {
    const cursor = await this.load(signal)
    let isOver = false
    const watching = this.source.watch(cursor, (event) => this.hear(event), signal).finally(() => (isOver = true))
    while (!isOver) {
      await Promise.race([watching, sleep(PAUSE)])
      if (this.wantsLoad && !signal.aborted) await this.load(signal)
    }
    await watching
  }

  private hear(event: SourceEvent): void {
    if (event.type === 'put') this.texts.set(event.key, event.text)
    else if (event.type === 'missing') this.texts.delete(event.key)
    else if (event.type === 'resync') this.wantsLoad = true
  }

  private async load(signal: AbortSignal): Promise<string | undefined> {
    this.wantsLoad = false
    const { cursor, documents } = await this.source.load(signal)
    this.texts.clear()
    for (const { key, text } of documents) this.texts.set(key, text)
    return cursor
  }
}
