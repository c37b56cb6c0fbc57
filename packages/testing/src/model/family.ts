import type { Limit } from '@sluice/core'

/** What a model step is asked, in big integers. */
export interface Ask {
  readonly limit: Limit
  /** Units; less than 0 gives back. */
  readonly cost: bigint
  /** A receipt that the model itself made. */
  readonly receipt: unknown
  readonly how: 'charge' | 'force' | 'peek'
  readonly atLeast: bigint | undefined
}

/** Every field of an `Outcome` but `source` and `held`, with the model's own receipt. */
export interface ModelOutcome {
  readonly allowed: boolean
  readonly remaining: number
  readonly retryAfter: number
  readonly nextAfter: number
  readonly resetAfter: number
  readonly delay: number
  readonly at: number
  readonly receipt: unknown
  readonly leaseFor: number
  readonly granted: number
}

export interface ModelStep<S> {
  /** `undefined`: nothing is written. */
  readonly state: S | undefined
  readonly outcome: ModelOutcome
}

/** One algorithm, slow and obvious. States are never changed in place. */
export interface Family<S> {
  /** Limits of one scope with different variants have different states. */
  variantOf(limit: Limit): string
  step(state: S | undefined, ask: Ask, now: bigint): ModelStep<S>
}

/** What the model throws where a store must throw: compared by code. */
export class ModelError extends Error {
  readonly code: string
  constructor(code: string) {
    super(code)
    this.code = code
  }
}

export const MOST: bigint = 2n ** 53n - 1n

export function least(a: bigint, b: bigint): bigint {
  return a < b ? a : b
}

export function most(a: bigint, b: bigint): bigint {
  return a > b ? a : b
}

/** ⌈a / b⌉ for a ≥ 0, b > 0. */
export function ceil(a: bigint, b: bigint): bigint {
  return (a + b - 1n) / b
}

/** ⌊a / b⌋, also for a < 0. */
export function floor(a: bigint, b: bigint): bigint {
  return a >= 0n ? a / b : -ceil(-a, b)
}
