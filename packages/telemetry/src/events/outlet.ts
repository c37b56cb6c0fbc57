import type { Clock } from '@sluice/core'
import type { EventBatch, EventSink, SinkRefusal } from './events.ts'
import type { EventWarnings } from './warnings.ts'

/** What became of a batch. */
export type SendResult = 'taken' | 'failed' | 'rejected'

/** Sends that were given up, and have not ended. Their batches may stay in memory. */
const MAX_UNSETTLED = 4
/** ms after which such a send counts as ended, and for which a sink is left alone at most. */
const LONGEST = 900_000

/** A sink as it is used here: every send ends in time, and none throws. */
export class Outlet {
  private readonly sink: EventSink
  private readonly timeout: number
  private readonly clock: Required<Clock>
  private readonly warnings: EventWarnings
  private unsettled = 0
  /** By the monotonic clock. */
  private restsUntil = -Infinity

  constructor(sink: EventSink, timeout: number, clock: Required<Clock>, warnings: EventWarnings) {
    this.sink = sink
    this.timeout = timeout
    this.clock = clock
    this.warnings = warnings
  }

  get isAway(): boolean {
    return this.warnings.isAway
  }

  /** ms for which the sink wants to be left alone. */
  get rest(): number {
    return Math.max(0, this.restsUntil - this.clock.monotonic())
  }

  async send(batch: EventBatch): Promise<SendResult> {
    if (this.unsettled >= MAX_UNSETTLED || this.rest > 0) return 'failed'
    try {
      await this.inTime(batch)
      this.warnings.taken()
      return 'taken'
    } catch (error) {
      const { isFinal, retryAfter } = (error ?? {}) as SinkRefusal
      if (typeof retryAfter === 'number' && retryAfter > 0) this.restsUntil = this.clock.monotonic() + Math.min(retryAfter, LONGEST)
      if (isFinal === true) {
        this.warnings.rejected(error)
        return 'rejected'
      }
      this.warnings.failed(error)
      return 'failed'
    }
  }

  async close(): Promise<void> {
    try {
      await this.sink.close?.()
    } catch (error) {
      this.warnings.failed(error)
    }
  }

  private async inTime(batch: EventBatch): Promise<void> {
    const giveUp = new AbortController()
    this.unsettled += 1
    let isSettled = false
    const settle = (): void => {
      if (!isSettled) this.unsettled -= 1
      isSettled = true
    }
    const sending = (async () => this.sink.send(batch, giveUp.signal))().finally(settle)
    await new Promise<void>((resolve, reject) => {
      const cancel = this.clock.after(this.timeout, () => {
        // A sink that has lost a promise must not be away for ever.
        this.clock.after(LONGEST, settle)
        const error = new Error(`no answer for ${this.timeout} ms`)
        giveUp.abort(error)
        reject(error)
      })
      sending.then(
        () => {
          cancel()
          resolve()
        },
        (error: unknown) => {
          cancel()
          reject(error)
        },
      )
    })
  }
}
