import { type Clock, systemClock } from '@sluice/core'

/** ms between two heartbeats. */
const INTERVAL = 5_000
/** ms after one that failed. */
const AGAIN = 1_000

/** Sends a heartbeat every 5 s, and at once when something has changed. One is under way at a time. */
export class Heartbeat {
  private readonly send: () => Promise<unknown>
  private readonly after: Required<Clock>['after']
  private readonly onError: ((error: unknown) => void) | undefined
  private cancel: () => void = () => undefined
  private running: Promise<void> | undefined
  private isChanged = false
  private isClosed = false
  private isReported = false

  constructor(send: () => Promise<unknown>, clock: Clock, onError: ((error: unknown) => void) | undefined) {
    this.send = send
    this.after = clock.after?.bind(clock) ?? systemClock.after
    this.onError = onError
    this.now()
  }

  /** Something has changed. */
  now(): void {
    if (this.isClosed) return
    if (this.running !== undefined) {
      this.isChanged = true
      return
    }
    this.cancel()
    this.running = this.beat().finally(() => {
      this.running = undefined
      if (!this.isChanged) return
      this.isChanged = false
      this.now()
    })
  }

  /** Resolves when no heartbeat is under way. */
  async close(): Promise<void> {
    this.isClosed = true
    this.cancel()
    await this.running
  }

  private async beat(): Promise<void> {
    let next = INTERVAL
    try {
      await this.send()
      this.isReported = false
    } catch (error) {
      next = AGAIN
      if (!this.isReported) this.onError?.(error)
      this.isReported = true
    }
    if (!this.isClosed) this.cancel = this.after(next, () => this.now())
  }
}
