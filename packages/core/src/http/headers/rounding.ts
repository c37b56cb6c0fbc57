import type { Decision } from '../../decision.ts'
import type { Outcome } from '../../store.ts'
import type { Item } from './items.ts'
import { toInteger } from './structured.ts'

// Headers are never more permissive than the decision: units are rounded down, waits up.

/** The longest `Retry-After` in seconds: a week. A month overflows `setTimeout` in a popular client, which then retries at once. */
const LONGEST_WAIT = 604_800

/** Milliseconds as whole seconds, rounded up, at least 1. */
function waitSeconds(ms: number): number {
  const seconds = Math.ceil(ms / 1000)
  // NaN is a second, too.
  return seconds > 1 ? seconds : 1
}

/** `r`: units left, whole, never below 0. */
export function unitsLeft(outcome: Outcome): number {
  return Math.max(0, toInteger(outcome.remaining))
}

/**
 * `t`: seconds until a client may use `r`, which is `left`. A window that ends at once has its end. Elsewhere units that are left are
 * spread over the window, so that a client that uses them evenly until then keeps the rate of the limit. `undefined` where no time brings
 * units: for a limit of 0, and for a request that is never admitted.
 */
export function resetSeconds(item: Item, outcome: Outcome, left: number): number | undefined {
  if (item.quota === 0) return undefined
  if (item.resetsAtOnce && outcome.resetAfter > 0) return waitSeconds(outcome.held === true ? outcome.retryAfter : outcome.resetAfter)
  if (left === 0 && !outcome.allowed) return untilAdmitted(outcome)
  const next = waitSeconds(outcome.nextAfter)
  if (left === 0 || item.window === undefined) return next
  return Math.max(next, Math.ceil((left * item.window) / item.quota))
}

/**
 * `X-RateLimit-Reset` and the like, in seconds from now: until the quota is back; after a refusal, until the request is admitted.
 * `undefined` for a request that is never admitted.
 * @param reset `t` of the limit: for a full quota, and for concurrency, which may be free long before its ttl has passed
 */
export function quotaSeconds(item: Item, outcome: Outcome, reset: number | undefined): number | undefined {
  if (!outcome.allowed) return untilAdmitted(outcome)
  if (reset === undefined) return undefined
  return item.window === undefined || outcome.resetAfter <= 0 ? reset : waitSeconds(outcome.resetAfter)
}

/** No date is better than a wrong one for a request that is never admitted. */
function untilAdmitted({ retryAfter }: Outcome): number | undefined {
  return retryAfter === Infinity ? undefined : waitSeconds(retryAfter)
}

/** The wait of a decision that is not allowed, in seconds; `undefined` when no wait helps. */
export function refusalSeconds(decision: Decision): number | undefined {
  const { retryAfter } = decision
  if (retryAfter !== Infinity) return waitSeconds(retryAfter)
  return decision.verdict === 'unavailable' ? 1 : undefined
}

/** `Retry-After` of a decision that is not allowed: its wait, at most a week; `undefined` when no wait helps. */
export function retrySeconds(decision: Decision): number | undefined {
  const wait = refusalSeconds(decision)
  return wait === undefined ? undefined : Math.min(wait, LONGEST_WAIT)
}
