import { type Clock, inMicrotask } from '../../clock.ts'
import type { CircuitBreaker } from './circuit-breaker.ts'
import { PendingBatch } from './pending-batch.ts'

/**
 * The deadlines of all batches, on one timer: no timer is set for a single request. Where timers end with their request, each batch has a
 * timer of its own, in its own request.
 */
export class Deadlines {
  private readonly deadline: number
  private readonly clock: Required<Clock>
  private readonly isPerRequest: boolean
  /** The batches of this turn of the event loop. */
  private turn: PendingBatch[] = []
  /** Those of them that further requests of the turn join. */
  private readonly joinable = new Map<CircuitBreaker, PendingBatch>()
  /** In the order of their deadlines. */
  private readonly sent: PendingBatch[] = []
  private timerAt = Infinity
  private cancel: () => void = () => undefined

  constructor(deadline: number, clock: Required<Clock>, isPerRequest: boolean) {
    this.deadline = deadline
    this.clock = clock
    this.isPerRequest = isPerRequest
  }

  /** Returns the batch of a request made in this turn. Requests share it, except one whose decision has its own deadline, `due`. */
  batchFor(breaker: CircuitBreaker, due: number | undefined): PendingBatch {
    const known = due === undefined ? this.joinable.get(breaker) : undefined
    if (known !== undefined) return known
    const batch = new PendingBatch(breaker, due ?? Infinity)
    if (due === undefined) this.joinable.set(breaker, batch)
    if (this.turn.push(batch) > 1) return batch
    // A microtask still belongs to the request. A timer would let the requests of others join.
    if (this.isPerRequest) inMicrotask(() => this.endTurn())
    else this.clock.after(0, () => this.endTurn())
    return batch
  }

  /** The store has sent the batches of this turn by now, so their time begins. */
  private endTurn(): void {
    const due = this.clock.monotonic() + this.deadline
    const { turn } = this
    this.turn = []
    this.joinable.clear()
    for (const batch of turn) {
      batch.send(due)
      if (batch.isDone) continue
      if (this.isPerRequest) this.setOwnTimer(batch)
      else this.insert(batch)
    }
    this.setTimer()
  }

  private setOwnTimer(batch: PendingBatch): void {
    const wait = Math.max(0, batch.due - this.clock.monotonic())
    batch.cancel = this.clock.after(wait, () => (batch.cancel = this.clock.after(0, () => batch.expire())))
  }

  private insert(batch: PendingBatch): void {
    let at = this.sent.length
    while (at > 0 && (this.sent[at - 1] as PendingBatch).due > batch.due) at -= 1
    this.sent.splice(at, 0, batch)
  }

  private setTimer(): void {
    while (this.sent[0]?.isDone === true) this.sent.shift()
    const due = this.sent[0]?.due ?? Infinity
    if (due >= this.timerAt) return
    this.cancel()
    this.timerAt = due
    const wait = Math.max(0, due - this.clock.monotonic())
    // One more turn reads the answers that arrived while this process was busy, so that they do not count as late.
    this.cancel = this.clock.after(wait, () => (this.cancel = this.clock.after(0, () => this.expire())))
  }

  private expire(): void {
    this.timerAt = Infinity
    // Timers count whole ms. A batch that is due within one ms would otherwise wait for another timer.
    const soon = this.clock.monotonic() + 1
    while (this.sent[0] !== undefined && (this.sent[0].isDone || this.sent[0].due < soon)) this.sent.shift()?.expire()
    this.setTimer()
  }
}
