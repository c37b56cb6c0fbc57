import { invalid } from '../errors.ts'
import type { Limit } from '../limit.ts'
import { floorDiv } from './division.ts'

/** The numbers of a bucket as integers: N tokens per P µs, in lowest terms. One µs adds N credits, and a token costs P credits. */
export interface Rate {
  readonly N: number
  readonly P: number
  /** The most tokens at once. */
  readonly burst: number
  /** Tokens that forced charges may take beyond an empty bucket. */
  readonly debt: number
  /** Credits of a full bucket: burst · P. */
  readonly capacity: number
  /** Credits that are missing at most: (burst + debt) · P. */
  readonly maxDeficit: number
}

/** Milliseconds; the default of `maxDelay`. */
const DEFAULT_MAX_DELAY = 1_000

/** Limits are frozen, so each rate is computed once. */
const rates = new WeakMap<Limit, Rate>()

/** The numbers of a token bucket or a leaky bucket. */
export function rateOf(limit: Limit): Rate {
  let rate = rates.get(limit)
  if (rate === undefined) rates.set(limit, (rate = computeRate(limit)))
  return rate
}

function computeRate(limit: Limit): Rate {
  const micros = (limit.window as number) * 1000
  // A limit of 0 refuses everything by its burst of 0. Its rate is read as 1, so that nothing divides by zero.
  const tokens = Math.max(1, limit.limit)
  const divisor = greatestCommonDivisor(tokens, micros)
  const N = tokens / divisor
  const P = micros / divisor
  const burst = burstOf(limit, N, P)
  const debt = limit.debt ?? burst
  return { N, P, burst, debt, capacity: burst * P, maxDeficit: (burst + debt) * P }
}

function burstOf(limit: Limit, N: number, P: number): number {
  if (limit.limit === 0) return 0
  if (limit.queue !== true) return limit.burst ?? limit.limit
  // A queue with a `burst` and no `maxDelay` is as long as its burst.
  if (limit.burst !== undefined && limit.maxDelay === undefined) return limit.burst
  const longest = floorDiv((limit.maxDelay ?? DEFAULT_MAX_DELAY) * 1000 * N, P) + 1
  return Math.min(limit.burst ?? Infinity, longest)
}

/** @throws ERR_LIMIT_INEXACT */
export function checkRate(limit: Limit): void {
  if (isExact(limit)) return
  throw invalid(
    `limit "${limit.name}": limit`,
    `numbers whose arithmetic stays below 2^53; use ${proposalFor(limit)}`,
    limit.limit,
    'ERR_LIMIT_INEXACT',
  )
}

function isExact(limit: Limit): boolean {
  const { N, P, burst, debt } = computeRate(limit)
  const maxDelayCredits = limit.queue === true ? (limit.maxDelay ?? DEFAULT_MAX_DELAY) * 1000 * N : 0
  // The second condition keeps F = now + maxDeficit / N exact until the year 2112.
  return Number.isSafeInteger(maxDelayCredits) && (burst + debt) * (P / N) <= 2 ** 52 && Number.isSafeInteger((burst + debt) * P + N)
}

/** Most inexact limits share no factor with their window. A slightly smaller limit often does. */
function proposalFor(limit: Limit): string {
  let smaller = limit.limit - 1
  for (let tries = 0; tries < 10_000 && smaller > 0 && !isExact({ ...limit, limit: smaller }); tries++) smaller -= 1
  const isFound = smaller > 0 && isExact({ ...limit, limit: smaller })
  return isFound ? `${smaller} instead (exact)` : 'a smaller burst, or a shorter window at the same rate'
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b)
}
