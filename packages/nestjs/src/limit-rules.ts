import type { ExecutionContext } from '@nestjs/common'
import { type LimitRule, slidingWindow } from '@sluice/core'
import { invalid, knownOptions } from '@sluice/core/adapter-kit'
import type { PolicyLimits } from './options.ts'

export type Rule = LimitRule<string, ExecutionContext>

/**
 * The limits of a policy or a decorator, as a list. Each limit of a list gets `key`, unless it has its own. The shorthand becomes one
 * sliding window named `default`.
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN
 */
export function rulesOf(limits: PolicyLimits, key?: Rule['key']): readonly Rule[] {
  if (!isList(limits)) {
    knownOptions('limits', limits, ['label', 'limit', 'window', 'key'])
    const { limit = 100, window = '1m' } = limits
    return [slidingWindow({ name: 'default', label: limits.label, limit, window, key: limits.key })]
  }
  return limits.map((rule, i) => {
    if (typeof rule?.limit !== 'object')
      throw invalid(`limits[${i}]`, 'a limit made by a factory such as slidingWindow() or tokenBucket()', rule)
    return rule.key === undefined && key !== undefined ? { ...rule, key } : rule
  })
}

function isList(limits: PolicyLimits): limits is readonly Rule[] {
  return Array.isArray(limits)
}
