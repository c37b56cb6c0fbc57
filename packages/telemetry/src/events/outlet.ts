import type { Clock } from '@sluice/core'
import type { EventBatch, EventSink, SinkRefusal } from './events.ts'
import type { EventWarnings } from './warnings.ts'

/** What became of a batch. */
export type SendResult = 'taken' | 'failed' | 'rejected'

/** Sends that were given up, and have not ended. Their batches stay in memory. */
const MAX_UNSETTLED = 4

/** A sink as it is used here: every send ends in time, and none throws. */
export class Outlet {
  /** ms that the sink asked for in its last error. */
  retryAfter = 0
  private readonly sink: EventSink
  private readonly timeout: number
  private readonly clock: Required<Clock>
  private readonly warnings: EventWarnings
  private unsettled = 0

  constructor(sink: EventSink, timeout: number, clock: Required<Clock>, warnings: EventWarnings) {
    this.sink = sink
    this.timeout = timeout
    this.clock = clock
    this.warnings = warnings
  }

  get isAway(): boolean {
    return this.warnings.isAway
  }

  async send(batch: EventBatch): Promise<SendResult> {
    if (this.unsettled >= MAX_UNSETTLED) return 'failed'
    try {
      await this.inTime(batch)
      this.retryAfter = 0
      this.warnings.taken()
      return 'taken'
    } catch (error) {
      const { isFinal, retryAfter } = (error ?? {}) as SinkRefusal
      this.retryAfter = typeof retryAfter === 'number' && retryAfter > 0 ? retryAfter : 0
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
    const sending = (async () => this.sink.send(batch, giveUp.signal))().finally(() => {
      this.unsettled -= 1
    })
    await new Promise<void>((resolve, reject) => {
      const cancel = this.clock.after(this.timeout, () => {
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
