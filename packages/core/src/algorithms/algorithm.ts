import { SluiceError } from '../errors.ts'
import type { Limit } from '../limit.ts'
import type { Charge, ConsumeOptions, Outcome, Receipt, Source } from '../store.ts'

/** What a store tells a step besides the caller's own options. */
export interface StepOptions extends ConsumeOptions {
  /** Written into the outcome; `memory` if absent. */
  readonly source?: Source | undefined
  /** The id of a holder that would be acquired; made by the step if absent. Given by a store that sends it elsewhere first. */
  readonly holder?: string | undefined
  /**
   * Of a store that leases: the charge is a lease of `lease`, of at most so many units; or a lease is given back, so many units
   * of it at most (0: it is too late). Absent: a plain charge, and `lease` says nothing.
   */
  readonly maxUnits?: number | undefined
}

export interface Step<S> {
  /** The state to write; `undefined`: write nothing. */
  readonly state: S | undefined
  readonly outcome: Outcome
}

/** Writes a state as at most three numbers into a row, and reads it back. The memory store then keeps no object per state. */
export interface RowCodec<S> {
  decode(row: Float64Array, offset: number): S
  encode(state: S, row: Float64Array, offset: number): void
}

/**
 * One per algorithm. Layers, headers and stores ask it and never switch on a name, so that another algorithm is another
 * descriptor. States are immutable, structured-cloneable data; an absent state is an unused one.
 */
export interface Algorithm<S = unknown> {
  readonly name: Limit['algorithm']
  /** A refusal holds until its `retryAfter` has passed, as far as one process can see. */
  readonly denyCacheable: boolean
  /** Units may be taken ahead and spent elsewhere. */
  readonly leasable: boolean
  /** Takes a holder that lives until it is released or its ttl has passed: a cost is 1, and settling releases it. */
  readonly holds: boolean
  /** The most that an unused subject is admitted at once: `q` in the headers. */
  quota(limit: Limit): number
  /** Seconds in which the quota comes back: `w` in the headers; `undefined` when time alone does not bring it back. */
  windowSeconds(limit: Limit): number | undefined
  /** The same limit at a share (0–1] of its quantity, whole units, at least 1. */
  scale(limit: Limit, share: number): Limit
  /** What makes a state unreadable to another limit of the same scope, such as the length of a window; `''` when nothing does. */
  variantOf(limit: Limit): string
  /** Absent where a state can need more than three numbers: the memory store then keeps it as an object. */
  readonly codec?: RowCodec<S> | undefined
  /** @throws ERR_LIMIT_INEXACT when the arithmetic of this limit would leave the integers below 2^53 */
  check(limit: Limit): void
  /** Decides one charge. Pure but for the id of a new holder. */
  step(state: S | undefined, charge: Charge, nowMicros: number, options: StepOptions): Step<S>
}

/** A receipt that says where (a number) and, unless it is 1, how many units. */
export function placeReceipt(place: number, units: number): Receipt | undefined {
  if (units <= 0) return undefined
  return units === 1 ? place : `${place}:${units}`
}

/** The inverse of `placeReceipt`. */
export function readReceipt(charge: Charge): { readonly place: number; readonly units: number } {
  const { receipt } = charge
  const [place, units] = typeof receipt === 'number' ? [receipt, 1] : (receipt ?? '').split(':').map(Number)
  if (place === undefined || units === undefined || !Number.isSafeInteger(place) || !Number.isSafeInteger(units)) throw badReceipt(charge)
  return { place, units }
}

export function badReceipt(charge: Charge): SluiceError {
  return new SluiceError(
    'ERR_RECEIPT_INVALID',
    `limit "${charge.limit.name}" (${charge.limit.algorithm}): expected a receipt that this store made for it`,
  )
}

/**
 * ⌊a / b⌋ for safe integers a ≥ 0, b > 0. Exact: the quotient lies at least 1/b below the next integer k, and since k·b ≤ 2^53
 * two numbers next to k are at most 2/b apart, so that it never rounds up to k. (`%` is exact too, and several times as slow.)
 */
export function floorDiv(a: number, b: number): number {
  return Math.floor(a / b)
}

/** ⌈a / b⌉ for safe integers a ≥ 0, b > 0. */
export function ceilDiv(a: number, b: number): number {
  const quotient = Math.floor(a / b)
  return quotient * b === a ? quotient : quotient + 1
}

/** `quantity × share`, whole, at least 1; of nothing, nothing. */
export function shareOf(quantity: number, share: number): number {
  return quantity === 0 ? 0 : Math.max(1, Math.floor(quantity * share))
}

/** The limit at a share of its quantity. */
export function scaledLimit(limit: Limit, share: number): Limit {
  return Object.freeze({ ...limit, limit: shareOf(limit.limit, share) })
}
