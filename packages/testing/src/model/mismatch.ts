import type { Outcome } from '@sluice/core'
import type { ModelOutcome } from './algorithm.ts'

const FIELDS = ['allowed', 'remaining', 'used', 'retryAfter', 'nextAfter', 'resetAfter', 'delay', 'at', 'leaseFor', 'granted'] as const

/**
 * Describes the first field in which a store's outcomes differ from the model's. An outcome may be missing where another
 * charge of the decision was refused, since the store may stop there.
 */
export function mismatchOf(expected: readonly (ModelOutcome | undefined)[], actual: readonly (Outcome | undefined)[]): string | undefined {
  if (expected.length !== actual.length) return `expected ${expected.length} outcomes, got ${actual.length}`
  for (const [i, model] of expected.entries()) {
    const outcome = actual[i]
    if (model === undefined) {
      if (outcome?.allowed && outcome.granted !== 0) return `outcome ${i}: expected nothing granted, got ${outcome.granted}`
      continue
    }
    if (outcome === undefined) {
      const refusedElsewhere = expected.some((found, other) => found?.allowed === false && other !== i && actual[other] !== undefined)
      if (refusedElsewhere) continue
      return `outcome ${i}: expected one, got undefined`
    }
    for (const field of FIELDS) {
      if (!Object.is(outcome[field], model[field]))
        return `outcome ${i}: ${field}: expected ${model[field]}, got ${valueText(outcome[field])}`
    }
    if ((outcome.receipt === undefined) !== (model.receipt === undefined)) {
      return `outcome ${i}: receipt: expected ${model.receipt === undefined ? 'none' : 'one'}, got ${valueText(outcome.receipt)}`
    }
    if (outcome.blocked !== model.blocked) return `outcome ${i}: blocked: expected ${model.blocked}, got ${outcome.blocked}`
    if (outcome.held !== undefined) return `outcome ${i}: held: expected undefined, got ${outcome.held}`
  }
  return undefined
}

function valueText(value: unknown): string {
  return Object.is(value, -0) ? '-0' : String(value)
}
