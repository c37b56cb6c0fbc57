import { systemClock } from '../../clock.ts'
import { detach } from '../../memory/bounded-key.ts'
import type { Limit } from '../../limit.ts'
import { chain, isPromise, type MaybePromise, randomWords, uniqueId } from '../../runtime.ts'
import type { Charge, ConsumeOptions, Outcome, Store } from '../../store.ts'
import { HotSketch } from './hot-sketch.ts'
import { type Instant, instantOf, passed } from '../instant.ts'
import { isSameRule, layerOver } from '../layer.ts'
import { type Grant, isLive, Pool, type Terms } from './lease-pool.ts'
import { type LeaseOptions, leaseSettings, type LeaseSettings, termsOf } from './lease-terms.ts'
import { Places } from '../places.ts'

/**
 * Spends the units of hot subjects here, at once, without a call: an instance asks the store for units ahead, which are debited
 * there and then, and are void when their time is over. Buckets admit at most burst + rate·t + min(rate·ttl, M) in any t; windows
 * what they do without. Up to M units are lost with a process that dies.
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN
 */
export function leases(inner: Store, options: LeaseOptions = {}): Store {
  const layer = new Leases(inner, leaseSettings(options))
  return layerOver(inner, {
    consume: (charges, how) => layer.consume(charges, how),
    reset: (targets) => layer.reset(targets),
    close: () => layer.close(),
  })
}

/** Parts of a ttl: how often leases are looked at, when a subject is idle, and when what is left of a lease must go back to arrive in time. */
const LOOK_EVERY = 0.2
const IDLE_AFTER = 0.3
const RETURN_AT = 0.6
/** ms without a decision after which a subject is no longer hot. */
const COLD_AFTER = 1_000
/** ms in which a store that leased nothing is not asked again. */
const BARREN_FOR = 1_000
const MARK = 'held:'

type Outcomes = readonly (Outcome | undefined)[]

/** Units taken from a lease for one charge. */
interface Spent {
  readonly pool: Pool
  readonly grant: Grant
  readonly units: number
}

class Leases {
  private readonly inner: Store
  private readonly settings: LeaseSettings
  private readonly pools = new Places<Pool>()
  private readonly sketch = new HotSketch()
  private readonly terms = new WeakMap<Limit, Terms | 'none'>()
  /** Receipts of this process: another one's lease is not here. */
  private owner = ''
  private granted = 0
  private isClosed = false
  private unlook: (() => void) | undefined

  constructor(inner: Store, settings: LeaseSettings) {
    this.inner = inner
    this.settings = settings
  }

  consume(charges: readonly Charge[], options: ConsumeOptions = {}): MaybePromise<Outcomes> {
    if (charges.some(isHeld)) return this.giveBack(charges, options)
    if ((options.how ?? 'charge') !== 'charge' || options.lease !== undefined || this.isClosed) return this.inner.consume(charges, options)
    const now = this.now()
    const spent = charges.map((charge) => this.spend(charge, now))
    if (!spent.includes(undefined)) {
      const outcomes = spent.map((one) => told(one as Spent, now))
      this.renew(charges, spent, now)
      return outcomes
    }
    const plain = charges.length === 1 ? charges : charges.filter((_, i) => spent[i] === undefined)
    let answer: MaybePromise<Outcomes>
    try {
      answer = this.inner.consume(plain, options)
    } catch (error) {
      this.letGo(spent, now)
      throw error
    }
    // Behind the call, or the lease could take the unit that the call needs.
    this.renew(charges, spent, now)
    const join = (outcomes: Outcomes): Outcomes => this.join(charges, spent, plain, outcomes)
    if (!isPromise(answer)) return join(answer)
    return answer.then(join, (error: unknown) => {
      this.letGo(spent, this.now())
      throw error
    })
  }

  /** What is held here of a subject that begins anew is let go: it has all there is. */
  reset(targets: readonly Pick<Charge, 'limit' | 'scope' | 'subject'>[]): MaybePromise<void> {
    for (const target of targets) this.pools.delete(target)
    return this.inner.reset(targets)
  }

  /** Gives back what is held, then closes the store. */
  async close(): Promise<void> {
    this.isClosed = true
    this.unlook?.()
    const now = this.now()
    const held = [...this.pools.values()].flatMap((pool) => pool.grants.map((grant) => ({ pool, grant })))
    this.pools.clear()
    await Promise.all(held.map(({ pool, grant }) => this.giveUp(pool, grant, now)))
    await this.inner.close?.()
  }

  /** Takes the units from a lease that has them, or nothing. */
  private spend(charge: Charge, now: Instant): Spent | undefined {
    const { cost, limit, receipt } = charge
    if (!(cost > 0) || receipt !== undefined) return undefined
    const pool = this.pools.get(charge)
    if (pool === undefined || !isSameRule(pool.charge.limit, limit)) return undefined
    const grant = pool.find(cost, now)
    if (grant === undefined) return undefined
    pool.spend(grant, cost)
    return { pool, grant, units: cost }
  }

