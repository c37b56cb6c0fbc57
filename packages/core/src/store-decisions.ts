import { decisionOf, type Decision, type DecisionContext } from './decision.ts'
import type { Facts } from './decision-facts.ts'
import { warnCostNever } from './call-checks.ts'
import type { Fallback } from './fallback.ts'
import { type Generations, isOutdated } from './generations.ts'
import type { Limit } from './limit.ts'
import type { Cost } from './limiter.ts'
import type { ObserverHub } from './observers.ts'
import { isPromise, type MaybePromise } from './runtime.ts'
import type { Charge, ConsumeOptions, Outcome, Store } from './store.ts'

type Outcomes = readonly (Outcome | undefined)[]

interface DecisionParts {
  readonly store: Store
  /** Decides when the store throws or rejects. `undefined` without a `failMode`: such a decision rejects. */
  readonly fallback: Fallback | undefined
  readonly generations: Generations
  readonly observers: ObserverHub
}

/** The decisions of a limiter, and of all that are derived from it: asks the store, or what decides for it, and reports what it said. */
export class StoreDecisions {
  private readonly store: Store
  private readonly fallback: Fallback | undefined
  private readonly generations: Generations
  private readonly observers: ObserverHub

  constructor({ store, fallback, generations, observers }: DecisionParts) {
    this.store = store
    this.fallback = fallback
    this.generations = generations
    this.observers = observers
  }

  /** @param facts what observers get beside the decision; `undefined` if nobody listens */
  decide(
    context: DecisionContext,
    charges: readonly Charge[],
    options: ConsumeOptions,
    cost: Cost<string> | undefined,
    facts: Facts | undefined,
  ): MaybePromise<Decision> {
    if (context.mode === 'off' || charges.length === 0) return this.report(decisionOf(context, [], [], cost), facts)
    let outcomes: MaybePromise<Outcomes>
    try {
      outcomes = this.store.consume(charges, options)
    } catch (error) {
      return this.report(decisionOf(context, charges, this.fallBack(charges, options, error), cost), facts)
    }
    if (isPromise(outcomes)) return this.decideLater(outcomes, context, charges, options, cost, facts)
    this.fallback?.end()
    return this.report(decisionOf(context, charges, outcomes, cost), facts)
  }

  /** Apart from `decide`: a function that contains a closure allocates memory for it at every call. */
  private decideLater(
    outcomes: Promise<Outcomes>,
    context: DecisionContext,
    charges: readonly Charge[],
    options: ConsumeOptions,
    cost: Cost<string> | undefined,
    facts: Facts | undefined,
  ): Promise<Decision> {
    return outcomes.then(
      (later) => {
        this.fallback?.end()
        return this.report(decisionOf(context, charges, later, cost), facts)
      },
      (error: unknown) => {
        if (!isOutdated(error)) return this.report(decisionOf(context, charges, this.fallBack(charges, options, error), cost), facts)
        return this.decide(context, this.generations.chargesOf(charges, error), options, cost, facts)
      },
    )
  }

  private fallBack(charges: readonly Charge[], options: ConsumeOptions, error: unknown): Outcomes {
    // Nobody else knows what the store counts, so no failure mode can give it back.
    if (this.fallback === undefined || options.how === 'credit') throw error
    return this.fallback.decide(charges, options, error)
  }

  private report(decision: Decision, facts: Facts | undefined): Decision {
    if (facts !== undefined) this.observers.emitDecision(decision, facts)
    if (decision.retryAfter === Infinity) warnCostNever(this.observers, decision.binding as Limit)
    return decision
  }
}
