import { algorithmOf } from '../algorithms/registry.ts'
import { type Clock, systemClock } from '../clock.ts'
import { boundedKey, detach } from '../memory/bounded-key.ts'
import { invalid } from '../errors.ts'
import type { Limit } from '../limit.ts'
import { knownOptions } from '../known-options.ts'
import { isPromise, type MaybePromise } from '../runtime.ts'
import type { Charge, ConsumeOptions, Outcome, Store } from '../store.ts'
import { type Instant, instantOf, passed } from './instant.ts'
import { isSameRule, layerOver } from './layer.ts'
import { hashOf, type Place, Places } from './places.ts'

export interface DenyCacheOptions {
  /** The most refused subjects that are remembered, 1 to 1,000,000; default 10,000. One under three limits counts three times. */
  readonly maxSubjects?: number | undefined
  /** Of this process; default the system's. */
  readonly clock?: Clock | undefined
}

/**
 * Answers a subject that was refused a moment ago without asking the store: a refusal at one cost holds for this cost and every
 * larger one until its `retryAfter` has passed, for at most 1 s. Refunds, resets and charges through this layer end it at once;
 * those of other processes are seen when it ends. It may refuse for that long what the store would admit, and never admits.
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN
 */
export function denyCache(inner: Store, options: DenyCacheOptions = {}): Store {
  const cache = new DenyCache(inner, options)
  return layerOver(inner, {
    consume: (charges, how) => cache.consume(charges, how),
    reset: (targets) => cache.reset(targets),
  })
}

/** ms: what another process gives back is seen no later. */
const LONGEST = 1_000
/** Subjects share these marks by their hash: a mark that another has set costs a call, and no more. */
const MARKS = 1_024

type Outcomes = readonly (Outcome | undefined)[]

/** The smallest cost that was refused. */
interface Refusal {
  readonly place: Place
  readonly limit: Limit
  readonly cost: number
  readonly outcome: Outcome
  /** Before the store was asked: from here on its wait is running. */
  readonly asked: Instant
  /** When it had answered: from here on the time that was told has passed for sure. */
  readonly answered: Instant
}

class DenyCache {
  private readonly inner: Store
  private readonly clock: Clock
  private readonly max: number
  private readonly refusals = new Places<Refusal>()
  /** In the order of their coming, which is nearly that of their end. */
  private readonly order = new Set<Refusal>()
  /** The number of the last change to a subject with this hash: a refusal from before it must not be kept. */
  private readonly changed = new Float64Array(MARKS)
  private changes = 0

  constructor(inner: Store, options: DenyCacheOptions) {
    knownOptions('denyCache', options, ['maxSubjects', 'clock'])
    const { maxSubjects = 10_000, clock = systemClock } = options
    if (!Number.isInteger(maxSubjects) || maxSubjects < 1 || maxSubjects > 1_000_000)
      throw invalid('denyCache: maxSubjects', 'a whole number from 1 to 1000000', maxSubjects)
    if (typeof clock?.now !== 'function') throw invalid('denyCache: clock', 'an object with a function now()', clock)
    this.inner = inner
    this.clock = clock
    this.max = maxSubjects
  }

  consume(charges: readonly Charge[], options: ConsumeOptions = {}): MaybePromise<Outcomes> {
    const { how = 'charge', lease } = options
    if (how === 'peek') return this.inner.consume(charges, options)
    // A lease may be refused by its ceiling, which is no refusal of the limit.
    if (how === 'force' || lease !== undefined || !charges.every(isPlain))
      return this.changing(charges, () => this.inner.consume(charges, options))
    const asked = instantOf(this.clock)
    const known = this.refused(charges, options, asked)
    if (known !== undefined) return known
    const before = this.changes
    const learn = (outcomes: Outcomes): Outcomes => {
      this.learn(charges, outcomes, options, asked, before)
      return outcomes
    }
    const outcomes = this.inner.consume(charges, options)
    // Without an answer it may have been charged, and then the waits are longer.
    return isPromise(outcomes) ? outcomes.then(learn, (error: unknown) => this.failed(charges, error)) : learn(outcomes)
  }

  reset(targets: readonly Pick<Charge, 'limit' | 'scope' | 'subject'>[]): MaybePromise<void> {
    return this.changing(targets, () => this.inner.reset(targets))
  }

  /** Forgets before, since the store may act at any moment from now on, and after, since it may have refused until then. */
  private changing<T>(targets: readonly Place[], run: () => MaybePromise<T>): MaybePromise<T> {
    this.forget(targets)
    const result = run()
    if (!isPromise(result)) return result
    return result.then(
      (value) => {
        this.forget(targets)
        return value
      },
      (error: unknown) => this.failed(targets, error),
    )
  }

  private failed(targets: readonly Place[], error: unknown): never {
    this.forget(targets)
    throw error
  }

  private forget(targets: readonly Place[]): void {
    this.changes += 1
    for (const target of targets) this.forgetOne(target)
  }