  private letGo(spent: readonly (Spent | undefined)[], now: Instant): void {
    for (const one of spent) if (one !== undefined && isLive(one.grant, now)) one.grant.left += one.units
  }

  /** The outcomes of both, in the order of the charges; what was held is let go if the rest was refused. */
  private join(charges: readonly Charge[], spent: readonly (Spent | undefined)[], plain: readonly Charge[], outcomes: Outcomes): Outcomes {
    const now = this.now()
    for (const [i, charge] of plain.entries()) this.heard(charge, outcomes[i])
    const refused = outcomes.some((outcome) => outcome?.allowed === false)
    if (refused && charges.length === 1) {
      // A lease may have come meanwhile, perhaps with the very unit that the store could not give any more.
      const late = this.spend(charges[0] as Charge, now)
      if (late !== undefined) return [told(late, now)]
    }
    if (plain.length === charges.length) return outcomes
    if (refused) this.letGo(spent, now)
    let next = 0
    return spent.map((one) => {
      if (one === undefined) return outcomes[next++]
      return refused ? { ...told(one, now), granted: 0, receipt: undefined } : told(one, now)
    })
  }

  private heard(charge: Charge, outcome: Outcome | undefined): void {
    if (outcome?.source !== this.inner.name) return
    const pool = this.pools.get(charge)
    if (pool !== undefined && isSameRule(pool.charge.limit, charge.limit)) pool.rest = outcome.remaining
  }

  /** Notes what is wanted of each leasable subject, and asks for units where there is need. */
  private renew(charges: readonly Charge[], spent: readonly (Spent | undefined)[], now: Instant): void {
    for (let i = 0; i < charges.length; i++) {
      const charge = charges[i] as Charge
      const pool = spent[i]?.pool ?? this.wanted(charge, now)
      if (pool === undefined || !isSameRule(pool.charge.limit, charge.limit)) continue
      pool.demand(charge.cost, now)
      const size = pool.size(now)
      if (size > 0) this.ask(pool, size)
    }
  }

  /** The pool of a subject that is hot, or is by now. */
  private wanted(charge: Charge, now: Instant): Pool | undefined {
    const terms = charge.cost > 0 && charge.receipt === undefined ? this.termsOf(charge.limit) : undefined
    return terms === undefined ? undefined : (this.pools.get(charge) ?? this.promote(charge, terms, now))
  }

  private promote(charge: Charge, terms: Terms, now: Instant): Pool | undefined {
    const { hot, maxSubjects } = this.settings
    if (this.pools.size >= maxSubjects || this.sketch.add(charge, now.monotonic) < hot) return undefined
    const jitter = (randomWords(1)[0] as number) / 2 ** 32
    const pool = new Pool({ ...charge, subject: detach(charge.subject) }, terms, now, hot, jitter)
    this.pools.set(pool.charge, pool)
    this.lookLater()
    return pool
  }

  /** Never tried again: whether a lease was granted that nobody heard of, nobody knows. */
  private ask(pool: Pool, units: number): void {
    pool.asking = true
    const { ttl, ceiling } = pool.terms
    const asked = this.now()
    const failed = (): void => {
      pool.asking = false
      pool.askFrom = this.now().monotonic + ttl
    }
    try {
      // Closed: no tier below may charge, or lease, in the store's stead.
      const answer = this.inner.consume([{ ...pool.charge, cost: units }], { lease: { ttl, ceiling }, atLeast: 1, failMode: 'closed' })
      const granted = chain(answer, ([outcome]) => this.answered(pool, outcome, asked))
      if (isPromise(granted)) granted.catch(failed)
    } catch {
      failed()
    }
  }

  private answered(pool: Pool, outcome: Outcome | undefined, asked: Instant): void {
    const now = this.now()
    pool.asking = false
    if (outcome === undefined || outcome.source !== this.inner.name || (outcome.granted > 0 && outcome.leaseFor <= 0)) {
      pool.askFrom = now.monotonic + BARREN_FOR
      if (outcome !== undefined && outcome.granted > 0) void this.handBack(pool, outcome, outcome.granted)
      return
    }
    pool.rest = outcome.remaining
    if (!outcome.allowed) {
      pool.askFrom = now.monotonic + Math.min(outcome.retryAfter, pool.terms.ttl)
      return
    }
    this.granted += 1
    const grant = {
      number: this.granted,
      outcome,
      asked,
      answered: now,
      left: outcome.granted,
      mark: `${MARK}${this.ownerId()}:${this.granted}`,
    }
    if (this.isClosed || this.pools.get(pool.charge) !== pool) void this.giveUp(pool, grant, now)
    else pool.add(grant)
  }

