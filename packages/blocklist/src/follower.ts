import type { Clock } from '@sluice/core'
import type { BlockEvent, BlockSnapshot, BlockStorage } from '@sluice/core/store-kit'

const FIRST_PAUSE = 200
const LONGEST_PAUSE = 5_000

/** A storage, and what hears of it. */
export interface FollowerParts {
  readonly storage: BlockStorage
  readonly clock: Required<Clock>
  all(this: void, snapshot: BlockSnapshot): void
  change(this: void, event: Exclude<BlockEvent, { type: 'progress' }>): void
  /** The storage is away, after it was reachable or at the start. Called once for each outage. */
  away(this: void, error: Error): void
  /** It is reachable again. */
  back(this: void): void
}

/** Keeps up with a storage: reads all entries, then their changes. When that fails it waits, and begins again. */
export class Follower {
  /** The first entries were read. */
  readonly started: Promise<void>
  isConnected = false
  /** Why the last attempt failed. */
  problem: Error | undefined
  private readonly parts: FollowerParts
  private readonly end = new AbortController()
  private readonly running: Promise<void>

  constructor(parts: FollowerParts) {
    this.parts = parts
    let start: () => void = () => undefined
    this.started = new Promise((resolve) => (start = resolve))
    this.running = this.run(start)
  }

  async close(): Promise<void> {
    this.end.abort()
    await this.running
  }

  private async run(start: () => void): Promise<void> {
    const { storage, all, change, back, away } = this.parts
    const { signal } = this.end
    let isReported = false
    for (let attempt = 0; !signal.aborted; attempt++) {
      try {
        const snapshot = await storage.load()
        if (signal.aborted) return
        all(snapshot)
        start()
        this.isConnected = true
        this.problem = undefined
        if (isReported) back()
        isReported = false
        await storage.watch(
          snapshot.cursor,
          (event) => {
            attempt = 0
            if (event.type !== 'progress' && !signal.aborted) change(event)
          },
          signal,
        )
      } catch (error) {
        this.isConnected = false
        this.problem = error instanceof Error ? error : new Error(String(error))
        if (!isReported && !signal.aborted) away(this.problem)
        isReported = true
      }
      // With full jitter: after an outage, the processes of a fleet do not come back together.
      await this.pause(Math.random() * Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** Math.min(attempt, 10)))
    }
  }

  private pause(ms: number): Promise<void> {
    const { signal } = this.end
    return new Promise((resolve) => {
      if (signal.aborted) return resolve()
      const finish = (): void => {
        cancel()
        signal.removeEventListener('abort', finish)
        resolve()
      }
      const cancel = this.parts.clock.after(ms, finish)
      signal.addEventListener('abort', finish)
    })
  }
}
