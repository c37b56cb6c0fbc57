import { checkAtLeast, checkCost } from './call-checks.ts'
import { type Clock, completeClock, systemClock, waitingClock } from './clock.ts'
import type { Decision } from './decision.ts'
import { millisOf } from './duration.ts'
import { SluiceError } from './errors.ts'
import type { Cost, Subject, WaitOptions } from './limiter.ts'
import type { LimitSet, Policy } from './policy.ts'
import { chain, type MaybePromise } from './runtime.ts'
import type { Charge } from './store.ts'
import { WaitQueue, type QueueEvents, type Waiter } from './wait-queue.ts'

/** The most calls that wait at a time. More would hide that the limit is too low, and fill the memory. */
const MAX_WAITERS = 10_000

/** What a wait needs of its limiter. */
interface WaitingLimiter {
  readonly policy: Policy
  checkSubject(subject: Subject<string>): void
  decide(set: LimitSet, subject: Subject<string>, cost: Cost<string> | undefined, how: 'charge', atLeast?: number): MaybePromise<Decision>
  peekAt(set: LimitSet, subject: Subject<string>, cost: Cost<string> | undefined, atLeast?: number): MaybePromise<Decision>
  refund(decision: Decision): MaybePromise<void>
}

/** The calls of `wait` of a limiter, in one queue for each subject. */
export class Waiters implements QueueEvents {
  private readonly name: string
  private readonly clock: Required<Clock>
  private readonly queues = new Map<string, WaitQueue>()
  /** The queues that sleep, by the states that refused them. */
  private readonly sleeping = new Map<string, Set<WaitQueue>>()
  private count = 0
  private isClosed = false

  constructor(name: string, clock: Clock | undefined) {
    this.name = name
    this.clock = completeClock(clock ?? systemClock, waitingClock)
  }

  /** Resolves to the decision of the call's turn. Rejects what `limiter.wait` rejects. */
  wait(limiter: WaitingLimiter, set: LimitSet, subject: Subject<string>, options: WaitOptions<string, string> = {}): Promise<Decision> {
    return new Promise((resolve, reject) => {
      const { cost, atLeast, signal, maxWait } = options
      if (set.context === undefined) {
        limiter.checkSubject(subject)
        if (cost !== undefined) checkCost(cost, limiter.policy)
      }
      if (atLeast !== undefined) checkAtLeast(atLeast, cost, this.name)
      const ms = maxWait === undefined ? Infinity : maxWait === 0 ? 0 : millisOf(maxWait, `limiter "${this.name}": wait: maxWait`)
      if (signal?.aborted === true) throw signal.reason
      if (this.isClosed) throw this.closed()
      if (this.count >= MAX_WAITERS) throw this.full()
      const queue = this.queueOf(JSON.stringify([set.tier, set.limits.map(({ scope }) => scope), subject]))
      const abort = (): void => queue.fail(waiter, signal?.reason)
      const waiter: Waiter = {
        wants: JSON.stringify([cost, atLeast]),
        deadline: this.clock.monotonic() + ms,
        ask: () => limiter.decide(set, subject, cost, 'charge', atLeast),
        peek: () => limiter.peekAt(set, subject, cost, atLeast),
        giveBack: (decision) => limiter.refund(decision),
        resolve,
        reject,
        release: () => {
          this.count -= 1
          signal?.removeEventListener('abort', abort)
        },
        isDone: false,
      }
      this.count += 1
      signal?.addEventListener('abort', abort)
      queue.add(waiter)
    })
  }

  /** Lets those that wait ask again when a change has given units back to these states. */
  after<T>(change: MaybePromise<T>, targets: readonly Pick<Charge, 'scope' | 'subject'>[]): MaybePromise<T> {
    // A waiter may be refused, and sleep, before the change has ended.
    if (this.queues.size === 0) return change
    return chain(change, (result) => {
      for (const target of targets) for (const queue of this.sleeping.get(keyOf(target)) ?? []) queue.wake()
      return result
    })
  }

  /** Lets all that wait ask again. */
  wakeAll(): void {
    for (const queue of this.queues.values()) queue.wake()
  }

  /** Rejects all that wait, and all later calls. */
  close(): void {
    this.isClosed = true
    for (const queue of this.queues.values()) queue.failAll(this.closed())
  }

  sleeps(queue: WaitQueue, refused: Decision): void {
    for (const key of refusingKeys(refused)) this.sleeping.set(key, (this.sleeping.get(key) ?? new Set()).add(queue))
  }

  sleepsNoLonger(queue: WaitQueue, refused: Decision): void {
    for (const key of refusingKeys(refused)) {
      const queues = this.sleeping.get(key)
      queues?.delete(queue)
      if (queues?.size === 0) this.sleeping.delete(key)
    }
  }

  private queueOf(key: string): WaitQueue {
    let queue = this.queues.get(key)
    if (queue === undefined) this.queues.set(key, (queue = new WaitQueue(this.clock, this, () => this.queues.delete(key))))
    return queue
  }

  private closed(): SluiceError {
    return new SluiceError('ERR_LIMITER_CLOSED', `limiter "${this.name}": wait: expected an open limiter, got one that was closed`)
  }

  private full(): SluiceError {
    return new SluiceError(
      'ERR_WAITERS_FULL',
      `limiter "${this.name}": wait: expected fewer than ${MAX_WAITERS} calls that wait, got one more; set maxWait, or refuse work before it waits`,
    )
  }
}

function refusingKeys({ charges, outcomes }: Decision): readonly string[] {
  return charges.filter((_, i) => outcomes[i]?.allowed === false).map(keyOf)
}

function keyOf({ scope, subject }: Pick<Charge, 'scope' | 'subject'>): string {
  return `${scope} ${subject}`
}
