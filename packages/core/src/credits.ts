import { checkCost, subjectMissing } from './call-checks.ts'
import { costOf } from './cost.ts'
import { type Decision, decisionOf } from './decision.ts'
import { enabled } from './enabled.ts'
import { SluiceError } from './errors.ts'
import { type Generations, isOutdated } from './generations.ts'
import type { LimitSet, ScopedLimit } from './limit-set.ts'
import type { Cost, Subject } from './limiter.ts'
import type { Policy } from './policy.ts'
import { chain, isPromise, type MaybePromise } from './runtime.ts'
import type { Charge, ConsumeOptions, Outcome, Store } from './store.ts'
import { subjectOf } from './subject-values.ts'

/** Gives units back without a decision. No failure mode applies: nobody else knows what the store counts. */
export class Credits {
  private readonly policy: Policy
  private readonly store: Store
  private readonly generations: Generations
  private readonly options: ConsumeOptions

  constructor(policy: Policy, store: Store, generations: Generations) {
    this.policy = policy
    this.store = store
    this.generations = generations
    this.options = { how: 'credit', failMode: policy.failMode }
  }

  /** @throws ERR_SUBJECT_MISSING, ERR_COST_INVALID, ERR_OPTION_CONFLICT */
  credit(set: LimitSet, subject: Subject<string>, cost: Cost<string> = 1): MaybePromise<Decision> {
    checkCost(cost, this.policy)
    const { name, mode } = this.policy
    const charges = set.limits.flatMap((scoped) => this.chargeOf(scoped, set, subject, cost))
    const context = { policy: name, tier: set.tier, mode: enabled ? mode : 'off' } as const
    if (context.mode === 'off' || charges.length === 0) return decisionOf(context, [], [], 0)
    return chain(this.ask(charges), (outcomes) => decisionOf(context, charges, outcomes, 0))
  }

  /** Asks again after `resetAll`: nothing was decided. */
  private ask(charges: readonly Charge[]): MaybePromise<readonly (Outcome | undefined)[]> {
    const again = (error: unknown) => {
      if (!isOutdated(error)) throw error
      this.generations.read()
      return this.store.consume(this.generations.chargesOf(charges, error), this.options)
    }
    try {
      const answer = this.store.consume(charges, this.options)
      return isPromise(answer) ? answer.catch(again) : answer
    } catch (error) {
      return again(error)
    }
  }

  private chargeOf({ limit, scope, holds }: ScopedLimit, set: LimitSet, subject: Subject<string>, cost: Cost<string>): readonly Charge[] {
    const units = costOf(limit.name, cost)
    if (units === undefined) return []
    if (holds || limit.queue === true) throw this.belongs(limit.name, set)
    const named = subjectOf(limit.name, subject)
    if (named === undefined) throw subjectMissing(this.policy.name, limit.name, subject)
    // Never −0, which `Object.is` distinguishes from 0.
    return [{ limit, scope: this.generations.scopeOf(scope), subject: named, cost: units === 0 ? 0 : -units }]
  }

  private belongs(limit: string, { limits }: LimitSet): SluiceError {
    const other = limits.find(({ holds, limit: { queue } }) => !holds && queue !== true)
    const instead =
      other === undefined ? 'refund or release the decision instead' : `name the others, such as { cost: { ${other.limit.name}: 1 } }`
    return new SluiceError(
      'ERR_OPTION_CONFLICT',
      `limiter "${this.policy.name}": credit: expected limits that count units, got "${limit}", whose units each belong to a request; ${instead}`,
    )
  }
}
