import type { Code } from './codes.ts'

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
