import { algorithmOf } from '../../algorithms/registry.ts'
import type { Limit } from '../../limit.ts'
import type { Charge, ConsumeOptions, Outcome } from '../../store.ts'
import { elapsed, type Instant } from '../instant.ts'

/** ms for which a refusal is kept at most. Units that another process gives back are seen within this time. */
const MAX_LIFE = 1_000

/** A refusal of the store: it holds for its cost and every larger one. */
export interface Refusal {
  readonly limit: Limit
  /** The smallest cost that was refused. */
  readonly cost: number
  readonly outcome: Outcome
  /** Before the request. The store refused later than this. */
  readonly asked: Instant
  /** After the answer. The store refused earlier than this, so at least the time since has passed of its wait. */
  readonly answered: Instant
}

/** Whether the refusal still holds at `now`. Waits are rounded up, so the last ms of a wait is left to the store. */
export function isLive({ asked, outcome }: Refusal, now: Instant): boolean {
  return elapsed(asked, now) < Math.min(outcome.retryAfter - 1, MAX_LIFE)
}

/** The least units with which the charge is admitted. */
export function minUnitsOf({ cost }: Charge, { atLeast = 0 }: ConsumeOptions): number {
  return atLeast >= 1 ? Math.min(cost, atLeast) : cost
}

/** The refusal of a cost at `now`. As far as this process knows, no wait is too short and `remaining` is not too high. */
export function outcomeAt({ limit, cost: refused, outcome, answered }: Refusal, cost: number, now: Instant): Outcome {
  const since = Math.max(0, now.monotonic - answered.monotonic)
  const rest = (ms: number): number => (ms === 0 ? 0 : Math.max(1, Math.ceil(ms - since)))
  const { blocked } = outcome
  return {
    allowed: false,
    ...(blocked === true && { blocked }),
    remaining: outcome.remaining,
    used: outcome.used,
    retryAfter: rest(cost === refused || blocked === true ? outcome.retryAfter : longestWait(limit, cost, outcome)),
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

/** The store did not decide a larger cost. Such a cost is admitted at the latest when the limit is full again. */
function longestWait(limit: Limit, cost: number, { retryAfter, resetAfter }: Outcome): number {
  return cost > algorithmOf(limit).quota(limit) ? Infinity : Math.max(retryAfter, resetAfter)
}
