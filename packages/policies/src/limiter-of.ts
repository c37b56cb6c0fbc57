import type { LimitRule } from '@sluice/core'
import { ruleOf } from './compile/limit-rules.ts'
import type { LimitSpec, PolicyDocument } from './document.ts'

/** The limits of a document as one limiter: what `describeSubject` and `scanSubjects` of `@sluice/redis` take. */
export interface DocumentLimiter {
  /** The namespace of the document. */
  readonly name: string
  /** The limits of rules without tiers. Each name begins with its policy: `api.minute`. */
  readonly limits: readonly LimitRule[]
  /** The limits of rules with tiers, by tier. */
  readonly tiers: Readonly<Record<string, readonly LimitRule[]>>
}

/**
 * The limits of a document under the names of their states, so that an operator can look a subject up. Policies that are `off` have none.
 * Numbers of overrides are not in it.
 * @throws ERR_OPTION_INVALID, ERR_LIMIT_INEXACT for a document that `parseDocument` has not made
 * @example
 * ```ts
 * import { readFileSync } from 'node:fs'
 * import { limiterOf, parseDocument } from '@sluice/policies'
 * import { describeSubject, formatSubject } from '@sluice/redis'
 *
 * const limiters = [limiterOf(parseDocument(readFileSync('sluice.yaml', 'utf8')))]
 * console.log(formatSubject(await describeSubject({ url: 'redis://localhost:6379' }, { subject: 'user:42', limiters })))
 * ```
 */
export function limiterOf({ namespace, policies = [] }: PolicyDocument): DocumentLimiter {
  const limits: LimitRule[] = []
  const tiers: Record<string, LimitRule[]> = {}
  for (const { name, mode, rules } of policies) {
    if (mode === 'off') continue
    const rulesOf = (specs: readonly LimitSpec[] = []): readonly LimitRule[] => specs.map((spec) => ruleOf(name, spec))
    for (const rule of rules) {
      limits.push(...rulesOf(rule.limits))
      for (const [tier, specs] of Object.entries(rule.tiers ?? {})) (tiers[tier] ??= []).push(...rulesOf(specs))
    }
  }
  return { name: namespace, limits, tiers }
}
