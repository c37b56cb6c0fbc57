import { ceilMillis } from './clock.ts'
import type { Limit } from './limit.ts'
import type { Charge, FailMode, Outcome, Source } from './store.ts'

/**
 * The answer to one request: the outcomes of all its limits folded into one verdict. Durations are whole milliseconds, rounded up.
 * The binding limit is the strictest: it refuses, or has the least left.
 */
export interface Decision<N extends string = string> {
  /** Whether the request may go on. Always true in the modes `shadow` and `off`. */
  readonly allowed: boolean
  /**
   * What the limits said. `blocked`: `limiter.block()` or the option `blockList` refuses the client, until `retryAfter` has passed.
   * `unavailable`: the store could not decide, and the failure mode is `closed`.
   */
  readonly verdict: 'allowed' | 'refused' | 'blocked' | 'unavailable'
  /** The limit to report to the client; `undefined` when none applies: an unlimited tier, or mode `off`. */
  readonly binding: Limit<N> | undefined
  /**
   * Units that the request may use: its cost, or with `atLeast` as many as there were; 0 when it is refused. With a cost by limit, the largest
   * of them. Whole units. Of a credit 0: its `outcomes` say what was given back.
   */
  readonly granted: number
  /** Units left of the binding limit, 0 or more; `Infinity` without one; 0 where a block list refuses. */
  readonly remaining: number
  /** ms until the binding limit would admit the request: 0 when it is admitted, `Infinity` if it never will be. */
  readonly retryAfter: number
  /** ms until the binding limit is full again; 0 when it is full, or without one. */
  readonly resetAfter: number
  /** When the binding limit is full again: ms since the Unix epoch, by the store's clock; 0 without a binding limit. */
  readonly resetAt: number
  /** ms that the request must wait before it goes on: the longest delay of its limits, 0 unless one is a queue or has a `delay`. */
  readonly delay: number
  /** The name of the limiter. */
  readonly policy: string
  /** The tier whose limits applied; `undefined` for the limits beside the tiers. */
  readonly tier: string | undefined
  readonly mode: Mode
  /** What decided the binding limit: a store by its name, or a layer; `block` for a block list; `none` without a binding limit. */
  readonly source: Source
  /** What the store was asked to decide: one charge for each limit. */
  readonly charges: readonly (Charge & { readonly limit: Limit<N> })[]
  /** What the store answered, in the order of `charges`; `undefined` for a charge that it did not decide, as another was refused first. */
  readonly outcomes: readonly (Outcome | undefined)[]
  /** The rule of the block list that blocks the client. Absent unless `source` is `block`. */
  readonly rule?: string | undefined
  /** The revision of the policy document that decided. Absent without a document. */
  readonly revision?: number | undefined
  /** The rules of the document whose limits these are, as `<policy>.<rule>`. Absent without a document. */
  readonly policies?: readonly string[] | undefined
  /** What decides while the store is away: the strictest failure mode of these policies. Absent without a document. */
  readonly failMode?: FailMode | undefined
}

/** What a decision by a policy document says beside the others. */
export type DocumentFacts = Required<Pick<Decision, 'revision' | 'policies'>>

/** Whether a limiter refuses requests, only reports what it would refuse, or does nothing. */
export type Mode = 'enforce' | 'shadow' | 'off'

/**
 * Whether `a` is stricter than `b`. Compares, in this order: refused before allowed, blocked before refused, longer wait, less left, later reset. Of equal
 * outcomes, neither is stricter, so the limit that was configured first binds.
 */
export function isStricter(a: Outcome, b: Outcome): boolean {
  if (a.allowed !== b.allowed) return !a.allowed
  if (!a.allowed && a.blocked !== b.blocked) return a.blocked === true
  if (a.retryAfter !== b.retryAfter) return a.retryAfter > b.retryAfter
  if (a.remaining !== b.remaining) return a.remaining < b.remaining
  return a.resetAfter > b.resetAfter
}

/** The fields of a decision that do not depend on outcomes. */
export interface DecisionContext {
  readonly policy: string
  readonly tier: string | undefined
  readonly mode: Mode
  readonly failMode: FailMode | undefined
  readonly document?: DocumentFacts | undefined
}

/** What a decision without a binding limit reports. */
const UNLIMITED = { remaining: Infinity, retryAfter: 0, resetAfter: 0, at: 0, source: 'none' } as const

/** A `Cost`, whose file imports this one. */
type AskedCost = number | Readonly<Partial<Record<string, number>>>

/** Folds the outcomes of a decision's charges into one verdict. `cost`: what the caller asked for. */
export function decisionOf(
  context: DecisionContext,
  charges: readonly Charge[],
  outcomes: readonly (Outcome | undefined)[],
  cost?: AskedCost,
): Decision {
  let binding: Outcome | undefined
  let limit: Limit | undefined
  let delay = 0
  let verdict: Decision['verdict'] = 'allowed'
  for (let i = 0; i < outcomes.length; i++) {
    const outcome = outcomes[i]
    if (outcome === undefined) continue
    if (binding === undefined || isStricter(outcome, binding)) {
      binding = outcome
      limit = (charges[i] as Charge).limit
    }
    if (outcome.delay > delay) delay = outcome.delay
    if (!outcome.allowed && verdict !== 'blocked') verdict = refusalOf(outcome, verdict)
  }
  const { remaining, retryAfter, resetAfter, at, source } = binding ?? UNLIMITED
  const allowed = verdict === 'allowed' || context.mode !== 'enforce'
  const decision: Decision = {
    allowed,
    verdict,
    binding: limit,
    granted: allowed ? (cost === undefined ? 1 : grantedOf(cost, charges, outcomes, verdict)) : 0,
    remaining,
    retryAfter,
    resetAfter,
    resetAt: ceilMillis(at) + resetAfter,
    delay,
    policy: context.policy,
    tier: context.tier,
    mode: context.mode,
    source,
    charges,
    outcomes,
  }
  return context.document === undefined ? decision : { ...decision, ...context.document, failMode: context.failMode }
}

/** A block is certain, so it comes before a store that could not decide; that comes before a limit that refused. */
function refusalOf({ blocked, source }: Outcome, before: Decision['verdict']): Decision['verdict'] {
  if (blocked === true) return 'blocked'
  return source === 'closed' || before === 'unavailable' ? 'unavailable' : 'refused'
}

/** What a request that is allowed may use. What no limit counts, such as in shadow mode past the limit, is its whole cost. */
function grantedOf(
  cost: AskedCost,
  charges: readonly Charge[],
  outcomes: readonly (Outcome | undefined)[],
  verdict: Decision['verdict'],
): number {
  let granted = typeof cost === 'number' ? cost : 0
  if (typeof cost === 'object') for (const name in cost) granted = Math.max(granted, cost[name] ?? 0)
  if (typeof cost === 'object' || verdict !== 'allowed') return granted
  for (let i = 0; i < outcomes.length; i++) {
    const outcome = outcomes[i]
    // A cost of 1 is never granted in part: that of a holder is always 1.
    if (outcome !== undefined && (charges[i] as Charge).cost > 1 && outcome.granted < granted) granted = outcome.granted
  }
  return granted
}
