import { labelOf } from '../define-limit.ts'
import { SluiceError } from '../errors.ts'
import { knownOptions } from '../known-options.ts'
import type { NumberFunction, RequestNumbers } from '../limit.ts'

/** Options of which `K` are values. */
type Fixed<O, K extends keyof O> = Omit<O, K> & { readonly [P in K]: Exclude<O[P], (...args: never) => unknown> }

/** The options of each factory that may be functions of the request, and that `numbers` of a call may change. */
export const NUMBER_OPTIONS = {
  fixedWindow: ['limit', 'window', 'anchor', 'timeZone'],
  slidingWindow: ['limit', 'window'],
  slidingLog: ['limit', 'window'],
  tokenBucket: ['limit', 'window', 'burst', 'debt'],
  leakyBucket: ['limit', 'window', 'burst', 'maxDelay'],
  concurrency: ['limit', 'ttl'],
} as const

// What holds where a function returns nothing valid, and `defaults` says nothing. Other options may be absent.
const STANDARD: Readonly<Record<string, unknown>> = { limit: 100, window: '1m', ttl: '1m' }

/**
 * Splits the options of a factory into those of the definition, in which each function is replaced by its default, and the functions.
 * @param names the options that may be functions
 * @throws ERR_OPTION_CONFLICT for `defaults` without a function; ERR_OPTION_UNKNOWN for a default of an option that is no function
 */
export function splitNumbers<C, O extends { readonly name?: unknown; readonly defaults?: object | undefined }, K extends keyof O & string>(
  options: O,
  names: readonly K[],
): { readonly fixed: Fixed<O, K>; readonly numbers: RequestNumbers<C> | undefined } {
  const dynamic = names.filter((name) => typeof options[name] === 'function')
  const { defaults, ...rest } = options
  if (dynamic.length === 0) {
    if (defaults === undefined) return { fixed: rest as never, numbers: undefined }
    throw new SluiceError(
      'ERR_OPTION_CONFLICT',
      `${labelOf(options)}: defaults: expected a function as ${names.join(' or ')} beside it, got none; remove defaults`,
    )
  }
  knownOptions(`${labelOf(options)}: defaults`, defaults ?? {}, dynamic)
  const given = Object.fromEntries(Object.entries(defaults ?? {}).filter(([, value]) => value !== undefined))
  const fixed: Record<string, unknown> = { ...rest }
  const functions: Record<string, NumberFunction<C>> = {}
  for (const name of dynamic) {
    functions[name] = options[name] as NumberFunction<C>
    fixed[name] = given[name] ?? STANDARD[name]
  }
  return { fixed: fixed as never, numbers: Object.freeze({ functions: Object.freeze(functions), defaults: Object.freeze(given) }) }
}
