/**
 * ⌊a / b⌋ for safe integers a ≥ 0, b > 0.
 *
 * `Math.floor(a / b)` is exact here. The true quotient lies at least 1/b below the next integer k. Since k·b ≤ 2^53, the
 * doubles next to k are at most 2/b apart, so that the quotient never rounds up to k. `%` is exact too, but several times
 * slower.
 */
export function floorDiv(a: number, b: number): number {
  return Math.floor(a / b)
}

/** ⌈a / b⌉ for safe integers a ≥ 0, b > 0. */
export function ceilDiv(a: number, b: number): number {
  const quotient = Math.floor(a / b)
  return quotient * b === a ? quotient : quotient + 1
}