  /** Lets a lease go, and gives back what is left of it, while it lives: later it would be dropped. */
  private giveUp(pool: Pool, grant: Grant, now: Instant): MaybePromise<void> {
    pool.remove(grant)
    const units = grant.left
    grant.left = 0
    return units > 0 && isLive(grant, now) ? this.handBack(pool, grant.outcome, units) : undefined
  }

  /** Once: an unknown end counts as done. Too much stays taken, never too little. */
  private async handBack(pool: Pool, { receipt }: Outcome, units: number): Promise<void> {
    try {
      await this.inner.consume([{ ...pool.charge, cost: -units, receipt }], { failMode: 'closed' })
    } catch {}
  }

  /** A decision with receipts of leases: back to the lease, if it still lives and the rest was done too; else to nobody. */
  private giveBack(charges: readonly Charge[], options: ConsumeOptions): MaybePromise<Outcomes> {
    const others = charges.flatMap((charge) => (!isHeld(charge) ? [charge] : charge.cost < 0 ? [] : [{ ...charge, receipt: undefined }]))
    const join = (outcomes: Outcomes): Outcomes => {
      const done = options.how !== 'peek' && outcomes.every((outcome) => outcome?.allowed !== false)
      const now = this.now()
      let next = 0
      return charges.map((charge) => (isHeld(charge) && charge.cost < 0 ? this.restore(charge, done, now) : outcomes[next++]))
    }
    return others.length === 0 ? join([]) : chain(this.inner.consume(others, options), join)
  }

  private restore(charge: Charge, done: boolean, now: Instant): Outcome {
    const [, owner, number, taken] = String(charge.receipt).split(':')
    const pool = owner === this.owner ? this.pools.get(charge) : undefined
    const grant = pool?.grants.find((one) => one.number === Number(number))
    if (pool === undefined || grant === undefined || !isLive(grant, now)) return nothing(now)
    const units = done ? Math.max(0, Math.min(-charge.cost, Number(taken), grant.outcome.granted - grant.left)) : 0
    grant.left += units
    return { ...told({ pool, grant, units: 0 }, now), receipt: undefined, granted: units === 0 ? 0 : -units }
  }

  /** Leases that nobody spends go back in time, and what was hot and is cold is forgotten. The one timer, while there are hot subjects. */
  private look(): void {
    const now = this.now()
    const { ttl } = this.settings
    for (const pool of this.pools.values()) {
      const idle = now.monotonic - pool.wanted
      for (const grant of pool.grants.slice()) {
        const age = passed(grant.asked, now)
        if (!isLive(grant, now)) pool.remove(grant)
        else if (grant.left > 0 && (idle >= IDLE_AFTER * ttl || age >= RETURN_AT * grant.outcome.leaseFor))
          void this.giveUp(pool, grant, now)
      }
      // What it still holds is to go back, or is lost.
      if (idle >= COLD_AFTER && !pool.asking && pool.left(now) === 0) this.pools.delete(pool.charge)
    }
    this.lookLater()
  }

  private lookLater(): void {
    this.unlook?.()
    this.unlook = undefined
    if (this.pools.size === 0 || this.isClosed) return
    const { clock, ttl } = this.settings
    const after = clock.after?.bind(clock) ?? systemClock.after
    this.unlook = after(LOOK_EVERY * ttl, () => this.look())
  }

  private termsOf(limit: Limit): Terms | undefined {
    let terms = this.terms.get(limit)
    if (terms === undefined) this.terms.set(limit, (terms = termsOf(limit, this.settings) ?? 'none'))
    return terms === 'none' ? undefined : terms
  }

  private ownerId(): string {
    if (this.owner === '') this.owner = uniqueId()
    return this.owner
  }

  private now(): Instant {
    return instantOf(this.settings.clock)
  }
}

function isHeld({ receipt }: Charge): boolean {
  return typeof receipt === 'string' && receipt.startsWith(MARK)
}

/** What this process surely has: others may have taken the rest since the lease was granted. */
function told({ pool, grant, units }: Spent, now: Instant): Outcome {
  const { outcome, answered, mark } = grant
  const since = Math.max(0, now.monotonic - answered.monotonic)
  const until = (ms: number): number => Math.max(1, Math.ceil(ms - since))
  return {
    allowed: true,
    remaining: pool.left(now),
    retryAfter: 0,
    nextAfter: until(outcome.nextAfter),
    resetAfter: until(outcome.resetAfter),
    delay: 0,
    source: 'lease',
    at: outcome.at + Math.round(since * 1_000),
    receipt: `${mark}:${units}`,
    leaseFor: 0,
    granted: units,
  }
}

/** The answer to a receipt whose lease is over. */
function nothing(now: Instant): Outcome {
  const waits = { retryAfter: 0, nextAfter: 0, resetAfter: 0, delay: 0 }
  const at = Math.round(now.wall * 1_000)
  return { allowed: true, remaining: 0, ...waits, source: 'lease', at, receipt: undefined, leaseFor: 0, granted: 0 }
}