  private forgetOne(target: Place): void {
    if (this.order.size > 0) this.drop(this.refusals.get(target))
    this.changed[markOf(target)] = this.changes
  }

  private drop(refusal: Refusal | undefined): void {
    if (refusal === undefined) return
    this.refusals.delete(refusal.place)
    this.order.delete(refusal)
  }

  /** The answer to a decision that has a charge known to be refused. */
  private refused(charges: readonly Charge[], options: ConsumeOptions, now: Instant): Outcomes | undefined {
    if (this.refusals.size === 0) return undefined
    let found: (Outcome | undefined)[] | undefined
    for (let i = 0; i < charges.length; i++) {
      const charge = charges[i] as Charge
      const refusal = this.refusals.get(charge)
      if (refusal === undefined || leastOf(charge, options) < refusal.cost || !isSameRule(refusal.limit, charge.limit)) continue
      if (passed(refusal.asked, now) >= lifeOf(refusal.outcome)) continue
      found ??= charges.map(() => undefined)
      found[i] = told(refusal, leastOf(charge, options), now)
    }
    return found
  }

  private learn(charges: readonly Charge[], outcomes: Outcomes, options: ConsumeOptions, asked: Instant, before: number): void {
    this.changes += 1
    let refused = false
    for (let i = 0; i < charges.length; i++) {
      const outcome = outcomes[i]
      if (outcome === undefined) continue
      if (outcome.granted !== 0) this.forgetOne(charges[i] as Charge)
      if (!outcome.allowed) refused = true
    }
    if (!refused) return
    let answered: Instant | undefined
    for (const [i, charge] of charges.entries()) {
      const outcome = outcomes[i]
      if (outcome === undefined || !this.mayKeep(charge, outcome)) continue
      // Behind another charge of its own subject it was refused for both of them.
      if (charges.findIndex((other) => isSamePlace(other, charge)) < i || (this.changed[markOf(charge)] as number) > before) continue
      answered ??= instantOf(this.clock)
      const { scope, subject, limit } = charge
      this.keep({ place: { scope, subject: detach(boundedKey(subject)) }, limit, cost: leastOf(charge, options), outcome, asked, answered })
    }
  }

  private mayKeep({ limit, scope }: Charge, { allowed, source, held, retryAfter }: Outcome): boolean {
    if (allowed || held === true || retryAfter <= 1 || source !== this.inner.name) return false
    // A shadow policy reports what its own state says, each time.
    return algorithmOf(limit).denyCacheable && !scope.startsWith('~')
  }

  private keep(refusal: Refusal): void {
    const known = this.refusals.get(refusal.place)
    const lives = known !== undefined && passed(known.asked, refusal.answered) < lifeOf(known.outcome)
    if (lives && known.cost < refusal.cost && isSameRule(known.limit, refusal.limit)) return
    this.drop(known)
    if (this.order.size >= this.max) this.drop(this.order.values().next().value)
    this.refusals.set(refusal.place, refusal)
    this.order.add(refusal)
  }
}

function markOf(place: Place): number {
  return hashOf(place) % MARKS
}

function isSamePlace(a: Place, b: Place): boolean {
  return a.scope === b.scope && a.subject === b.subject
}

/** ms. A wait is told rounded up: in its last ms only the store knows whether it is over. */
function lifeOf({ retryAfter }: Outcome): number {
  return Math.min(retryAfter - 1, LONGEST)
}

function isPlain({ cost, receipt }: Charge): boolean {
  return cost >= 0 && receipt === undefined
}

/** The units without which the charge is refused. */
function leastOf({ cost }: Charge, { atLeast = 0 }: ConsumeOptions): number {
  return atLeast >= 1 ? Math.min(cost, atLeast) : cost
}

/** What the store would say now, as far as is known: no wait is shorter, and no more is left. */
function told(refusal: Refusal, cost: number, now: Instant): Outcome {
  const { limit, outcome } = refusal
  const since = Math.max(0, now.monotonic - refusal.answered.monotonic)
  const left = (ms: number): number => (ms === 0 ? 0 : Math.max(1, Math.ceil(ms - since)))
  return {
    allowed: false,
    remaining: outcome.remaining,
    retryAfter: left(cost === refusal.cost ? outcome.retryAfter : longestWait(limit, cost, outcome)),
    nextAfter: left(outcome.nextAfter),
    resetAfter: left(outcome.resetAfter),
    delay: 0,
    source: 'deny-cache',
    at: outcome.at + Math.round(since * 1_000),
    receipt: undefined,
    leaseFor: 0,
    granted: 0,
  }
}

/** Of a larger cost than the refused one nobody asked the store: it waits no longer than until nothing is used any more. */
function longestWait(limit: Limit, cost: number, { retryAfter, resetAfter }: Outcome): number {
  return cost > algorithmOf(limit).quota(limit) ? Infinity : Math.max(retryAfter, resetAfter)
}
