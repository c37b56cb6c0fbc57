// The messages between zipf.ts and its processes.
import type { Limit } from '@sluice/core'

export interface ZipfJob {
  readonly url: string
  readonly seed: number
  readonly limit: Limit
  /** ms before the measurement, with the same limiter. */
  readonly warmUp: number
  /** Length of the measurement. */
  readonly ms: number
}

export interface ZipfResult {
  readonly decisions: number
  readonly admitted: number
  readonly redis: number
  readonly ms: number
  readonly cpu: number
  /** Admissions of the hottest subjects, with the time of the store's clock in µs. The warm-up counts as well. */
  readonly hot: readonly (readonly [subject: string, at: number])[]
}

/** Admissions are checked only where subjects can reach the limit. */
export function isChecked(limit: number): boolean {
  return limit <= 10_000
}
