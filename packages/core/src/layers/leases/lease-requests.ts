import type { Clock } from '../../clock.ts'
import { chain, isPromise, type MaybePromise, uniqueId } from '../../runtime.ts'
import type { Outcome, Store } from '../../store.ts'
import { type Instant, instantOf } from '../instant.ts'
import type { WaitUntil } from '../background.ts'
import { type Grant, isLive, type LeasePool } from './lease-pool.ts'
import { leaseMark } from './leased-outcome.ts'
import type { LeaseSettings } from './options.ts'

/** ms before a store that granted no lease is asked again. */
const PAUSE = 1_000

/** Requests leases from the store, and gives back their unspent units. A call that fails is not repeated. */
export class LeaseRequests {
  private readonly store: Store
  private readonly clock: Clock
  private readonly waitUntil: WaitUntil | undefined
  /** Makes the receipts of this process unique. */
  private owner = ''
  private granted = 0

  constructor(store: Store, { clock, waitUntil }: Pick<LeaseSettings, 'clock' | 'waitUntil'>) {
    this.store = store
    this.clock = clock
    this.waitUntil = waitUntil
  }

  /** Not repeated on a failure: the lease may have been granted, and only its answer was lost. */
  request(pool: LeasePool, units: number): void {
    pool.isRequesting = true
    const { ttl, ceiling } = pool.terms
    const asked = instantOf(this.clock)
    pool.requestedAt = asked.monotonic
    const fail = (): void => {
      pool.isRequesting = false
      pool.nextRequestAt = instantOf(this.clock).monotonic + ttl
    }
    try {
      // `closed`: while the store is unavailable, nothing else may charge or grant a lease.
      const answer = this.store.consume([{ ...pool.charge, cost: units }], { lease: { ttl, ceiling }, atLeast: 1, failMode: 'closed' })
      const done = chain(answer, ([outcome]) => this.accept(pool, outcome, asked))
      if (!isPromise(done)) return
      const settled = done.catch(fail)
      this.waitUntil?.(settled)
    } catch {
      fail()
    }
  }

  /** Drops a lease. Gives its unspent units back if it still lives: later, the store would not accept them. */
  giveUp(pool: LeasePool, grant: Grant, now: Instant): MaybePromise<void> {
    pool.remove(grant)
    const units = grant.left
    grant.left = 0
    return units > 0 && isLive(grant, now) ? this.giveBack(pool, grant.outcome, units) : undefined
  }

  /** Drops all leases of a subject, as `giveUp` does. */
  giveUpAll(pool: LeasePool, now: Instant): void {
    for (const grant of pool.grants.slice()) {
      const done = this.giveUp(pool, grant, now)
      if (isPromise(done)) this.waitUntil?.(done)
    }
  }

  private accept(pool: LeasePool, outcome: Outcome | undefined, asked: Instant): MaybePromise<void> {
    const now = instantOf(this.clock)
    pool.isRequesting = false
    if (outcome === undefined || outcome.source !== this.store.name || (outcome.granted > 0 && outcome.leaseFor <= 0)) {
      pool.nextRequestAt = now.monotonic + PAUSE
      return outcome !== undefined && outcome.granted > 0 ? this.giveBack(pool, outcome, outcome.granted) : undefined
    }
    pool.leftInStore = outcome.remaining
    if (!outcome.allowed) {
      if (outcome.blocked === true) this.giveUpAll(pool, now)
      pool.nextRequestAt = now.monotonic + Math.min(outcome.retryAfter, pool.terms.ttl)
      return undefined
    }
    const grant = { outcome, asked, answered: now, left: outcome.granted, mark: this.nextMark(outcome) }
    if (pool.isDropped) return this.giveUp(pool, grant, now)
    pool.add(grant)
    return undefined
  }

  /** Not repeated on a failure: too much stays taken, never too little. */
  private async giveBack(pool: LeasePool, { receipt }: Outcome, units: number): Promise<void> {
    try {
      await this.store.consume([{ ...pool.charge, cost: -units, receipt }], { failMode: 'closed' })
    } catch {}
  }

  private nextMark({ receipt }: Outcome): string {
    // Not in the constructor: edge runtimes forbid random numbers before the first request.
    if (this.owner === '') this.owner = uniqueId()
    this.granted += 1
    return leaseMark(this.owner, this.granted, receipt)
  }
}
