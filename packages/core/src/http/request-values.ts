import { millisOf } from '../duration.ts'
import { quoted, show } from '../errors.ts'
import { withNumbers } from '../amend-limit.ts'
import { isShortNumber, shortWindow } from '../define-limit.ts'
import type { Limit } from '../limit.ts'
import type { Cost } from '../limiter.ts'
import type { ObserverHub } from '../observers.ts'
import type { LimitSet, ScopedLimit } from '../policy.ts'
import { chain, type MaybePromise } from '../runtime.ts'
import type { RateLimitOptions } from './options.ts'

// What the option functions of an application return per request. An invalid value never reaches the client: the numbers of the
// definition replace it, and a warning is emitted once. A value of another request would be another client's.

/**
 * Reads `limit` and `window` of the shorthand per request; `undefined` when both are fixed. A limit of `Infinity` is no limit, and one
 * of 0 refuses every request.
 */
export function numbersReader<C>(
  options: RateLimitOptions<C, never>,
  base: LimitSet | undefined,
  shorthand: Limit | undefined,
  observers: ObserverHub,
): ((context: C) => MaybePromise<LimitSet>) | undefined {
  const { limit, window } = options
  const scoped = base?.limits.find((each) => each.limit === shorthand)
  if (base === undefined || scoped === undefined || (typeof limit !== 'function' && typeof window !== 'function')) return undefined
  const defined = { quantity: scoped.limit.limit, ms: scoped.limit.window as number, set: base }
  const unlimited: LimitSet = { tier: base.tier, limits: base.limits.filter((each) => each !== scoped) }
  const sets = new Map<string, LimitSet>()
  // Most requests have the numbers of the request before.
  let last = defined

  const setOf = (quantity: unknown, span: unknown): LimitSet => {
    if (quantity === last.quantity && span === last.ms) return last.set
    try {
      const ms = millisOf(span as number, 'window')
      if (span !== defined.ms && isShortNumber(span))
        observers.warn('WARN_WINDOW_SHORT', `window of a request: ${shortWindow(span)}`, 'window')
      if (quantity === Infinity) return unlimited
      if (!Number.isSafeInteger(quantity) || (quantity as number) < 0)
        throw new Error(`limit: expected a whole number, 0 or more, or Infinity, got ${show(quantity)}`)
      const key = `${String(quantity)}/${ms}`
      const set = sets.get(key) ?? withNumbersOf(base, scoped, quantity as number, ms)
      if (sets.size >= MAX_SETS) sets.clear()
      sets.set(key, set)
      last = { quantity: quantity as number, ms, set }
      return set
    } catch (error) {
      observers.warn(
        'WARN_VALUE_IGNORED',
        `limit and window of a request are ignored, and ${defined.quantity} per ${defined.ms} ms are used: ${(error as Error).message}`,
        'limit',
      )
      return defined.set
    }
  }
  return (context) =>
    chain(typeof limit === 'function' ? limit(context) : defined.quantity, (quantity) =>
      chain(typeof window === 'function' ? window(context) : defined.ms, (span) => setOf(quantity, span)),
    )
}

// Bounds memory where the numbers depend on something that clients choose.
const MAX_SETS = 1_000

function withNumbersOf(base: LimitSet, scoped: ScopedLimit, quantity: number, ms: number): LimitSet {
  const limit = withNumbers(scoped.limit, quantity, ms)
  return { tier: base.tier, limits: base.limits.map((each) => (each === scoped ? { ...scoped, limit } : each)) }
}

/**
 * The cost of a request. What is not valid is left out and reported with its name: a charge then costs 1 under that limit, and a
 * settlement leaves the charge of that limit as it is. `undefined` if nothing is valid.
 */
export function validCost(
  cost: unknown,
  names: ReadonlySet<string>,
  what: 'cost' | 'settle',
  observers: ObserverHub,
): Cost<string> | undefined {
  if (isUnits(cost)) return cost
  if (typeof cost !== 'object' || cost === null) {
    const expected = 'a whole number of units, 0 or more, or an object of them by limit'
    observers.warn('WARN_VALUE_IGNORED', `${what} of a request is ignored${INSTEAD[what]}: expected ${expected}, got ${show(cost)}`, what)
    return undefined
  }
  const entries = Object.entries(cost)
  const valid = entries.filter(([name, units]) => (names.size === 0 || names.has(name)) && (units === undefined || isUnits(units)))
  if (valid.length === entries.length) return cost as Cost<string>
  const [name, units] = entries.find((entry) => !valid.includes(entry)) as [string, unknown]
  const isName = names.size === 0 || names.has(name)
  const got = isName ? `expected a whole number, 0 or more, got ${show(units)}` : `expected the name of a limit (${[...names].join(', ')})`
  observers.warn('WARN_VALUE_IGNORED', `${what} of a request: ${quoted(name)} is ignored${INSTEAD[what]}: ${got}`, what)
  return Object.fromEntries(valid) as Cost<string>
}

const INSTEAD = { cost: ', and each limit without a valid cost takes 1', settle: ', and the charge stands' } as const

function isUnits(units: unknown): units is number {
  return Number.isSafeInteger(units) && (units as number) >= 0
}

/** Whether a function said yes: only `true` does. Another value that counts as true in JavaScript is reported. */
export function isTrue(value: unknown, what: 'skip' | 'refundWhen', observers: ObserverHub): boolean {
  if (value === true) return true
  if (value) observers.warn('WARN_VALUE_IGNORED', `${what} of a request is ignored: expected true or false, got ${show(value)}`, what)
  return false
}

/** The tier if it is valid, else `undefined`: the limits of an unknown tier. */
export function validTier(tier: unknown, observers: ObserverHub): string | undefined {
  if (tier === undefined || tier === null || typeof tier === 'string') return tier ?? undefined
  observers.warn('WARN_VALUE_IGNORED', `tier of a request is ignored: expected a string or undefined, got ${show(tier)}`, 'tier')
  return undefined
}
