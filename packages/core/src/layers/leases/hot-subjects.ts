import { detach } from '../../detach.ts'
import type { Limit } from '../../limit.ts'
import { randomWords } from '../../runtime.ts'
import type { Charge } from '../../store.ts'
import { elapsed, type Instant, instantOf } from '../instant.ts'
import { Background } from '../background.ts'
import { type StateId, StateMap } from '../state-map.ts'
import { HotSketch } from './hot-sketch.ts'
import { isLive, LeasePool } from './lease-pool.ts'
import type { LeaseRequests } from './lease-requests.ts'
import { leaseTerms, type LeaseTerms } from './lease-terms.ts'
import type { LeaseSettings } from './options.ts'

// Parts of the ttl, short enough that unused units are given back while their lease lives.
/** Between two checks of all leases. */
const CHECK_EVERY = 0.2
/** Without a decision, until the leases of a subject are given back. */
const IDLE_AFTER = 0.3
/** The age at which a lease is given back. */
const RETURN_AT = 0.6
/** ms without a decision after which a subject is no longer hot. */
const COLD_AFTER = 1_000

/** The subjects that are leased. Decides which become hot or cold, and which leases are given back unused. */
export class HotSubjects {
  private readonly settings: LeaseSettings
  private readonly requests: LeaseRequests
  /** The layer's only timer, which runs while any subject is hot. */
  private readonly background: Background
  private readonly pools: StateMap<LeasePool>
  private readonly sketch = new HotSketch()
  private readonly terms = new WeakMap<Limit, LeaseTerms | 'none'>()
  private isClosed = false

  constructor(settings: LeaseSettings, requests: LeaseRequests) {
    this.settings = settings
    this.requests = requests
    this.background = new Background(settings.clock, settings.waitUntil)
    this.pools = new StateMap(settings.maxSubjects)
  }

  find(id: StateId): LeasePool | undefined {
    return this.pools.get(id)
  }

  /** Counts a decision that no lease paid. Returns the subject's pool if the subject is hot, or becomes hot now. */
  count(charge: Charge, now: Instant): LeasePool | undefined {
    const terms = charge.cost > 0 && charge.receipt === undefined ? this.termsOf(charge.limit) : undefined
    return terms === undefined ? undefined : (this.pools.get(charge) ?? this.promote(charge, terms, now))
  }

  drop(id: StateId): LeasePool | undefined {
    const pool = this.pools.take(id)
    if (pool !== undefined) pool.isDropped = true
    return pool
  }

  /** Units of all live leases that are not spent. */
  left(now: Instant): number {
    let sum = 0
    for (const pool of this.pools.values()) sum += pool.left(now)
    return sum
  }

  /** Each request calls this where timers end with their request: it checks the leases if it is time to. */
  poll(): void {
    void this.background.poll()
  }

  /** Gives all leases back. */
  async close(now: Instant): Promise<void> {
    this.isClosed = true
    this.background.cancel()
    const pools = [...this.pools.values()]
    this.pools.clear()
    for (const pool of pools) pool.isDropped = true
    await Promise.all(pools.flatMap((pool) => pool.grants.slice().map((grant) => this.requests.giveUp(pool, grant, now))))
  }

  private promote(charge: Charge, terms: LeaseTerms, now: Instant): LeasePool | undefined {
    const { hot, maxSubjects } = this.settings
    if (this.pools.size >= maxSubjects || this.sketch.add(charge, now.monotonic) < hot) return undefined
    const jitter = (randomWords(1)[0] as number) / 2 ** 32
    const pool = new LeasePool({ ...charge, subject: detach(charge.subject) }, terms, now, { perSecond: hot, jitter })
    this.pools.set(pool.charge, pool)
    this.scheduleCheck()
    return pool
  }

  private scheduleCheck(): void {
    this.background.cancel()
    if (this.pools.size > 0 && !this.isClosed) this.background.set(CHECK_EVERY * this.settings.ttl, () => this.check(), true)
  }

  private check(): void {
    const now = instantOf(this.settings.clock)
    for (const pool of this.pools.values()) this.checkOne(pool, now)
    this.scheduleCheck()
  }

  private checkOne(pool: LeasePool, now: Instant): void {
    const idle = now.monotonic - pool.lastDemandAt
    // The request that asked may have ended before the answer.
    if (this.settings.waitUntil !== undefined && now.monotonic - pool.requestedAt > this.settings.ttl) pool.isRequesting = false
    for (const grant of pool.grants.slice()) {
      const isUnused = idle >= IDLE_AFTER * this.settings.ttl || elapsed(grant.asked, now) >= RETURN_AT * grant.outcome.leaseFor
      if (!isLive(grant, now)) pool.remove(grant)
      else if (grant.left > 0 && isUnused) this.background.keep(this.requests.giveUp(pool, grant, now))
    }
    // A pool that still has units is kept until they are given back.
    if (idle >= COLD_AFTER && !pool.isRequesting && pool.left(now) === 0) this.drop(pool.charge)
  }

  private termsOf(limit: Limit): LeaseTerms | undefined {
    let terms = this.terms.get(limit)
    if (terms === undefined) this.terms.set(limit, (terms = leaseTerms(limit, this.settings) ?? 'none'))
    return terms === 'none' ? undefined : terms
  }
}
