import type { Decision } from '../decision.ts'
import { itemsOf } from './headers/items.ts'
import { type Problem, problemBody } from './problem.ts'

/**
 * The body for a client whose request a decision refuses, for a protocol that sends it itself.
 * @param status of the response. Default: 429; 503 where the store is unavailable.
 */
export function decisionProblem(decision: Decision, status?: number): Problem {
  return problemBody(decision, itemsOf(decision, false).names, status)
}
