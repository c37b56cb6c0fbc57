import { quoted, show } from '../errors.ts'
import type { Cost } from '../limiter.ts'
import type { ObserverHub } from '../observers.ts'

// What the option functions of an application return per request. An invalid value never reaches the client: it is replaced, and a
// warning is emitted once. A value of another request would be another client's. For the numbers of limits see ../numbers/reader.ts.

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
