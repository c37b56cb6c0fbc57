import { chain, isPromise, type MaybePromise } from '../../runtime.ts'
import type { BlockChange, Charge, ConsumeOptions, Outcome, Store } from '../../store.ts'
import { type Instant, instantOf } from '../instant.ts'
import { minUnitsOf } from '../deny-cache/refusal.ts'
import { isSameLimit } from '../same-limit.ts'
import { requireWaitUntil } from '../background.ts'
import type { StateId } from '../state-map.ts'
import { wrapStore } from '../wrap-store.ts'
import { HotSubjects } from './hot-subjects.ts'
import { isLive } from './lease-pool.ts'
import { LeaseRequests } from './lease-requests.ts'
import { giveBackToStore, hasLeaseReceipt, leasedOutcome, readLeaseReceipt, type Spending } from './leased-outcome.ts'
import { type LeaseOptions, type LeaseParts, leaseSettings, type LeaseSettings } from './options.ts'

/**
 * A store that spends the units of hot subjects in this process, without a call. It requests units ahead: the wrapped store debits
 * them at once, and they are void after the ttl. The wrapped store must grant leases, as `redisStore` does.
 *
 * At most M units of a limit are on lease: `maxPart` of its quota, or fewer. In any time t, buckets admit at most
 * burst + rate·t + min(rate·ttl, M). Windows admit what they do without leases. A process that dies loses up to M units.
 *
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN; ERR_OPTION_CONFLICT on Cloudflare Workers without `waitUntil`
 * @example
 * ```ts
 * import { leases, type Store } from '@sluice/core'
 *
 * // `redisStore` has the option `leases`, so only stores of your own need this.
 * export const withLeases = (store: Store): Store => leases(store, { ttl: 500, hot: 100 })
 * ```
 */
export function leases(inner: Store, options: LeaseOptions = {}, parts: LeaseParts = {}): Store {
  requireWaitUntil('leases', parts.waitUntil)
  const layer = new Leases(inner, leaseSettings(options, parts))
  return wrapStore(inner, {
    consume: (charges, how) => layer.consume(charges, how),
    reset: (targets) => layer.reset(targets),
    ...(inner.block && { block: (targets, ms) => layer.block(targets, ms) }),
    close: () => layer.close(),
    health: () => ({ ...(inner.health?.() ?? { tier: inner.name, breaker: 'closed' }), leased: layer.left() }),
  })
}

type Outcomes = readonly (Outcome | undefined)[]

class Leases {
  private readonly inner: Store
  private readonly settings: LeaseSettings
  private readonly requests: LeaseRequests
  private readonly subjects: HotSubjects
  /** Whether timers and I/O end with the request that began them. */
  private readonly isPerRequest: boolean
  private isClosed = false

  constructor(inner: Store, settings: LeaseSettings) {
    this.inner = inner
    this.settings = settings
    this.isPerRequest = settings.waitUntil !== undefined
    this.requests = new LeaseRequests(inner, settings)
    this.subjects = new HotSubjects(settings, this.requests)
  }

  consume(charges: readonly Charge[], options: ConsumeOptions = NO_OPTIONS): MaybePromise<Outcomes> {
    if (charges.some(hasLeaseReceipt)) return this.giveBack(charges, options)
    if ((options.how ?? 'charge') !== 'charge' || options.lease !== undefined || this.isClosed) return this.inner.consume(charges, options)
    const now = this.now()
    if (this.isPerRequest) this.subjects.poll()
    const spent = charges.map((charge) => this.spend(charge, now))
    if (options.atLeast !== undefined && charges.length > 1 && spent.includes(undefined)) {
      // All charges take the same number of units, which only the store can tell.
      this.unspend(spent, now)
      spent.fill(undefined)
    }
    if (!spent.includes(undefined)) {
      const outcomes = spent.map((spending) => leasedOutcome(spending as Spending, now))
      this.renew(charges, spent, now)
      return outcomes
    }
    return this.consumeRest(charges, spent, options, now)
  }

  /** Units on lease that are not spent. */
  left(): number {
    return this.subjects.left(this.now())
  }

  /** A subject that is reset has its whole limit again, so its leases must not be added to it. */
  reset(targets: readonly StateId[]): MaybePromise<boolean | void> {
    const now = this.now()
    let hadUnits = false
    for (const target of targets) {
      const pool = this.subjects.drop(target)
      if (pool !== undefined && pool.left(now) > 0) hadUnits = true
    }
    return chain(this.inner.reset(targets), (found) => (found === false ? hadUnits : found))
  }

  /** This process stops at once. Others have leases for at most their ttl, and get no new ones. */
  block(targets: readonly StateId[], ms: number): MaybePromise<BlockChange> {
    const now = this.now()
    for (const target of targets) {
      const pool = this.subjects.drop(target)
      if (pool !== undefined) this.requests.giveUpAll(pool, now)
    }
    return this.inner.block?.(targets, ms) as MaybePromise<BlockChange>
  }

  /** Gives back all leases, then closes the wrapped store. */
  async close(): Promise<void> {
    this.isClosed = true
    await this.subjects.close(this.now())
    await this.inner.close?.()
  }

  /** Takes the units from a lease that has them, or as many as it has, but not less than `least`. */
  private spend(charge: Charge, now: Instant, least: number = charge.cost): Spending | undefined {
    const { cost, limit, receipt } = charge
    if (!(cost > 0) || receipt !== undefined) return undefined
    const pool = this.subjects.find(charge)
    if (pool === undefined || !isSameLimit(pool.charge.limit, limit)) return undefined
    const grant = pool.find(least, now)
    if (grant === undefined) return undefined
    const units = Math.min(cost, grant.left)
    pool.spend(grant, units)
    return { pool, grant, units }
  }

