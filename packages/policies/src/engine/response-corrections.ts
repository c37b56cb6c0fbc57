import type { Decision } from '@sluice/core'
import type { EndedResponse } from '@sluice/core/adapter-kit'
import type { LimitSpec, PolicyDocument, RuleSpec, SettleSpec, StatusSpec } from '../document.ts'
import { isCorrected, unitsOfResponse } from './settlements.ts'

/** How a document corrects one charge of a decision after the response: `settle` and `refundOn` of its limit. */
export interface ResponseCorrection {
  /** The name of the limit: `<policy>.<limit>`. */
  readonly limit: string
  readonly refundOn?: readonly StatusSpec[] | undefined
  readonly settle?: SettleSpec | undefined
}

/** Documents of which no limit is corrected, which are most. */
const uncorrected = new WeakSet<PolicyDocument>()

/**
 * The charges of a decision that its response corrects, as the document says. It is data, so that another process can keep it with the decision.
 * @example
 * ```ts
 * import type { Decision } from '@sluice/core'
 * import { correctionsOf, type PolicyDocument, unitsAfterResponse } from '@sluice/policies'
 *
 * export const tookNothing = (document: PolicyDocument, decision: Decision): boolean => {
 *   const units = unitsAfterResponse(correctionsOf(document, decision), { status: 500, header: () => undefined }, {})
 *   return Object.values(units).every((each) => each === 0)
 * }
 * ```
 */
export function correctionsOf(document: PolicyDocument, { policies = [], tier, charges }: Decision): readonly ResponseCorrection[] {
  if (uncorrected.has(document)) return []
  const specs = document.policies ?? []
  if (!specs.some(({ rules }) => rules.some((rule) => limitsOf(rule, undefined).some(isCorrected)))) {
    uncorrected.add(document)
    return []
  }
  return charges.flatMap(({ limit: { name } }) => {
    const [policy = '', own = ''] = name.split('.')
    const rules = specs.find((each) => each.name === policy)?.rules ?? []
    const rule = rules.find((each) => policies.includes(`${policy}.${each.name}`))
    const spec = rule && limitsOf(rule, tier).find((each) => each.name === own)
    if (spec === undefined || spec.algorithm === 'concurrency' || !isCorrected(spec)) return []
    return { limit: name, refundOn: spec.refundOn, settle: spec.settle }
  })
}

/**
 * What a response says that a decision took, by limit. A limit that is not named keeps its charge.
 * @param attributes what is known after the response: `settle` may read it
 * @example
 * ```ts
 * import { unitsAfterResponse } from '@sluice/policies'
 *
 * // A limit that gives back what succeeded: it counts failures only.
 * const corrections = [{ limit: 'login.failures', refundOn: ['2xx' as const] }]
 * const units = unitsAfterResponse(corrections, { status: 200, header: () => undefined }, {})
 * console.log(units) // { 'login.failures': 0 }
 * ```
 */
export function unitsAfterResponse(
  corrections: readonly ResponseCorrection[],
  response: EndedResponse,
  attributes: Readonly<Record<string, unknown>>,
): Record<string, number> {
  const units: Record<string, number> = {}
  for (const correction of corrections) {
    const taken = unitsOfResponse(correction, response, attributes)
    if (taken !== undefined) units[correction.limit] = taken
  }
  return units
}

/** Those of the tier first: an override may have given the request another one. */
function limitsOf({ limits = [], tiers = {} }: RuleSpec, tier: string | undefined): readonly LimitSpec[] {
  return [...(tier === undefined ? [] : (tiers[tier] ?? [])), ...limits, ...Object.values(tiers).flat()]
}
