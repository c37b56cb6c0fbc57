import type { LimitSet } from './limit-set.ts'
import type { ConfiguredLimit } from './observed-limiters.ts'
import { type Policy, setsOf } from './policy.ts'

/** The limits of these policies, for observers. */
export function configuredLimits(policies: readonly Policy[]): readonly ConfiguredLimit[] {
  return distinctLimits(policies.flatMap((policy) => setsOf(policy).flatMap((set) => limitsIn(set, policy))))
}

function limitsIn({ tier, limits }: LimitSet, { name, mode }: Policy): readonly ConfiguredLimit[] {
  return limits.map(({ rule, limit }) => {
    const isFixed = rule.numbers?.functions['limit'] === undefined
    return { policy: name, limit: limit.name, tier, mode, units: isFixed ? limit.limit : undefined }
  })
}

/** Each limit once. Limits that differ in nothing but their numbers are one, without a number. */
export function distinctLimits(limits: readonly ConfiguredLimit[]): readonly ConfiguredLimit[] {
  const known = new Map<string, ConfiguredLimit>()
  for (const each of limits) {
    const id = JSON.stringify([each.policy, each.limit, each.tier, each.mode])
    const same = known.get(id)
    known.set(id, same === undefined || same.units === each.units ? each : { ...each, units: undefined })
  }
  return [...known.values()]
}
