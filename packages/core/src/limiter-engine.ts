import { checkAtLeast, checkCallOptions, checkCost, checkSubjects, unknownTier } from './call-checks.ts'
import { type CorrectedDecisions, Corrections } from './corrections.ts'
import { chargesOf, chargesOfEach, largest } from './charges.ts'
import { consumeOptions } from './consume-options.ts'
import { creditCharges } from './credits.ts'
import type { Decision, DecisionContext } from './decision.ts'
import { configuredLimits } from './configured-limits.ts'
import { warnMemoryInCluster, warnShortWindows } from './creation-warnings.ts'
import { Facts } from './decision-facts.ts'
import type { Duration } from './duration.ts'
import { enabled } from './enabled.ts'
import { invalid } from './errors.ts'
import { Fallback, tiersOf } from './fallback.ts'
import { Generations } from './generations.ts'
import type { CallOptions, Cost, Limiter, Subject, TakeOptions, WaitOptions } from './limiter.ts'
import { memoryStore } from './memory/memory-store.ts'
import { claimName } from './name-registry.ts'
import { givenNumbers } from './numbers/sets.ts'
import { type ConfiguredLimit, forgetLimiter } from './observed-limiters.ts'
import type { ObserverHub } from './observers.ts'
import { firstTierOf, type LimitSet, type Policy } from './policy.ts'
import { chain, type MaybePromise } from './runtime.ts'
import type { Store, StoreHealth } from './store.ts'
import { StoreDecisions } from './store-decisions.ts'
import { SubjectBlocks } from './subject-blocks.ts'
import { namedLimits, subjectOf, type Target, targetsOf, textsOf } from './subject-values.ts'
import { Waiters } from './waiting.ts'

type How = 'charge' | 'peek' | 'force'

/** The limiter that `createLimiter` returns and that the HTTP pipeline uses. */
export class LimiterEngine implements Limiter {
  readonly name: string
  policy: Policy
  /** Whether it was defined as `{ limit, window }`. Headers then give its only limit the name of the policy. */
  readonly shorthand: boolean
  readonly observers: ObserverHub
  private readonly store: Store
  private context: DecisionContext
  private hasUnknownTier = false
  /** Decides when the store throws or rejects. `undefined` without a `failMode`: such a decision rejects. */
  private readonly fallback: Fallback | undefined
  private readonly corrected: CorrectedDecisions
  private readonly corrections: Corrections
  private readonly waiters: Waiters
  readonly blocks: SubjectBlocks
  private readonly generations: Generations
  /** The policies of the first limiter and of all limiters derived from it. `reset` deletes the state of each. */
  readonly policies: Policy[]
  private readonly decisions: StoreDecisions
  private readonly onClose: () => MaybePromise<void>

  constructor(policy: Policy, store: Store | undefined, observers: ObserverHub, shorthand = false, parent?: LimiterEngine) {
    if (store !== undefined && (typeof store?.consume !== 'function' || typeof store.reset !== 'function'))
      throw invalid('store', 'a Store such as memoryStore()', store)
    this.name = policy.name
    this.policy = policy
    this.shorthand = shorthand
    this.observers = observers
    this.store = store ?? parent?.store ?? memoryStore()
    this.corrected = parent?.corrected ?? { settled: new WeakMap(), peeked: new WeakSet() }
    this.policies = parent?.policies ?? []
    this.policies.push(policy)
    const { failMode, mode } = policy
    this.context = { policy: policy.name, tier: undefined, mode, failMode }
    this.fallback = parent?.fallback ?? (failMode && new Fallback(this.store, failMode, observers))
    this.waiters = parent?.waiters ?? new Waiters(policy.name, this.store.clock)
    this.generations = parent?.generations ?? new Generations(this.store, this.name, this.waiters)
    const { policies, fallback, corrected, generations, waiters } = this
    const parts = { policy, policies, store: this.store, fallback, corrected, generations, waiters }
    this.blocks = parent?.blocks ?? new SubjectBlocks(parts)
    this.corrections = new Corrections(parts)
    this.decisions = parent?.decisions ?? new StoreDecisions({ store: this.store, fallback, generations, observers })
    warnShortWindows(policy, observers)
    if (parent !== undefined) {
      this.onClose = () => undefined
      observers.announce()
      return
    }
    warnMemoryInCluster(this.store, observers)
    const releaseName = claimName(this.store, policy, observers)
    observers.onGeneration = () => this.generations.read()
    const unfollow = observers.follow(this.store, tiersOf(failMode))
    observers.announce(this)
    this.onClose = () => {
      releaseName()
      unfollow()
      forgetLimiter(this)
      return store === undefined ? this.store.close?.() : undefined
    }
  }

