import { millisOf } from '../duration.ts'
import { show } from '../errors.ts'
import { withNumbers } from '../amend-limit.ts'
import type { Limit } from '../limit.ts'
import type { Cost } from '../limiter.ts'
import type { ObserverHub } from '../observers.ts'
import type { LimitSet, ScopedLimit } from '../policy.ts'
import { chain, type MaybePromise } from '../runtime.ts'
import type { RateLimitOptions } from './options.ts'

// What functions of the user answer per request. A value that makes no sense never reaches the client: what stands in for
// it is the last good one, or the default, and the developer is told once.

/** The shorthand's limit with this request's numbers; `undefined` when both are fixed. */
export function numbersReader<C>(
  options: RateLimitOptions<C, never>,
  base: LimitSet | undefined,
  shorthand: Limit | undefined,
  observers: ObserverHub,
): ((context: C) => MaybePromise<LimitSet>) | undefined {
  const { limit, window } = options
  const placed = base?.limits.find((each) => each.limit === shorthand)
  if (placed === undefined || (typeof limit !== 'function' && typeof window !== 'function')) return undefined
  let good = { quantity: placed.limit.limit, ms: placed.limit.window as number, set: base as LimitSet }
  const known = new Map<string, LimitSet>()

  const setOf = (quantity: unknown, length: unknown): LimitSet => {
    if (quantity === good.quantity && length === good.ms) return good.set
    try {
      if (!Number.isSafeInteger(quantity) || (quantity as number) < 0)
        throw new Error(`expected a whole number, 0 or more, got ${show(quantity)}`)
      const ms = millisOf(length as number, 'window')
      const key = `${String(quantity)}/${ms}`
      const set = known.get(key) ?? changed(base as LimitSet, placed, quantity as number, ms)
      if (known.size >= MOST_KNOWN) known.clear()
      known.set(key, set)
      good = { quantity: quantity as number, ms, set }
    } catch (error) {
      observers.warn('WARN_VALUE_IGNORED', `limit or window of a request ignored: ${(error as Error).message}`, 'limit')
    }
    return good.set
  }
  return (context) =>
    chain(typeof limit === 'function' ? limit(context) : good.quantity, (quantity) =>
      chain(typeof window === 'function' ? window(context) : good.ms, (length) => setOf(quantity, length)),
    )
}

// Limits by plan are a handful; were they made of something the client sends, this is all that is kept.
const MOST_KNOWN = 1_000

function changed(base: LimitSet, placed: ScopedLimit, quantity: number, ms: number): LimitSet {
  const limit = withNumbers(placed.limit, quantity, ms)
  return { tier: base.tier, limits: base.limits.map((each) => (each === placed ? { ...placed, limit } : each)) }
}

/** A cost as the limiter takes it, or `undefined` (1 for a charge, as charged for a settlement) in place of nonsense. */
export function sensibleCost(
  cost: unknown,
  names: ReadonlySet<string>,
  what: 'cost' | 'settle',
  observers: ObserverHub,
): Cost<string> | undefined {
  const isUnits = (units: unknown) => Number.isSafeInteger(units) && (units as number) >= 0
  const isCost =
    typeof cost === 'object' && cost !== null
      ? Object.entries(cost).every(([name, units]) => (names.size === 0 || names.has(name)) && (units === undefined || isUnits(units)))
      : isUnits(cost)
  if (isCost) return cost as Cost<string>
  observers.warn(
    'WARN_VALUE_IGNORED',
    `${what} of a request ignored: expected a whole number, 0 or more, or an object of them by limit, got ${show(cost)}`,
    what,
  )
  return undefined
}

export function sensibleTier(tier: unknown, observers: ObserverHub): string | undefined {
  if (tier === undefined || tier === null || typeof tier === 'string') return tier ?? undefined
  observers.warn('WARN_VALUE_IGNORED', `tier of a request ignored: expected a string or undefined, got ${show(tier)}`, 'tier')
  return undefined
}
