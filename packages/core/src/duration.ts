import { invalid } from './errors.ts'

const UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** Milliseconds, or a number with a unit and no space: `'250ms'`, `'10s'`, `'1m'`, `'1h'`, `'1d'`. From 1 ms to 366 days. */
export type Duration = number | `${number}${keyof typeof UNITS}`

const MAX_DURATION: number = 366 * UNITS.d

/**
 * Returns a duration as whole milliseconds, from 1 to 31,622,400,000 (366 days).
 * @throws ERR_OPTION_INVALID for any other value; `what` names it in the message
 */
export function millisOf(duration: Duration, what: string): number {
  const ms = typeof duration === 'string' ? parse(duration) : duration
  if (typeof ms !== 'number' || !Number.isInteger(ms) || ms < 1 || ms > MAX_DURATION) {
    throw invalid(what, "whole milliseconds from 1 to 31622400000 (366 days), or '250ms', '10s', '1m', '1h', '1d'", duration)
  }
  return ms
}

function parse(text: string): number {
  const match = /^(\d{1,12}(?:\.\d{1,6})?)(ms|s|m|h|d)$/.exec(text)
  if (match === null) return Number.NaN
  // As a double, 1.1 s is 1100.0000000000002 ms. Rounding to microseconds gives the number that was written.
  return Math.round(Number(match[1]) * UNITS[match[2] as keyof typeof UNITS] * 1000) / 1000
}
