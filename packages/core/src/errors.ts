/** Everything Sluice throws or warns about, as a closed set. Each code has a section of its name in docs/errors.md. */
export const CODES = [
  // Refused when a limiter, a store or a pipeline is made.
  'ERR_OPTION_INVALID',
  'ERR_OPTION_UNKNOWN',
  'ERR_OPTION_CONFLICT',
  'ERR_NAME_INVALID',
  'ERR_NAME_DUPLICATE',
  'ERR_NAME_TAKEN',
  'ERR_LIMIT_INEXACT',
  'ERR_LIMIT_KEY',
  // Refused when a call makes no sense.
  'ERR_SUBJECT_INVALID',
  'ERR_SUBJECT_MISSING',
  'ERR_COST_INVALID',
  'ERR_RECEIPT_REQUIRED',
  'ERR_RECEIPT_INVALID',
  'ERR_DECISION_FOREIGN',
  'ERR_ADDRESS_UNKNOWN',
  'ERR_CLOCK_INVALID',
  // A store that could not decide.
  'ERR_STORE_UNAVAILABLE',
  'ERR_PARTITIONS_CHANGED',
  // Told once, to the `warning` observer or the console. With `strict: true` the first four are thrown.
  'WARN_FORWARDED_UNTRUSTED',
  'WARN_TRUST_PERMISSIVE',
  'WARN_SINGLE_ADDRESS',
  'WARN_MEMORY_IN_CLUSTER',
  'WARN_FORWARDED_CONFLICT',
  'WARN_NAME_SHARED',
  'WARN_COST_NEVER',
  'WARN_VALUE_IGNORED',
  'WARN_TIER_DEFAULTED',
  'WARN_OBSERVER_FAILED',
  'WARN_SETTLE_FAILED',
  'WARN_CLIENT_RETRIES',
  'WARN_EVICTION',
  'WARN_PACKED_ENTRIES',
  'WARN_INSTANCES_UNKNOWN',
  // Told to the `anomaly` observer.
  'ANOMALY_OVERFLOW',
  'ANOMALY_STATE_UNREADABLE',
  'ANOMALY_VERDICT',
  'ANOMALY_UNRECONCILED',
] as const
export type Code = (typeof CODES)[number]

// Registered, so that an error made by another copy of this package is still recognised.
const BRAND: unique symbol = Symbol.for('sluice.error') as never

/** The one error class. `code` says which rule was broken; the message says what was expected and what came. */
export class SluiceError extends Error {
  readonly code: Code
  constructor(code: Code, message: string, options?: { readonly cause?: unknown }) {
    super(`${message} (${code}, see docs/errors.md)`, options)
    this.name = 'SluiceError'
    this.code = code
    Object.defineProperty(this, BRAND, { value: true })
  }
}

/** True for an error of any copy of Sluice; use it rather than `instanceof`. */
export function isSluiceError(error: unknown): error is SluiceError {
  return typeof error === 'object' && error !== null && BRAND in error
}

/** `expected` and `got` in the one wording that every refused option has. */
export function invalid(what: string, expected: string, got: unknown, code: Code = 'ERR_OPTION_INVALID'): SluiceError {
  return new SluiceError(code, `${what}: expected ${expected}, got ${show(got)}`)
}

/** A value as it should appear in a message: short, typed, never throwing, never a whole object. */
export function show(value: unknown): string {
  if (typeof value === 'string') return `the string ${quoted(value)}`
  if (typeof value === 'function') return 'a function'
  if (typeof value === 'symbol') return quoted(String(value)).slice(1, -1)
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? `an array of ${value.length}` : 'an object'
  return typeof value === 'bigint' ? `${value}n` : String(value)
}

/** Text of anybody's in quotes: cut to a bearable length, and nothing in it begins a line or steers a terminal. */
export function quoted(text: string): string {
  const short = text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text
  return JSON.stringify(short).replace(STEERS, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

const LONGEST = 64
// What JSON leaves as it is: DEL and the second set of controls, separators of lines, and marks that turn the direction of text.
const STEERS = /[\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/g