  /** Other limits from now on. `reset` and `block` also reach those of the last ones, which other processes may still use. */
  change(policy: Policy): void {
    this.policies.splice(0, this.policies.length, policy, this.policy)
    this.policy = policy
    this.observers.announce()
  }

  /** What is configured, for observers: also the limits of the limiters that are derived from this one. */
  configured(): readonly ConfiguredLimit[] {
    return this.policy.configured?.() ?? configuredLimits(this.policies)
  }

  /** A limiter with other limits, and the same name, store and observers. Each can settle the decisions of the other. */
  derive(policy: Policy): LimiterEngine {
    return new LimiterEngine(policy, undefined, this.observers, this.shorthand, this)
  }

  consume(subject: Subject<string>, options?: TakeOptions<string, string>): MaybePromise<Decision> {
    if (options !== undefined) checkCallOptions(options, this.name, 'consume')
    return this.decide(this.limitsFor(this.limitsOf(options?.tier), options), subject, options?.cost, 'charge', options?.atLeast)
  }

  peek(subject: Subject<string>, options?: TakeOptions<string, string>): MaybePromise<Decision> {
    if (options !== undefined) checkCallOptions(options, this.name, 'peek')
    const set = this.limitsFor(namedLimits(this.limitsOf(options?.tier), subject), options)
    return this.peekAt(set, subject, options?.cost, options?.atLeast)
  }

  /** Decides for a set of limits, and takes nothing. */
  peekAt(set: LimitSet, subject: Subject<string>, cost: Cost<string> | undefined, atLeast?: number): MaybePromise<Decision> {
    return chain(this.decide(set, subject, cost, 'peek', atLeast), (decision) => {
      this.corrected.peeked.add(decision)
      return decision
    })
  }

  async wait(subject: Subject<string>, options?: WaitOptions<string, string>): Promise<Decision> {
    if (options !== undefined) checkCallOptions(options, this.name, 'wait')
    return this.waitAt(this.limitsFor(this.limitsOf(options?.tier), options), subject, options)
  }

  /** Waits until a set of limits admits the request. */
  waitAt(set: LimitSet, subject: Subject<string>, options: WaitOptions<string, string> | undefined): Promise<Decision> {
    return this.waiters.wait(this, set, subject, options)
  }

  penalize(subject: Subject<string>, options?: CallOptions<string, string>): MaybePromise<Decision> {
    if (options !== undefined) checkCallOptions(options, this.name, 'penalize')
    return this.decide(this.limitsFor(this.limitsOf(options?.tier), options), subject, options?.cost, 'force')
  }

  credit(subject: Subject<string>, options?: CallOptions<string, string>): MaybePromise<Decision> {
    if (options !== undefined) checkCallOptions(options, this.name, 'credit')
    return this.creditAt(this.limitsFor(this.limitsOf(options?.tier), options), subject, options?.cost)
  }

  /** Gives units back to a set of limits. */
  creditAt(set: LimitSet, subject: Subject<string>, cost: Cost<string> | undefined): MaybePromise<Decision> {
    if (set.context === undefined) this.checkSubject(subject)
    const charges = creditCharges({ policy: this.policy, set, subject, cost }, this.generations)
    const context = this.contextOf(set)
    const facts = this.observers.hears ? new Facts().begin('credit') : undefined
    return chain(this.decisions.decide(context, charges, consumeOptions(context.failMode, 'credit'), 0, facts), (decision) => {
      // A settlement would take the units again.
      this.corrected.peeked.add(decision)
      return this.waiters.after(decision, decision.charges)
    })
  }

  settle(decision: Decision, actual: Cost<string>): MaybePromise<void> {
    return this.waiters.after(this.corrections.settle(decision, actual), decision.charges)
  }

  refund(decision: Decision): MaybePromise<void> {
    return this.waiters.after(this.corrections.settle(decision, 0), decision.charges)
  }

  release(decision: Decision): MaybePromise<void> {
    return this.waiters.after(this.corrections.release(decision), decision.charges)
  }

  renew(decision: Decision): MaybePromise<boolean> {
    return this.corrections.renew(decision)
  }

