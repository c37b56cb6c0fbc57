import { ceilMillis } from './clock.ts'
import type { Limit } from './limit.ts'
import type { Charge, Outcome, Source } from './store.ts'

/** The answer to a request: every limit's outcome folded into one verdict. Durations are whole milliseconds. */
export interface Decision<N extends string = string> {
  /** What to do. Always true in `shadow` and `off`. */
  readonly allowed: boolean
  /** What the limits said; `unavailable`: a store was away and the policy is `closed`. */
  readonly verdict: 'allowed' | 'refused' | 'unavailable'
  /** The limit that decides; `undefined` when none applies: an unlimited tier, or `off`. */
  readonly binding: Limit<N> | undefined
  /** Of the binding limit; `Infinity` without one. */
  readonly remaining: number
  /** Of the binding limit: 0 when admitted, `Infinity` if never. */
  readonly retryAfter: number
  /** ms until nothing of the binding limit is used any more; 0 without a binding limit. */
  readonly resetAfter: number
  /** The same moment as ms since the Unix epoch, by the clock of the store that decided; 0 without a binding limit. */
  readonly resetAt: number
  /** ms to wait before going on: the longest of the limits. */
  readonly delay: number
  readonly policy: string
  readonly tier: string | undefined
  readonly mode: Mode
  readonly source: Source
  readonly charges: readonly (Charge & { readonly limit: Limit<N> })[]
  /** In the order of `charges`. */
  readonly outcomes: readonly (Outcome | undefined)[]
}
export type Mode = 'enforce' | 'shadow' | 'off'

/** Whether `a` binds rather than `b`: refusing before not, longest wait, least left, larger resetAfter; the first configured of equals. */
export function tighter(a: Outcome, b: Outcome): boolean {
  if (a.allowed !== b.allowed) return !a.allowed
  if (a.retryAfter !== b.retryAfter) return a.retryAfter > b.retryAfter
  if (a.remaining !== b.remaining) return a.remaining < b.remaining
  return a.resetAfter > b.resetAfter
}

/** What the fold needs to know besides the outcomes. */
export interface Asked {
  readonly policy: string
  readonly tier: string | undefined
  readonly mode: Mode
}

/** Folds the outcomes of a decision's charges into one verdict. */
export function decisionOf(asked: Asked, charges: readonly Charge[], outcomes: readonly (Outcome | undefined)[]): Decision {
  let binding: Outcome | undefined
  let limit: Limit | undefined
  let delay = 0
  let verdict: Decision['verdict'] = 'allowed'
  for (let i = 0; i < outcomes.length; i++) {
    const outcome = outcomes[i]
    if (outcome === undefined) continue
    if (binding === undefined || tighter(outcome, binding)) {
      binding = outcome
      limit = (charges[i] as Charge).limit
    }
    if (outcome.delay > delay) delay = outcome.delay
    if (!outcome.allowed && verdict !== 'unavailable') verdict = outcome.source === 'closed' ? 'unavailable' : 'refused'
  }
  return {
    allowed: verdict === 'allowed' || asked.mode !== 'enforce',
    verdict,
    binding: limit,
    remaining: binding === undefined ? Infinity : binding.remaining,
    retryAfter: binding === undefined ? 0 : binding.retryAfter,
    resetAfter: binding === undefined ? 0 : binding.resetAfter,
    resetAt: binding === undefined ? 0 : ceilMillis(binding.at) + binding.resetAfter,
    delay,
    policy: asked.policy,
    tier: asked.tier,
    mode: asked.mode,
    source: binding === undefined ? 'none' : binding.source,
    charges,
    outcomes,
  }
}
