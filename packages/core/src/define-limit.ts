import { algorithmOf } from './algorithms/registry.ts'
import { type Duration, millisOf } from './duration.ts'
import { invalid, quoted, show } from './errors.ts'
import { hash32 } from './hashing/hash32.ts'
import type { KeyOf } from './identity/part.ts'
import type { Limit, LimitRule, PerRequest, RequestNumbers } from './limit.ts'

/** The options that every limit has. */
export interface LimitFields<N extends string = string, C = any> {
  /** A letter, then up to 63 letters, digits, `_`, `.` or `-`. Unique among the limits of a limiter, ignoring case. */
  readonly name: N
  /**
   * The text that clients see in headers and bodies in place of the name, such as `'100 in 1 min'`: 1 to 64 characters of printable ASCII.
   * No other limit of the same list shows it. The state does not depend on it. Default: the name, after the name of the limiter if it has one.
   */
  readonly label?: string | undefined
  /**
   * Whether clients see this limit: its numbers in headers, and its name in the body of a refusal. Where it refuses, they still see
   * `Retry-After`. False for a limit whose numbers would help an attacker. The state does not depend on it. Default: true.
   */
  readonly visible?: boolean | undefined
  /**
   * Units per window, or requests at once for `concurrency`: a whole number, 0 or more; or a function of the request that returns it, which
   * may be async. 0 refuses every request. A function may also return `Infinity`, which does not limit the request.
   */
  readonly limit: PerRequest<C, number>
  /**
   * Who is limited by this limit. `createLimiter` reads no request, and converts the values that it is given. Default: the `key` of the
   * limiter; else in `rateLimit` the client's address.
   */
  readonly key?: KeyOf<C> | undefined
}

/** The fields of a limit whose `limit` is a number. */
type FixedFields<N extends string, C> = Omit<LimitFields<N, C>, 'limit'> & { readonly limit: number }

const NAME = /^[A-Za-z][A-Za-z0-9_.-]{0,63}$/
// What a String of RFC 9651 can have. For any other character, the parsers of clients drop the whole header field.
const LABEL = /^[ -~]{1,64}$/

/**
 * A name for what no one named, such as the limiter of a route. A text that is no name is changed and cut, and gets a hash of `source`, so
 * that two routes keep two names.
 */
export function derivedName(text: string, source: string = text): string {
  return NAME.test(text) ? text : hashedName(text, source)
}

/** As `derivedName`, with a hash in any case: for a text that may also come from another source. */
export function hashedName(text: string, source: string): string {
  const plain = text.replaceAll(/[^A-Za-z0-9_.-]/g, '_').replace(/^[^A-Za-z]+/, '')
  return `${plain.slice(0, 55) || 'unnamed'}-${hash32(source).toString(16).padStart(8, '0')}`
}

/** @throws ERR_NAME_INVALID: clients could not parse a header field that contains any other name */
export function checkName(name: unknown, what: string): void {
  if (typeof name !== 'string' || !NAME.test(name)) {
    throw invalid(what, 'a letter, then at most 63 letters, digits, _, . or -', name, 'ERR_NAME_INVALID')
  }
}

/** @throws ERR_OPTION_INVALID */
function checkLabel({ name, label }: { readonly name?: unknown; readonly label?: unknown }): void {
  if (label === undefined) return
  if (typeof label !== 'string' || !LABEL.test(label) || label.trim() === '')
    throw invalid(`${labelOf({ name })}: label`, '1 to 64 characters of printable ASCII, not only spaces', label)
}

/**
 * Checks the fields, asks the algorithm whether its arithmetic is exact, and freezes the limit.
 * @param numbers the functions that give each request other numbers
 */
export function defineLimit<N extends string, C>(
  fields: FixedFields<N, C>,
  data: Omit<Limit, 'name' | 'label' | 'visible' | 'limit'>,
  numbers?: RequestNumbers<C>,
): LimitRule<N, C> {
  const { name, label, visible, limit: quantity, key } = fields
  checkName(name, `${data.algorithm}: name`)
  checkLabel(fields)
  if (visible !== undefined && typeof visible !== 'boolean') throw invalid(`${labelOf(fields)}: visible`, 'true or false', visible)
  if (!Number.isSafeInteger(quantity) || quantity < 0) throw invalid(`${labelOf(fields)}: limit`, 'a whole number, 0 or more', quantity)
  // Left out rather than `undefined`: two definitions are compared as JSON, which a structured clone must not change.
  const shown = { label, visible: visible === false ? false : undefined }
  const given = Object.fromEntries(Object.entries({ ...data, name, ...shown, limit: quantity }).filter(([, value]) => value !== undefined))
  const limit = Object.freeze(given) as unknown as Limit<N>
  algorithmOf(limit).check(limit)
  const { window, ttl } = fields as { readonly window?: unknown; readonly ttl?: unknown }
  if (isShortNumber(window) || isShortNumber(ttl)) shortNumbers.add(limit)
  return Object.freeze({ limit, ...(key !== undefined && { key }), ...(numbers && { numbers }) })
}

// Reported by the limiter, not by the factory: only a limiter has observers.
const shortNumbers = new WeakSet<Limit>()

/** Whether a duration is a number below a second. Other libraries take seconds: `60` is a minute there, and 60 ms here. */
export function isShortNumber(duration: unknown): boolean {
  return typeof duration === 'number' && duration < 1_000
}

/** The warning for a limit whose window or ttl was given as a number below a second; `undefined` if it was not. */
export function shortWindowOf(limit: Limit): string | undefined {
  if (!shortNumbers.has(limit)) return undefined
  return `limit "${limit.name}": ${shortWindow(limit.window)}`
}

function shortWindow(ms: unknown): string {
  return `a duration of ${String(ms)} is ${String(ms)} ms, since a number counts milliseconds; write '${String(ms)}s' for seconds, or '${String(ms)}ms' if it is meant`
}

/** Names a limit at the start of an error message. */
export function labelOf({ name }: { readonly name?: unknown }): string {
  return `limit ${typeof name === 'string' ? quoted(name) : show(name)}`
}

export function windowOf(options: { readonly name?: unknown; readonly window: Duration }): number {
  return millisOf(options.window, `${labelOf(options)}: window`)
}

/** @throws ERR_OPTION_INVALID unless the option is absent, or a whole number in the range */
export function checkWhole<K extends string>(
  options: { readonly name?: unknown } & { readonly [P in K]?: number | undefined },
  key: K,
  min: number,
  max: number = Number.MAX_SAFE_INTEGER,
): number | undefined {
  const value: number | undefined = options[key]
  if (value === undefined) return undefined
  if (!Number.isSafeInteger(value) || value < min || value > max)
    throw invalid(`${labelOf(options)}: ${key}`, `a whole number from ${min} to ${max}`, value)
  return value
}
