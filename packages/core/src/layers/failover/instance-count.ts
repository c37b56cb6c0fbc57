import type { Clock } from '../../clock.ts'

/** How the processes that share a store count each other: what a store's package gives the failover layer. */
export interface Presence {
  /** Says that this process is there, and resolves to how many are. */
  heartbeat(): Promise<number>
  /** This process is gone. */
  leave(): Promise<void>
}

/** ms between two beats. Whoever has not been heard of for three of them is not counted. */
const HEARTBEAT_EVERY = 5_000

/** How many processes share the limits, as far as this one was told. */
export class InstanceCount {
  /** The last count stands while the store is away. */
  count: number | undefined
  private readonly presence: Presence
  private readonly clock: Required<Clock>
  private readonly refused: (error: unknown) => void
  private isOver = false
  private cancel: () => void = () => undefined

  constructor(presence: Presence, clock: Required<Clock>, refused: (error: unknown) => void) {
    this.presence = presence
    this.clock = clock
    this.refused = refused
    void this.heartbeat()
  }

  async close(): Promise<void> {
    this.isOver = true
    this.cancel()
    // What cannot be said is known 15 s later.
    await this.presence.leave().catch(() => undefined)
  }

  private async heartbeat(): Promise<void> {
    try {
      const count = await this.presence.heartbeat()
      if (Number.isInteger(count) && count > 0) this.count = count
    } catch (error) {
      this.refused(error)
    }
    if (!this.isOver) this.cancel = this.clock.after(HEARTBEAT_EVERY, () => void this.heartbeat())
  }
}
