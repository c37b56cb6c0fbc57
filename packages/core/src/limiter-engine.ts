import { algorithmOf } from './algorithms/registry.ts'
import { type Decision, type DecisionContext, decisionOf } from './decision.ts'
import { invalid, quoted, SluiceError } from './errors.ts'
import type { CallOptions, Cost, Limiter, Subject } from './limiter.ts'
import { memoryStore } from './memory/memory-store.ts'
import { claimName } from './name-registry.ts'
import type { ObserverHub } from './observers.ts'
import { type LimitSet, limitsOf, type ScopedLimit, type Policy } from './policy.ts'
import { chain, isPromise, type MaybePromise, runtime } from './runtime.ts'
import type { Charge, ConsumeOptions, FailMode, Outcome, Source, Store, StoreHealth } from './store.ts'
import { isSubjectValue, subjectOf, targetsOf } from './subject-values.ts'

let enabled = true

/**
 * Turns all limiters of this process off, or on again. Off, each behaves as in `mode: 'off'`: it allows every request.
 * @throws ERR_OPTION_INVALID unless `on` is a boolean
 * @example
 * ```ts
 * import { setEnabled } from '@sluice/core'
 *
 * // An operator stops all limiting without a deployment: kill -USR2 <pid>.
 * process.on('SIGUSR2', () => setEnabled(false))
 * ```
 */
export function setEnabled(on: boolean): void {
  if (typeof on !== 'boolean') throw invalid('setEnabled', 'true or false', on)
  enabled = on
}

/** The limiter that `createLimiter` returns and that the HTTP pipeline uses. */
export class LimiterEngine implements Limiter {
  readonly name: string
  readonly policy: Policy
  /** Whether it was defined as `{ limit, window }`. Headers then give its only limit the name of the policy. */
  readonly shorthand: boolean
  readonly observers: ObserverHub
  private readonly store: Store
  private context: DecisionContext
  private readonly options: Readonly<Record<'charge' | 'peek' | 'force', ConsumeOptions>>
  private readonly settled: WeakSet<Decision>
  private readonly peeked: WeakSet<Decision>
  /** The policies of the first limiter and of all limiters derived from it. `reset` deletes the state of each. */
  private readonly policies: Policy[]
  private readonly onClose: () => MaybePromise<void>

  constructor(policy: Policy, store: Store | undefined, observers: ObserverHub, shorthand = false, parent?: LimiterEngine) {
    if (store !== undefined && (typeof store?.consume !== 'function' || typeof store.reset !== 'function'))
      throw invalid('store', 'a Store such as memoryStore()', store)
    this.name = policy.name
    this.policy = policy
    this.shorthand = shorthand
    this.observers = observers
    this.store = store ?? parent?.store ?? memoryStore()
    this.settled = parent?.settled ?? new WeakSet()
    this.peeked = parent?.peeked ?? new WeakSet()
    this.policies = parent?.policies ?? []
    this.policies.push(policy)
    const { failMode, mode } = policy
    this.context = { policy: policy.name, tier: undefined, mode }
    this.options = { charge: { failMode }, peek: { how: 'peek', failMode }, force: { how: 'force', failMode } }
    if (parent !== undefined) {
      this.onClose = () => undefined
      return
    }
    // node:cluster sets this variable in its workers. Each worker has its own memory store.
    if (this.store.name === 'memory' && runtime.process?.env?.['NODE_UNIQUE_ID'] !== undefined) {
      observers.warnOrThrow(
        'WARN_MEMORY_IN_CLUSTER',
        'each worker of a cluster has its own memory store, so clients get the limit once per worker; use a store that the workers share',
      )
    }
    const releaseName = claimName(this.store, policy, observers)
    const unfollow = observers.follow(this.store, tiersOf(failMode))
    this.onClose = () => {
      releaseName()
      unfollow()
      return store === undefined ? this.store.close?.() : undefined
    }
  }

  /** A limiter with other limits, and the same name, store and observers. Each can settle the decisions of the other. */
  derive(policy: Policy): LimiterEngine {
    return new LimiterEngine(policy, undefined, this.observers, this.shorthand, this)
  }

  consume(subject: Subject<string>, options?: CallOptions<string, string>): MaybePromise<Decision> {
    return this.decide(this.limitsOf(options?.tier), subject, options?.cost, 'charge')
  }

  peek(subject: Subject<string>, options?: CallOptions<string, string>): MaybePromise<Decision> {
    return chain(this.decide(this.limitsOf(options?.tier), subject, options?.cost, 'peek'), (decision) => {
      this.peeked.add(decision)
      return decision
    })
  }

