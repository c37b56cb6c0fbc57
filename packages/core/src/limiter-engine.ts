import { algorithmOf } from './algorithms/registry.ts'
import type { Asked, Decision } from './decision.ts'
import { decisionOf } from './decision.ts'
import { invalid, SluiceError } from './errors.ts'
import type { Ask, Cost, Limiter, Subject } from './limiter.ts'
import { memoryStore } from './memory/memory-store.ts'
import { claimName } from './name-registry.ts'
import type { ObserverHub } from './observers.ts'
import { type LimitSet, limitsOf, type PlacedLimit, type Policy, setsOf } from './policy.ts'
import { chain, isPromise, type MaybePromise, runtime } from './runtime.ts'
import type { Charge, ConsumeOptions, FailMode, Outcome, Source, Store, StoreHealth } from './store.ts'

let enabled = true

/** The kill switch of the process: off, every limiter behaves as in `mode: 'off'` until it is on again. */
export function setEnabled(on: boolean): void {
  if (typeof on !== 'boolean') throw invalid('setEnabled', 'true or false', on)
  enabled = on
}

/** What `createLimiter` returns, and what the HTTP pipeline drives. */
export class LimiterEngine implements Limiter {
  readonly name: string
  readonly policy: Policy
  /** Defined as `{ limit, window }`: the headers call its one limit by the policy's name. */
  readonly shorthand: boolean
  readonly observers: ObserverHub
  private readonly store: Store
  private asked: Asked
  private readonly options: Readonly<Record<'charge' | 'peek' | 'force', ConsumeOptions>>
  private readonly settled: WeakSet<Decision>
  private readonly peeked: WeakSet<Decision>
  /** Of the first limiter and all that were derived from it: what `reset` forgets. */
  private readonly family: Policy[]
  private readonly leave: () => MaybePromise<void>

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
    this.family = parent?.family ?? []
    this.family.push(policy)
    const { failMode, mode } = policy
    this.asked = { policy: policy.name, tier: undefined, mode }
    this.options = { charge: { failMode }, peek: { how: 'peek', failMode }, force: { how: 'force', failMode } }
    if (parent !== undefined) {
      this.leave = () => undefined
      return
    }
    // Set by node:cluster in its workers: each of them would count for itself.
    if (this.store.name === 'memory' && runtime.process?.env?.['NODE_UNIQUE_ID'] !== undefined) {
      observers.warnOrThrow(
        'WARN_MEMORY_IN_CLUSTER',
        'each worker of a cluster has a memory store of its own, so the limit is multiplied by their number; use a shared store such as Redis',
      )
    }
    const free = claimName(this.store, policy, observers)
    const unfollow = observers.follow(this.store, (tier) => tierOf(tier, failMode))
    this.leave = () => {
      free()
      unfollow()
      return store === undefined ? this.store.close?.() : undefined
    }
  }

  /** A limiter of the same name, store and observers with other sets of limits; each settles what the other decided. */
  derive(policy: Policy): LimiterEngine {
    return new LimiterEngine(policy, undefined, this.observers, this.shorthand, this)
  }

  consume(subject: Subject<string>, ask?: Ask<string, string>): MaybePromise<Decision> {
    return this.decide(this.limitsOf(ask?.tier), subject, ask?.cost, 'charge')
  }

  peek(subject: Subject<string>, ask?: Ask<string, string>): MaybePromise<Decision> {
    return chain(this.decide(this.limitsOf(ask?.tier), subject, ask?.cost, 'peek'), (decision) => {
      this.peeked.add(decision)
      return decision
    })
  }

  penalize(subject: Subject<string>, ask?: Ask<string, string>): MaybePromise<Decision> {
    return this.decide(this.limitsOf(ask?.tier), subject, ask?.cost, 'force')
  }

  settle(decision: Decision, actual: Cost<string>): MaybePromise<void> {
    this.own(decision)
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
    this.own(decision)
    return this.correct(decision, (_, outcome, holds) => (holds ? -outcome.granted : 0))
  }

  renew(decision: Decision): MaybePromise<void> {
    this.own(decision)
    const charges = decision.charges.flatMap((charge, i) => {
      const receipt = decision.outcomes[i]?.receipt
      return this.holds(charge) && receipt !== undefined ? [{ ...charge, cost: 1, receipt }] : []
    })
    if (charges.length > 0) return chain(this.store.consume(charges, this.options.charge), () => undefined)
  }

  reset(subject: Subject<string>): MaybePromise<void> {
    this.checkSubject(subject)
    const sets = this.family.flatMap(setsOf)
    // Each limit once, in however many sets it is.
    const placed = new Map(sets.flatMap(({ limits }) => limits.map(({ limit, scope }) => [limit, scope] as const)))
    return this.store.reset(
      [...placed].flatMap(([limit, scope]) => {
        const named = subjectOf(limit.name, subject)
        return named === undefined ? [] : [{ limit, scope, subject: named }]
      }),
    )
  }

  health(): StoreHealth {
    const health = this.store.health?.() ?? { tier: this.store.name, breaker: 'closed' }
    return { ...health, tier: tierOf(health.tier, this.policy.failMode) }
  }

  close(): MaybePromise<void> {
    return this.leave()
  }

  /** The limits of a tier, told once when it is the first for want of the one that was named. */
  limitsOf(tier: string | undefined): LimitSet {
    const { set, defaulted } = limitsOf(this.policy, tier)
    if (defaulted)
      this.observers.warn(
        'WARN_TIER_DEFAULTED',
        `no limits for tier ${tier === undefined ? 'undefined' : `"${tier}"`}; "${set.tier}", the first listed, holds. Give limits beside tiers to serve it`,
      )
    return set
  }

  /** One decision over a set of limits. */
  decide(
    set: LimitSet,
    subject: Subject<string>,
    cost: Cost<string> | undefined,
    how: 'charge' | 'peek' | 'force',
  ): MaybePromise<Decision> {
    this.checkSubject(subject)
    if (cost !== undefined) this.checkCost(cost)
    const asked = this.askedOf(set.tier)
    if (asked.mode === 'off' || !enabled) return this.announced(decisionOf({ ...asked, mode: 'off' }, [], []))
    if (set.limits.length === 0) return this.announced(decisionOf(asked, [], []))
    const charges = set.limits.map((placed) => this.chargeOf(placed, subject, cost))
    const outcomes = this.store.consume(charges, this.options[how])
    if (isPromise(outcomes)) return outcomes.then((later) => this.announced(decisionOf(asked, charges, later)))
    return this.announced(decisionOf(asked, charges, outcomes))
  }

  /** What a decision begins with: the same for nearly all of them. */
  private askedOf(tier: string | undefined): Asked {
    if (this.asked.tier !== tier) this.asked = { ...this.asked, tier }
    return this.asked
  }

  private announced(decision: Decision): Decision {
    this.observers.emitDecision(decision)
    if (decision.retryAfter === Infinity) {
      const name = decision.binding?.name
      this.observers.warn('WARN_COST_NEVER', `a request costs more than limit "${name}" ever allows, so it is refused for ever`, name)
    }
    return decision
  }

  private chargeOf({ limit, scope, holds }: PlacedLimit, subject: Subject<string>, cost: Cost<string> | undefined): Charge {
    const named = subjectOf(limit.name, subject)
    if (named === undefined)
      throw new SluiceError(
        'ERR_SUBJECT_MISSING',
        `limiter "${this.name}": expected a subject for limit "${limit.name}", got ${Object.keys(subject).join(', ') || 'none'}`,
      )
    const units = typeof cost === 'number' && holds ? 1 : costOf(limit.name, cost)
    return { limit, scope, subject: named, cost: units ?? 1 }
  }

  /** Gives back or charges the difference that `change` names for each charge of a decision. */
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

  private own(decision: Decision): void {
    if (decision?.policy !== this.name)
      throw invalid(`limiter "${this.name}"`, 'a decision of its own', decision?.policy ?? decision, 'ERR_DECISION_FOREIGN')
  }

  private checkSubject(subject: Subject<string>): void {
    if (typeof subject === 'string' && subject !== '') return
    if (typeof subject !== 'object' || subject === null)
      throw invalid(
        `limiter "${this.name}": subject`,
        'a string that is not empty, or an object of them by limit',
        subject,
        'ERR_SUBJECT_INVALID',
      )
    for (const [name, value] of Object.entries(subject)) {
      this.checkLimitName(name, 'subject', 'ERR_SUBJECT_INVALID')
      if (typeof value !== 'string' || value === '')
        throw invalid(`limiter "${this.name}": subject.${name}`, 'a string that is not empty', value, 'ERR_SUBJECT_INVALID')
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
      throw invalid(`limiter "${this.name}": ${what}`, `names among ${[...this.policy.names].join(', ')}`, name, code)
  }
}

/** What answers for this policy where a store says that it would decide locally. */
function tierOf(tier: Source, failMode: FailMode | undefined): Source {
  return tier === 'local' && failMode !== undefined ? failMode : tier
}

// Own properties only: a limit may be named `constructor`.
function subjectOf(name: string, subject: Subject<string>): string | undefined {
  if (typeof subject === 'string') return subject
  return Object.hasOwn(subject, name) ? subject[name] : undefined
}

function costOf(name: string, cost: Cost<string> | undefined): number | undefined {
  if (typeof cost !== 'object') return cost
  return Object.hasOwn(cost, name) ? cost[name] : undefined
}
