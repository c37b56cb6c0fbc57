import { SluiceError } from '../errors.ts'
import { knownOptions } from '../known-options.ts'
import type { ObserverHub } from '../observers.ts'
import type { LimitSet, ScopedLimit } from '../limit-set.ts'
import type { Policy } from '../policy.ts'
import { chain, mapAll, type MaybePromise } from '../runtime.ts'
import { AmendedLimits, type LimitNumbers } from './amended.ts'
import { NUMBER_OPTIONS } from './split.ts'

/** Other numbers by the name of the limit: the option `numbers` of a call. */
export type NumbersByLimit<N extends string = string> = Readonly<Partial<Record<N, LimitNumbers>>>

/**
 * The limits with the numbers of a request. The functions of all limits are called before the first is awaited. `given` replaces what
 * they return.
 */
export function readNumbers(set: LimitSet, context: unknown, observers: ObserverHub, given?: NumbersByLimit): MaybePromise<LimitSet> {
  const [only] = set.limits
  // The usual single limit needs no lists of results.
  if (set.limits.length === 1 && given === undefined && only?.reader !== undefined)
    return chain(only.reader.read(context, observers), (limit) => ({ tier: set.tier, limits: limit === undefined ? [] : [limit] }))
  return chain(
    mapAll(set.limits, (scoped): MaybePromise<ScopedLimit | undefined> =>
      scoped.reader === undefined ? scoped : scoped.reader.read(context, observers),
    ),
    (read) => withLimits(set, read, given),
  )
}

/**
 * The limits of a call without a request.
 * @throws ERR_LIMIT_NUMBERS if a number is a function, and neither in `given` nor in the `defaults` of its limit; ERR_OPTION_* for bad numbers
 */
export function givenNumbers(policy: Policy, set: LimitSet, given: NumbersByLimit | undefined): LimitSet {
  if (given !== undefined) checkNumbers(given, policy)
  for (const { limit, reader } of set.limits) {
    const missing = reader?.missing(given?.[limit.name]) ?? []
    if (missing.length > 0)
      throw new SluiceError(
        'ERR_LIMIT_NUMBERS',
        `limiter "${policy.name}": limit "${limit.name}": expected ${missing.join(' and ')} in numbers, since no request was given to the function; ` +
          `pass numbers: { ${limit.name}: { ${missing[0]} } }, or give the limit defaults`,
      )
  }
  return given === undefined ? set : withLimits(set, set.limits, given)
}

function withLimits(set: LimitSet, read: readonly (ScopedLimit | undefined)[], given: NumbersByLimit | undefined): LimitSet {
  const limits: ScopedLimit[] = []
  for (let i = 0; i < read.length; i++) {
    const base = set.limits[i] as ScopedLimit
    const numbers = given === undefined || !Object.hasOwn(given, base.limit.name) ? undefined : given[base.limit.name]
    const limit = numbers === undefined ? read[i] : amended(read[i], base, numbers)
    if (limit !== undefined) limits.push(limit)
  }
  return { tier: set.tier, limits }
}

const copies = new WeakMap<ScopedLimit, AmendedLimits>()

function amended(read: ScopedLimit | undefined, base: ScopedLimit, numbers: LimitNumbers): ScopedLimit | undefined {
  const { name, algorithm, movable } = base.limit
  // A calendar of its own would be a state of its own, and a second quota.
  const known = NUMBER_OPTIONS[algorithm].filter((option) => movable === true || (option !== 'anchor' && option !== 'timeZone'))
  knownOptions(`numbers.${name}`, numbers, known)
  // A function said that there is no limit, and nothing else says what it is.
  if (read === undefined && numbers.limit === undefined) return undefined
  const scoped = read ?? base
  let amendments = copies.get(scoped)
  if (amendments === undefined) copies.set(scoped, (amendments = new AmendedLimits(scoped)))
  return amendments.with(numbers as Readonly<Record<string, unknown>>)
}

/** Checks the names in the option `numbers` of a call. @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN */
export function checkNumbers(given: unknown, { name: limiter, names }: Policy): void {
  knownOptions(`limiter "${limiter}": numbers`, given, [...names])
}
