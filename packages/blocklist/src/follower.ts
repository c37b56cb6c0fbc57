import type { Clock } from '@sluice/core'
import { type BlockEvent, type BlockSnapshot, type BlockStorage, follow, WELL_AFTER } from '@sluice/core/store-kit'

/** ms between two attempts, at most. */
const LONGEST_PAUSE = 5_000

/** A storage, and what hears of it. */
export interface FollowerParts {
  readonly storage: BlockStorage
  readonly clock: Required<Clock>
  all(this: void, snapshot: BlockSnapshot): void
  change(this: void, event: Exclude<BlockEvent, { type: 'progress' }>): void
  /** The storage is away, after it was reachable or at the start. Called once for each outage. */
  away(this: void, error: Error): void
  /** It is reachable again, and was watched for a moment. */
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

  private run(start: () => void): Promise<void> {
    const { storage, clock, all, change, back, away } = this.parts
    const { signal } = this.end
    let isReported = false
    return follow({
      clock,
      signal,
      longest: LONGEST_PAUSE,
      attempt: async (loaded) => {
        const snapshot = await storage.load()
        if (signal.aborted) return
        all(snapshot)
        start()
        loaded()
        this.isConnected = true
        this.problem = undefined
        // A storage that can be read, and not be watched, is still away.
        const cancel = clock.after(WELL_AFTER, () => {
          if (isReported) back()
          isReported = false
        })
        const emit = (event: BlockEvent): void => {
          if (event.type !== 'progress' && !signal.aborted) change(event)
        }
        try {
          await storage.watch(snapshot.cursor, emit, signal)
        } finally {
          cancel()
        }
      },
      failed: (error) => {
        this.isConnected = false
        this.problem = error instanceof Error ? error : new Error(String(error))
        if (!isReported) away(this.problem)
        isReported = true
      },
    })
  }
}
