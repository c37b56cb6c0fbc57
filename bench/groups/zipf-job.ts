// What zipf.ts and its processes tell each other.
import type { Limit } from '@sluice/core'

export interface ZipfJob {
  readonly url: string
  readonly seed: number
  readonly limit: Limit
  /** Before what is measured, by the same limiter. */
  readonly warmUp: number
  readonly ms: number
}

export interface ZipfDone {
  readonly decisions: number
  readonly admitted: number
  readonly redis: number
  readonly ms: number
  readonly cpu: number
  /** Admissions of the hottest subjects: who, and when by the store's clock in µs. */
  readonly hot: readonly (readonly [subject: string, at: number])[]
}

/** Where the limit is out of reach, there is nothing to check. */
export function isChecked(limit: number): boolean {
  return limit <= 10_000
}
