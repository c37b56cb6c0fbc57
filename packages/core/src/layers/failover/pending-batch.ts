import type { StoreError } from '../../store.ts'
import type { CircuitBreaker } from './circuit-breaker.ts'

/**
 * The requests that one shard gets in one turn of the event loop. A store sends them as one batch, so they have one deadline and
 * count as one success or failure of the breaker.
 */
export class PendingBatch {
  /** The deadline, in ms of the monotonic clock. `Infinity` until the batch is sent, unless the decision has its own deadline. */
  due: number
  /** Cancels the timer that only this batch has, if it has one. */
  cancel: (() => void) | undefined
  private readonly breaker: CircuitBreaker
  private expireRequests: (() => void)[] = []
  /** Requests that have neither been answered nor failed. */
  private pending = 0
  private isSent = false
  private hasFailed = false

  constructor(breaker: CircuitBreaker, due: number) {
    this.breaker = breaker
    this.due = due
  }

  get isDone(): boolean {
    return this.pending === 0
  }

  /** Adds a request. `expire` is called once if the deadline passes while any request of the batch is pending, even if not this one. */
  add(expire: () => void): void {
    this.expireRequests.push(expire)
    this.pending += 1
  }

  /** The turn is over: no request is added any more. */
  send(due: number): void {
    this.due = Math.min(this.due, due)
    this.isSent = true
    this.finish()
  }

  /** One request was answered. */
  answer(): void {
    this.pending -= 1
    this.finish()
  }

  /** One request failed. */
  fail(error: StoreError): void {
    this.pending -= 1
    this.hasFailed = true
    this.breaker.recordFailure(error)
    this.finish()
  }

  expire(): void {
    if (this.isDone) return
    const { expireRequests } = this
    this.expireRequests = []
    this.pending = 0
    if (!this.hasFailed) this.breaker.recordFailure()
    this.hasFailed = true
    for (const expireRequest of expireRequests) expireRequest()
  }

  private finish(): void {
    if (!this.isDone) return
    this.expireRequests = []
    this.cancel?.()
    if (this.isSent && !this.hasFailed) this.breaker.recordSuccess()
  }
}
