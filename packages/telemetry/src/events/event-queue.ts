import type { Clock } from '@sluice/core'
import { afterTurn } from '@sluice/core/store-kit'
import type { Drops } from './drops.ts'
import type { UnsentEvent } from './event-of.ts'
import { DECISIONS } from './events.ts'
import type { Outlet } from './outlet.ts'
import { Ring } from './ring.ts'

/** Events of one batch. */
export const BATCH = 500
/** ms that an event waits for others of its batch. */
const LINGER = 1_000
/** ms between two attempts: doubled each time, from the first to the longest. */
const FIRST_PAUSE = 1_000
const LONGEST_PAUSE = 30_000

interface Parts {
  /** Events that may wait. */
  readonly capacity: number
  readonly outlet: Outlet
  readonly clock: Required<Clock>
  readonly drops: Drops
  /** Completes an event, once, when it is sent for the first time. */
  readonly complete: (event: UnsentEvent) => void
}

/** Events that wait for the sink. One batch is sent at a time. A batch that fails is sent again. */
export class EventQueue {
  private readonly parts: Parts
  private readonly ring: Ring<UnsentEvent>
  private sending: Promise<boolean> | undefined
  private inFlight = 0
  private failures = 0
  private cancelTimer: (() => void) | undefined

  constructor(parts: Parts) {
    this.parts = parts
    this.ring = new Ring(parts.capacity)
  }

  /** Events that wait, or are on their way. */
  get size(): number {
    return this.ring.size + this.inFlight
  }

  push(event: UnsentEvent): void {
    if (this.ring.push(event)) this.parts.drops.queue += 1
    if (this.ring.size === BATCH && this.sending === undefined && this.failures === 0) {
      this.cancel()
      // Not within the request.
      afterTurn(() => void this.send())
    } else if (this.cancelTimer === undefined && this.sending === undefined) this.sendAfter(LINGER)
  }

  /** Sends all that waits now, without the pause after a failure. Returns whether the sink has it. */
  async flush(): Promise<boolean> {
    this.cancel()
    await this.sending
    return this.send()
  }

  /** Sends no more by itself. What waits is dropped. */
  close(): void {
    this.cancel()
    this.parts.drops.queue += this.ring.take(this.ring.size).length
  }

  private send(): Promise<boolean> {
    this.sending ??= this.sendAll().finally(() => {
      this.sending = undefined
      if (this.ring.size > 0) this.sendAfter(this.failures === 0 ? LINGER : this.pause())
    })
    return this.sending
  }

  private async sendAll(): Promise<boolean> {
    const { outlet, drops, complete } = this.parts
    // What comes meanwhile is sent next time, or a flush would never end.
    for (let left = this.ring.size; left > 0; left -= BATCH) {
      const events = this.ring.take(BATCH)
      for (const event of events) complete(event)
      this.inFlight = events.length
      const result = await outlet.send({ topic: DECISIONS, events })
      this.inFlight = 0
      if (result === 'rejected') drops.rejected += events.length
      if (result === 'failed') {
        drops.queue += this.ring.putBack(events)
        this.failures += 1
        return false
      }
      this.failures = 0
    }
    return true
  }

  private sendAfter(ms: number): void {
    this.cancel()
    this.cancelTimer = this.parts.clock.after(ms, () => {
      this.cancelTimer = undefined
      void this.send()
    })
  }

  private cancel(): void {
    this.cancelTimer?.()
    this.cancelTimer = undefined
  }

  /** Random, so that the processes of a fleet do not come back together. */
  private pause(): number {
    const longest = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** Math.min(this.failures - 1, 10))
    return Math.max(this.parts.outlet.rest, longest / 2 + (Math.random() * longest) / 2)
  }
}
