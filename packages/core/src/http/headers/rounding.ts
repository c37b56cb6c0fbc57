import type { Decision } from '../../decision.ts'
import type { Outcome } from '../../store.ts'
import type { Item } from './items.ts'
import { toInteger } from './structured.ts'

// Headers are never more permissive than the decision: units are rounded down, waits up.

/** The longest wait in seconds: a week. A month overflows `setTimeout` in a popular client, which then retries at once. */
const LONGEST_WAIT = 604_800

/** Milliseconds as whole seconds, rounded up, from 1 to 604,800. `Infinity` is 604,800 too. */
export function waitSeconds(ms: number): number {
  const seconds = Math.ceil(ms / 1000)
  return seconds > 1 ? Math.min(seconds, LONGEST_WAIT) : 1
}

/** `r`: units left, whole, never below 0. */
export function unitsLeft(outcome: Outcome): number {
  return Math.max(0, toInteger(outcome.remaining))
}

/**
 * `t`: seconds until a client may use `r`, which is `left`. Units that are left are spread over the window, so that a client that
 * uses them evenly until then keeps the rate of the limit.
 */
export function resetSeconds(item: Item, outcome: Outcome, left: number): number {
  if (left === 0 && !outcome.allowed) return waitSeconds(outcome.retryAfter)
  const next = waitSeconds(outcome.nextAfter)
  if (left === 0 || item.window === undefined) return next
  return Math.max(next, Math.min(LONGEST_WAIT, Math.ceil((left * item.window) / item.quota)))
}

/** `Retry-After` of a decision that is not allowed; `undefined` when no wait helps. */
export function retrySeconds(decision: Decision): number | undefined {
  const { retryAfter } = decision
  if (retryAfter !== Infinity) return waitSeconds(retryAfter)
  return decision.verdict === 'unavailable' ? 1 : undefined
}