  penalize(subject: Subject<string>, options?: CallOptions<string, string>): MaybePromise<Decision> {
    return this.decide(this.limitsOf(options?.tier), subject, options?.cost, 'force')
  }

  settle(decision: Decision, actual: Cost<string>): MaybePromise<void> {
    this.checkOwn(decision)
    this.checkCost(actual)
    if (this.settled.has(decision) || this.peeked.has(decision) || decision.verdict !== 'allowed') return
    this.settled.add(decision)
    return this.correct(decision, (charge, outcome, holds) =>
      holds ? -outcome.granted : (costOf(charge.limit.name, actual) ?? outcome.granted) - outcome.granted,
    )
  }

  refund(decision: Decision): MaybePromise<void> {
    return this.settle(decision, 0)
  }

  release(decision: Decision): MaybePromise<void> {
    this.checkOwn(decision)
    return this.correct(decision, (_, outcome, holds) => (holds ? -outcome.granted : 0))
  }

  renew(decision: Decision): MaybePromise<void> {
    this.checkOwn(decision)
    const charges = decision.charges.flatMap((charge, i) => {
      const receipt = decision.outcomes[i]?.receipt
      return this.holds(charge) && receipt !== undefined ? [{ ...charge, cost: 1, receipt }] : []
    })
    if (charges.length > 0) return chain(this.store.consume(charges, this.options.charge), () => undefined)
  }

  reset(subject: Subject<string>): MaybePromise<void> {
    this.checkSubject(subject)
    return this.store.reset(targetsOf(this.policies, ({ limit }) => subjectOf(limit.name, subject)))
  }

  /** Calls `visit` with each limit of this limiter, and of those derived from it. */
  eachLimit(visit: (scoped: ScopedLimit, policy: Policy) => undefined): void {
    targetsOf(this.policies, visit)
  }

  /** Deletes the state of the subject that `subjectFor` returns for each limit. False: it returned none. */
  resetEach(subjectFor: Parameters<typeof targetsOf>[1]): MaybePromise<boolean> {
    const targets = targetsOf(this.policies, subjectFor)
    return targets.length > 0 && chain(this.store.reset(targets), () => true)
  }

  health(): StoreHealth {
    const health = this.store.health?.() ?? { tier: this.store.name, breaker: 'closed' }
    return { ...health, tier: tiersOf(this.policy.failMode)(health.tier) }
  }

  close(): MaybePromise<void> {
    return this.onClose()
  }

  /** The limits of a tier. Warns once if the tier is unknown and the first tier's limits apply. */
  limitsOf(tier: string | undefined): LimitSet {
    return limitsOf(this.policy, tier) ?? this.firstTier(tier)
  }

  private firstTier(tier: string | undefined): LimitSet {
    const set = this.policy.tiers.values().next().value as LimitSet
    this.observers.warn(
      'WARN_TIER_DEFAULTED',
      `no limits for tier ${tier === undefined ? 'undefined' : quoted(tier)}, so those of ${quoted(String(set.tier))}, the first tier listed, apply; list the tier, or give limits beside tiers`,
    )
    return set
  }

  /** Makes one decision over a set of limits. */
  decide(
    set: LimitSet,
    subject: Subject<string>,
    cost: Cost<string> | undefined,
    how: 'charge' | 'peek' | 'force',
  ): MaybePromise<Decision> {
    this.checkSubject(subject)
    if (cost !== undefined) this.checkCost(cost)
    const context = this.contextOf(set.tier)
    if (context.mode === 'off' || !enabled) return this.report(decisionOf({ ...context, mode: 'off' }, [], []))
    if (set.limits.length === 0) return this.report(decisionOf(context, [], []))
    const { limits } = set
    // A literal for the usual single limit: map() costs a call and a longer allocation.
    const charges =
      limits.length === 1
        ? [this.chargeOf(limits[0] as ScopedLimit, subject, cost)]
        : limits.map((scoped) => this.chargeOf(scoped, subject, cost))
    const outcomes = this.store.consume(charges, this.options[how])
    if (isPromise(outcomes)) return outcomes.then((later) => this.report(decisionOf(context, charges, later)))
    return this.report(decisionOf(context, charges, outcomes))
  }

  /** Nearly all decisions have the same context, so its object is used again. */
  private contextOf(tier: string | undefined): DecisionContext {
    if (this.context.tier !== tier) this.context = { ...this.context, tier }
    return this.context
  }

  private report(decision: Decision): Decision {
    this.observers.emitDecision(decision)
    if (decision.retryAfter === Infinity) this.warnCostNever(decision.binding?.name)
    return decision
  }