  reset(subject: Subject<string>): MaybePromise<boolean> {
    this.checkSubject(subject)
    return this.forget(targetsOf(this.policies, ({ limit }) => subjectOf(limit.name, subject)))
  }

  /** Deletes states. A store that returns nothing may have deleted some. */
  forget(targets: readonly Target[]): MaybePromise<boolean> {
    return this.generations.onTargets(targets, (current) => {
      const found = chain(this.store.reset(current), (isFound) => isFound !== false)
      return this.waiters.after(found, current)
    })
  }

  resetAll(): MaybePromise<void> {
    return this.generations.resetAll()
  }

  block(subject: Subject<string>, duration: Duration): MaybePromise<number> {
    this.checkSubject(subject)
    return this.blocks.block(textsOf(subject), duration)
  }

  unblock(subject: Subject<string>): MaybePromise<boolean> {
    this.checkSubject(subject)
    return this.blocks.unblock(textsOf(subject))
  }

  health(): StoreHealth {
    const health = this.store.health?.() ?? { tier: this.store.name, breaker: 'closed' }
    const named = { ...health, tier: tiersOf(this.policy.failMode)(health.tier) }
    return this.fallback?.health(named) ?? named
  }

  close(): MaybePromise<void> {
    this.waiters.close()
    return this.onClose()
  }

  /** The limits of a tier; of an unknown one, those beside the tiers, else those of the first tier. Warns once of an unknown tier. */
  limitsOf(tier: string | undefined): LimitSet {
    const { base, tiers } = this.policy
    return (tier === undefined ? base : tiers.get(tier)) ?? this.otherLimits(tier)
  }

  /** These limits with the numbers of a call that has no request. */
  private limitsFor(set: LimitSet, options: CallOptions<string, string> | undefined): LimitSet {
    return this.policy.readsNumbers || options?.numbers !== undefined ? givenNumbers(this.policy, set, options?.numbers) : set
  }

  private otherLimits(tier: string | undefined): LimitSet {
    const { base, tiers } = this.policy
    const set = base ?? firstTierOf(tiers)
    if (!this.hasUnknownTier) this.observers.warn('WARN_TIER_DEFAULTED', unknownTier(tier, set, [...tiers.keys()]))
    this.hasUnknownTier = true
    return set
  }

  /** Makes one decision over a set of limits. @param given what is known of its request, if somebody needs it */
  decide(
    set: LimitSet,
    subject: Subject<string>,
    cost: Cost<string> | undefined,
    how: How,
    atLeast?: number,
    given?: Facts,
  ): MaybePromise<Decision> {
    if (set.context === undefined) {
      this.checkSubject(subject)
      if (cost !== undefined) checkCost(cost, this.policy)
    }
    const facts = given !== undefined || this.observers.hears ? (given ?? new Facts()).begin(how) : undefined
    const context = this.contextOf(set)
    const plain = consumeOptions(context.failMode, how)
    const options = atLeast === undefined ? plain : { ...plain, atLeast: checkAtLeast(atLeast, cost, this.name) }
    if (context.mode === 'off') return this.decisions.decide(context, [], options, cost, facts)
    return this.decisions.decide(context, chargesOf(set, subject, cost, this.generations), options, cost, facts)
  }

  /**
   * Makes one decision over limits that may repeat: each has a subject and a cost of its own. They are checked already.
   * @param costs for a `credit` 0 or less
   */
  decideEach(
    set: LimitSet,
    subjects: readonly string[],
    costs: readonly number[],
    how: How | 'credit',
    given?: Facts,
  ): MaybePromise<Decision> {
    const facts = given !== undefined || this.observers.hears ? (given ?? new Facts()).begin(how) : undefined
    const context = this.contextOf(set)
    const options = consumeOptions(context.failMode, how)
    const charges = context.mode === 'off' ? [] : chargesOfEach(set, subjects, costs, this.generations)
    return this.decisions.decide(context, charges, options, how === 'credit' ? 0 : largest(costs), facts)
  }

  /** Nearly all decisions have the same context, so its object is used again. */
  private contextOf({ tier, context }: LimitSet): DecisionContext {
    if (context === undefined && this.context.tier !== tier) this.context = { ...this.context, tier }
    const known = context ?? this.context
    return enabled ? known : { ...known, mode: 'off' }
  }

  checkSubject(subject: Subject<string>): void {
    // The other cases are apart, so that V8 inlines this method into each decision. So are the errors and warnings above.
    if (typeof subject !== 'string' || subject === '') checkSubjects(subject, this.policy)
  }
}
