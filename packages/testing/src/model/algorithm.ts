import type { Charge, Limit } from '@sluice/core'

/** A charge whose receipt, if any, comes from the model. */
export type ModelCharge = Omit<Charge, 'receipt'> & { readonly receipt?: unknown }

/** One charge, in big integers. */
export interface ModelRequest {
  readonly limit: Limit
  /** Units; a negative cost is a refund. */
  readonly cost: bigint
  /** A receipt of the model. */
  readonly receipt: unknown
  readonly how: 'charge' | 'force' | 'peek' | 'credit'
  readonly atLeast: bigint | undefined
}

/** Every field of an `Outcome` except `source` and `held`, with a receipt of the model. */
export interface ModelOutcome {
  readonly allowed: boolean
  readonly remaining: number
  readonly used: number
  readonly retryAfter: number
  readonly nextAfter: number
  readonly resetAfter: number
  readonly delay: number
  readonly at: number
  readonly receipt: unknown
  readonly leaseFor: number
  readonly granted: number
  /** `true` for a charge whose subject is blocked. */
  readonly blocked?: true
}

export interface ModelStep<S> {
  /** The new state; `undefined` means unchanged. */
  readonly state: S | undefined
  readonly outcome: ModelOutcome
}

/** One algorithm. A step returns a new state and never changes the old one. */
export interface ModelAlgorithm<S> {
  /** Limits of one scope with different variants have different states. */
  variantOf(limit: Limit): string
  step(state: S | undefined, request: ModelRequest, now: bigint): ModelStep<S>
}

/** Thrown where a store must throw. Only the code is compared. */
export class ModelError extends Error {
  readonly code: string
  constructor(code: string) {
    super(code)
    this.code = code
  }
}

export const MAX_COUNT: bigint = 2n ** 53n - 1n

export function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b
}

export function max(a: bigint, b: bigint): bigint {
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
