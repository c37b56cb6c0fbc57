import { subjectMissing } from './call-checks.ts'
import { costOf } from './cost.ts'
import type { Generations } from './generations.ts'
import type { LimitSet, ScopedLimit } from './limit-set.ts'
import type { Cost, Subject } from './limiter.ts'
import type { Charge } from './store.ts'
import { subjectOf } from './subject-values.ts'

/** What a decision over a set of limits charges. @throws ERR_SUBJECT_MISSING */
export function chargesOf(
  { limits }: LimitSet,
  subject: Subject<string>,
  cost: Cost<string> | undefined,
  generations: Generations,
): readonly Charge[] {
  // A literal for the usual single limit: map() costs a call and a longer allocation.
  return limits.length === 1
    ? [chargeOf(limits[0] as ScopedLimit, subject, cost, generations)]
    : limits.map((scoped) => chargeOf(scoped, subject, cost, generations))
}

function chargeOf(
  { limit, scope, holds }: ScopedLimit,
  subject: Subject<string>,
  cost: Cost<string> | undefined,
  generations: Generations,
): Charge {
  const named = subjectOf(limit.name, subject)
  if (named === undefined) throw subjectMissing(generations.limiter, limit.name, subject)
  const units = typeof cost === 'number' && holds ? 1 : costOf(limit.name, cost)
  const current = generations.isFirst ? scope : generations.scopeOf(scope)
  return { limit, scope: current, subject: named, cost: units ?? 1 }
}

/** As `chargesOf`, with a subject and a cost for each limit of the set, in its order. */
export function chargesOfEach(
  { limits }: LimitSet,
  subjects: readonly string[],
  costs: readonly number[],
  generations: Generations,
): readonly Charge[] {
  const charges: Charge[] = []
  for (let i = 0; i < limits.length; i++) {
    const { limit, scope } = limits[i] as ScopedLimit
    const current = generations.isFirst ? scope : generations.scopeOf(scope)
    charges.push({ limit, scope: current, subject: subjects[i] as string, cost: costs[i] as number })
  }
  return charges
}

/** The largest of some costs. A loop: `Math.max` with a list costs an allocation. */
export function largest(costs: readonly number[]): number {
  let most = 0
  for (let i = 0; i < costs.length; i++) if ((costs[i] as number) > most) most = costs[i] as number
  return most
}