  private unspend(spent: readonly (Spending | undefined)[], now: Instant): void {
    for (const spending of spent) {
      if (spending !== undefined && isLive(spending.grant, now)) spending.grant.left += spending.units
    }
  }

  /** Charges in one call the charges that no lease could pay. */
  private consumeRest(
    charges: readonly Charge[],
    spent: readonly (Spending | undefined)[],
    options: ConsumeOptions,
    now: Instant,
  ): MaybePromise<Outcomes> {
    const rest = charges.length === 1 ? charges : charges.filter((_, i) => spent[i] === undefined)
    let answer: MaybePromise<Outcomes>
    try {
      answer = this.inner.consume(rest, options)
    } catch (error) {
      this.unspend(spent, now)
      throw error
    }
    // After the call: a lease that is requested before it could take the unit that the call needs.
    this.renew(charges, spent, now)
    const join = (outcomes: Outcomes): Outcomes => this.join(charges, spent, rest, outcomes, options)
    if (!isPromise(answer)) return join(answer)
    return answer.then(join, (error: unknown) => {
      this.unspend(spent, this.now())
      throw error
    })
  }

  /** The outcomes in the order of the charges. If the rest was refused, the spent units go back to their leases. */
  private join(
    charges: readonly Charge[],
    spent: readonly (Spending | undefined)[],
    rest: readonly Charge[],
    outcomes: Outcomes,
    options: ConsumeOptions,
  ): Outcomes {
    const now = this.now()
    for (const [i, charge] of rest.entries()) this.observe(charge, outcomes[i])
    const isRefused = outcomes.some((outcome) => outcome?.allowed === false)
    if (isRefused && charges.length === 1) {
      // A lease may have arrived meanwhile, perhaps with the unit that the store no longer had.
      const [charge] = charges as readonly [Charge]
      const late = this.spend(charge, now, minUnitsOf(charge, options))
      if (late !== undefined) return [leasedOutcome(late, now)]
    }
    if (rest.length === charges.length) return outcomes
    if (isRefused) this.unspend(spent, now)
    let next = 0
    return spent.map((spending) => {
      if (spending === undefined) return outcomes[next++]
      const outcome = leasedOutcome(spending, now)
      return isRefused ? { ...outcome, granted: 0, receipt: undefined } : outcome
    })
  }

  /** The size of the next lease depends on what the store has left. */
  private observe(charge: Charge, outcome: Outcome | undefined): void {
    if (outcome?.source !== this.inner.name) return
    const pool = this.subjects.find(charge)
    if (pool === undefined) return
    if (outcome.blocked === true) this.requests.giveUpAll(pool, this.now())
    else if (isSameLimit(pool.charge.limit, charge.limit)) pool.leftInStore = outcome.remaining
  }

  /** Records the demand for each leasable subject, and requests units where they run low. */
  private renew(charges: readonly Charge[], spent: readonly (Spending | undefined)[], now: Instant): void {
    for (let i = 0; i < charges.length; i++) {
      const charge = charges[i] as Charge
      const pool = spent[i]?.pool ?? this.subjects.count(charge, now)
      if (pool === undefined || !isSameLimit(pool.charge.limit, charge.limit)) continue
      pool.recordDemand(charge.cost, now)
      const units = pool.unitsToRequest(now)
      if (units > 0) this.requests.request(pool, units)
    }
  }

  /** Gives units back to their leases while these live, else to the store. Nothing goes back unless the store did the rest of the decision. */
  private giveBack(charges: readonly Charge[], options: ConsumeOptions): MaybePromise<Outcomes> {
    const sent = this.now()
    const held = charges.map((charge) => (hasLeaseReceipt(charge) && charge.cost < 0 ? this.grantOf(charge, sent) : undefined))
    const others = charges.flatMap((charge, i) => (held[i] === undefined ? [forStore(charge)] : []))
    const join = (outcomes: Outcomes): Outcomes => {
      const isDone = options.how !== 'peek' && outcomes.every((outcome) => outcome?.allowed !== false)
      const now = this.now()
      let next = 0
      return charges.map((charge, i) => {
        const live = held[i]
        return live === undefined ? outcomes[next++] : restore(live, charge, isDone, now)
      })
    }
    return others.length === 0 ? join([]) : chain(this.inner.consume(others, options), join)
  }

  /** The lease of a receipt, while it lives in this process. */
  private grantOf(charge: Charge, now: Instant): Held | undefined {
    const { mark } = readLeaseReceipt(charge)
    const pool = this.subjects.find(charge)
    const grant = pool?.grants.find((one) => one.mark === mark)
    return pool === undefined || grant === undefined || !isLive(grant, now) ? undefined : { pool, grant }
  }

  private now(): Instant {
    return instantOf(this.settings.clock)
  }
}

type Held = Pick<Spending, 'pool' | 'grant'>

/** A charge with a receipt of leased units, as the store can decide it. A positive cost cannot renew a lease: it is a charge of its own. */
function forStore(charge: Charge): Charge {
  if (!hasLeaseReceipt(charge)) return charge
  return charge.cost < 0 ? giveBackToStore(charge) : { ...charge, receipt: undefined }
}

function restore({ pool, grant }: Held, charge: Charge, isDone: boolean, now: Instant): Outcome {
  const { units: taken } = readLeaseReceipt(charge)
  const units = isDone ? Math.max(0, Math.min(-charge.cost, taken, grant.outcome.granted - grant.left)) : 0
  grant.left += units
  return { ...leasedOutcome({ pool, grant, units: 0 }, now), receipt: undefined, granted: units === 0 ? 0 : -units }
}

const NO_OPTIONS: ConsumeOptions = Object.freeze({})
