import type { Limit } from '../limit.ts'
import type { Charge, ConsumeOptions, Outcome, Source } from '../store.ts'

/**
 * What layers, headers and stores know of an algorithm. They never compare its name, so a new algorithm needs only a new
 * descriptor. `S` is its state: immutable data that `structuredClone` accepts. An absent state is that of an unused subject.
 */
export interface Algorithm<S = unknown> {
  readonly name: Limit['algorithm']
  /** Whether a refusal stays true until its `retryAfter` has passed, as far as one process can know. */
  readonly denyCacheable: boolean
  /** Whether one process may take units ahead and spend them later. */
  readonly leasable: boolean
  /** Whether a charge takes a holder, which lives until it is released or its ttl has passed. Each charge then costs 1. */
  readonly holds: boolean
  /** The most units that an unused subject is admitted at once: `q` in the headers. */
  quota(limit: Limit): number
  /** Seconds in which the quota comes back: `w` in the headers. `undefined` if time alone does not bring it back. */
  windowSeconds(limit: Limit): number | undefined
  /** Whether the whole quota comes back at one moment, the end of a window. Otherwise it comes back bit by bit. */
  readonly resetsAtOnce: boolean
  /** The limit with this share of its quantity: `share` is above 0 and at most 1, the result whole units and at least 1. */
  scale(limit: Limit, share: number): Limit
  /** What makes a state unreadable to another limit of the same scope, such as the length of a window; `''` if nothing does. */
  variantOf(limit: Limit): string
  /**
   * ms for which stores keep a state after its `resetAfter`, since another limit of its variant may still read it as used. Absent: 0. Forgetting
   * it earlier would give a quota twice.
   */
  keepFor?(limit: Limit): number
  /** Absent where a state can need more than three numbers: the memory store then keeps it as an object. */
  readonly codec?: RowCodec<S> | undefined
  /** @throws ERR_LIMIT_INEXACT if the arithmetic of this limit could leave the safe integers, ±(2^53 − 1) */
  check(limit: Limit): void
  /** Decides one charge at an instant. A pure function, except for the random id of a new holder. */
  step(state: S | undefined, charge: Charge, nowMicros: number, options: StepOptions): Step<S>
}

export interface Step<S> {
  /** The state to write; `undefined`: write nothing. */
  readonly state: S | undefined
  readonly outcome: Outcome
}

/** What a store passes to a step, besides the caller's options. */
export interface StepOptions extends ConsumeOptions {
  /** The `source` of the outcome. Default: `memory`. */
  readonly source?: Source | undefined
  /** The id of the holder to acquire, for a store that sends it elsewhere. Default: a new random id. */
  readonly holder?: string | undefined
  /**
   * For a store that grants leases: the most units that this lease may take or give back. 0 if the lease is too old to give
   * back. Absent for a charge that is no lease; `lease` is then ignored.
   */
  readonly maxUnits?: number | undefined
}

/** Writes a state as at most three numbers into a row, and reads it back. The memory store then keeps no object per state. */
export interface RowCodec<S> {
  decode(row: Float64Array, offset: number): S
  encode(state: S, row: Float64Array, offset: number): void
  /** Makes a reader, which decides on rows without an object for each state. */
  createReader(): RowReader
}

/** Decides as `step` does, on states in rows. It holds the state after its last decision until it makes the next one. */
export interface RowReader {
  /** Decides one charge on the state at `offset`. Writes nothing. */
  decide(row: Float64Array, offset: number, charge: Charge, nowMicros: number, options: StepOptions): Outcome
  /** Whether the last decision changed the state. */
  readonly isChanged: boolean
  /** Writes the state after the last decision. */
  save(row: Float64Array, offset: number): void
}
