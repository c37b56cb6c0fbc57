import { checkCost, subjectMissing } from './call-checks.ts'
import { costOf } from './cost.ts'
import { SluiceError } from './errors.ts'
import type { Generations } from './generations.ts'
import type { LimitSet, ScopedLimit } from './limit-set.ts'
import type { Cost, Subject } from './limiter.ts'
import type { Policy } from './policy.ts'
import type { Charge } from './store.ts'
import { subjectOf } from './subject-values.ts'

/** What a credit gives back, and where. */
export interface Credit {
  readonly policy: Policy
  readonly set: LimitSet
  readonly subject: Subject<string>
  readonly cost: Cost<string> | undefined
}

/** The charges of a credit. @throws ERR_SUBJECT_MISSING, ERR_COST_INVALID, ERR_OPTION_CONFLICT */
export function creditCharges(credit: Credit, generations: Generations): readonly Charge[] {
  const { policy, set, cost = 1 } = credit
  if (set.context === undefined) checkCost(cost, policy)
  return set.limits.flatMap((scoped) => {
    const units = costOf(scoped.limit.name, cost)
    return units === undefined ? [] : [creditCharge(credit, scoped, units, generations)]
  })
}

function creditCharge(
  { policy, set, subject }: Credit,
  { limit, scope, holds }: ScopedLimit,
  units: number,
  generations: Generations,
): Charge {
  if (holds || limit.queue === true) throw belongsToRequests(policy, limit.name, set)
  const named = subjectOf(limit.name, subject)
  if (named === undefined) throw subjectMissing(policy.name, limit.name, subject)
  // Never −0, which `Object.is` distinguishes from 0.
  return { limit, scope: generations.scopeOf(scope), subject: named, cost: units === 0 ? 0 : -units }
}

function belongsToRequests({ name }: Policy, limit: string, { limits }: LimitSet): SluiceError {
  const other = limits.find(({ holds, limit: { queue } }) => !holds && queue !== true)
  const instead =
    other === undefined ? 'refund or release the decision instead' : `name the others, such as { cost: { ${other.limit.name}: 1 } }`
  return new SluiceError(
    'ERR_OPTION_CONFLICT',
    `limiter "${name}": credit: expected limits that count units, got "${limit}", whose units each belong to a request; ${instead}`,
  )
}