  private warnCostNever(name: string | undefined): void {
    this.observers.warn(
      'WARN_COST_NEVER',
      `a request costs more than limit "${name}" ever admits, so it is always refused; raise the limit or its burst, or refuse such requests yourself`,
      name,
    )
  }

  private chargeOf({ limit, scope, holds }: ScopedLimit, subject: Subject<string>, cost: Cost<string> | undefined): Charge {
    const named = subjectOf(limit.name, subject)
    if (named === undefined) throw this.subjectMissing(limit.name, subject)
    const units = typeof cost === 'number' && holds ? 1 : costOf(limit.name, cost)
    return { limit, scope, subject: named, cost: units ?? 1 }
  }

  private subjectMissing(name: string, subject: Subject<string>): SluiceError {
    return new SluiceError(
      'ERR_SUBJECT_MISSING',
      `limiter "${this.name}": expected a subject for limit "${name}", got ${Object.keys(subject).join(', ') || 'none'}`,
    )
  }

  /** Gives back (below 0) or charges (above 0) the units that `change` returns for each charge of a decision. */
  private correct(decision: Decision, change: (charge: Charge, outcome: Outcome, holds: boolean) => number): MaybePromise<void> {
    const charges: Charge[] = []
    for (const [i, charge] of decision.charges.entries()) {
      const outcome = decision.outcomes[i]
      if (outcome === undefined) continue
      const cost = change(charge, outcome, this.holds(charge))
      if (cost > 0) charges.push({ ...charge, cost })
      if (cost < 0 && outcome.receipt !== undefined) charges.push({ ...charge, cost, receipt: outcome.receipt })
    }
    if (charges.length > 0) return chain(this.store.consume(charges, this.options.force), () => undefined)
  }

  private holds(charge: Charge): boolean {
    return algorithmOf(charge.limit).holds
  }

  private checkOwn(decision: Decision): void {
    if (decision?.policy !== this.name)
      throw invalid(`limiter "${this.name}"`, 'a decision that this limiter made', decision?.policy ?? decision, 'ERR_DECISION_FOREIGN')
  }

  checkSubject(subject: Subject<string>): void {
    // The other cases are apart, so that V8 inlines this method into each decision. So are the errors and warnings above.
    if (typeof subject !== 'string' || subject === '') this.checkSubjects(subject)
  }

  private checkSubjects(subject: Subject<string>): void {
    const expected = 'a string that is not empty, or a list of such strings'
    if (isSubjectValue(subject)) return
    if (typeof subject !== 'object' || subject === null || Array.isArray(subject))
      throw invalid(`limiter "${this.name}": subject`, `${expected}, or an object of them by limit`, subject, 'ERR_SUBJECT_INVALID')
    for (const [name, value] of Object.entries(subject)) {
      this.checkLimitName(name, 'subject', 'ERR_SUBJECT_INVALID')
      if (!isSubjectValue(value)) throw invalid(`limiter "${this.name}": subject.${name}`, expected, value, 'ERR_SUBJECT_INVALID')
    }
  }

  private checkCost(cost: Cost<string>): void {
    if (typeof cost === 'object' && cost !== null) {
      for (const [name, value] of Object.entries(cost)) {
        this.checkLimitName(name, 'cost', 'ERR_COST_INVALID')
        if (value !== undefined) this.checkUnits(value, `cost.${name}`)
      }
    } else this.checkUnits(cost, 'cost')
  }

  private checkUnits(units: number, what: string): void {
    if (!Number.isSafeInteger(units) || units < 0)
      throw invalid(`limiter "${this.name}": ${what}`, 'a whole number, 0 or more', units, 'ERR_COST_INVALID')
  }

  private checkLimitName(name: string, what: string, code: 'ERR_SUBJECT_INVALID' | 'ERR_COST_INVALID'): void {
    if (!this.policy.names.has(name))
      throw invalid(`limiter "${this.name}": ${what}`, `the name of a limit (${[...this.policy.names].join(', ')})`, name, code)
  }
}

/** A store always reports its fallback as `local`. A policy with another failure mode reports that mode. */
function tiersOf(failMode: FailMode | undefined): (tier: Source) => Source {
  return (tier) => (tier === 'local' && failMode !== undefined ? failMode : tier)
}

function costOf(name: string, cost: Cost<string> | undefined): number | undefined {
  return typeof cost === 'object' ? ownValue(cost, name) : cost
}

// Reads own properties only: a limit may be named `constructor`.
function ownValue<T>(values: Readonly<Partial<Record<string, T>>>, name: string): T | undefined {
  return Object.hasOwn(values, name) ? values[name] : undefined
}
