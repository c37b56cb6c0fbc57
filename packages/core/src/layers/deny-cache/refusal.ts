import { algorithmOf } from '../../algorithms/registry.ts'
import type { Limit } from '../../limit.ts'
import type { Charge, ConsumeOptions, Outcome } from '../../store.ts'
import { elapsed, type Instant } from '../instant.ts'

/** ms: the longest that a refusal is remembered, so that what another process gives back is seen no later. */
const MAX_LIFE = 1_000

/** A refusal of the store: it holds for its cost and every larger one. */
export interface Refusal {
  readonly limit: Limit
  /** The smallest cost that was refused. */
  readonly cost: number
  readonly outcome: Outcome
  /** Before the request: the refusal cannot be older. */
  readonly asked: Instant
  /** After the answer: the store's wait has run for at least the time since. */
  readonly answered: Instant
}

/** Whether the refusal still holds at `now`. Waits are rounded up, so in their last ms only the store can tell. */
export function isLive({ asked, outcome }: Refusal, now: Instant): boolean {
  return elapsed(asked, now) < Math.min(outcome.retryAfter - 1, MAX_LIFE)
}

/** The least units that the charge must get to be admitted. */
export function leastOf({ cost }: Charge, { atLeast = 0 }: ConsumeOptions): number {
  return atLeast >= 1 ? Math.min(cost, atLeast) : cost
}

/** What the store would answer at `now` for a cost, as far as this process knows: no wait is shorter, and no more is left. */
export function outcomeAt({ limit, cost: refused, outcome, answered }: Refusal, cost: number, now: Instant): Outcome {
  const since = Math.max(0, now.monotonic - answered.monotonic)
  const rest = (ms: number): number => (ms === 0 ? 0 : Math.max(1, Math.ceil(ms - since)))
  return {
    allowed: false,
    remaining: outcome.remaining,
    retryAfter: rest(cost === refused ? outcome.retryAfter : longestWait(limit, cost, outcome)),
    nextAfter: rest(outcome.nextAfter),
    resetAfter: rest(outcome.resetAfter),
    delay: 0,
    source: 'deny-cache',
    at: outcome.at + Math.round(since * 1_000),
    receipt: undefined,
    leaseFor: 0,
    granted: 0,
  }
}

/** The store was not asked about a larger cost. Its wait ends at the latest when nothing is used any more. */
function longestWait(limit: Limit, cost: number, { retryAfter, resetAfter }: Outcome): number {
  return cost > algorithmOf(limit).quota(limit) ? Infinity : Math.max(retryAfter, resetAfter)
}
