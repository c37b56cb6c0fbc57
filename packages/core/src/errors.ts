import type { Code } from './codes.ts'
import { ERRORS_PAGE } from './errors-page.ts'

// In the global registry, so that an error of another copy of this package is recognised.
const BRAND: unique symbol = Symbol.for('sluice.error') as never

/** The class of every error that Sluice throws. `code` names the broken rule. The message says what was expected, and what came. */
export class SluiceError extends Error {
  /** One of the codes of docs/errors.md. */
  readonly code: Code
  constructor(code: Code, message: string, options?: { readonly cause?: unknown }) {
    super(withCode(message, code), options)
    this.name = 'SluiceError'
    this.code = code
    Object.defineProperty(this, BRAND, { value: true })
  }
}

/** A message as people read it: with its code, and where to look the code up. */
export function withCode(message: string, code: string): string {
  return `${message} (${code}, see ${ERRORS_PAGE})`
}

/**
 * Whether an error is a `SluiceError`. Also recognises the errors of another copy of the package, for which `instanceof` is false.
 * @example
 * ```ts
 * import { isSluiceError, slidingWindow } from '@sluice/core'
 *
 * try {
 *   slidingWindow({ name: 'minute', limit: Number(process.env['LIMIT']), window: '1m' })
 * } catch (error) {
 *   if (isSluiceError(error)) console.error(error.code, error.message)
 * }
 * ```
 */
export function isSluiceError(error: unknown): error is SluiceError {
  return typeof error === 'object' && error !== null && BRAND in error
}

/** Makes the error for a value that is not valid. `what` names the value, and `got` is shown in short form. */
export function invalid(what: string, expected: string, got: unknown, code: Code = 'ERR_OPTION_INVALID'): SluiceError {
  return new SluiceError(code, `${what}: expected ${expected}, got ${show(got)}`)
}

/** Writes a value for a message: short, with its type, and without the contents of an object. Never throws. */
export function show(value: unknown): string {
  if (typeof value === 'string') return `the string ${quoted(value)}`
  if (typeof value === 'function') return 'a function'
  if (typeof value === 'symbol') return quoted(String(value)).slice(1, -1)
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? `an array of ${value.length}` : 'an object'
  return typeof value === 'bigint' ? `${value}n` : String(value)
}

/** Quotes a text of unknown origin: cut to a readable length, and unable to start a line of a log or to control a terminal. */
export function quoted(text: string): string {
  const short = text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH)}…` : text
  return JSON.stringify(short).replace(CONTROLS, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

const MAX_LENGTH = 64
/** What JSON does not escape: DEL and the C1 controls, line separators, and marks that change the direction of text. */
const CONTROLS = /[\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/g
