import type { Decision } from '../decision.ts'
import type { HeaderLine } from './headers/headers.ts'
import type { RefusalResponse } from './refusal.ts'
import type { Done } from './settlement.ts'

/** What an adapter applies: it sets the headers (never appends), and then goes on or answers. */
export type HttpOutcome<R = unknown> = Admission<R> | Refusal

/** A request that goes on to its handler. */
export interface Admission<R = unknown> {
  readonly pass: true
  readonly headers: readonly HeaderLine[]
  /** `undefined` for a skipped request. */
  readonly decision: Decision | undefined
  /** ms to wait before the request goes on: the delay of its decision, else 0. */
  readonly delay: number
  /** Call it once, when the body of the response has ended or the client has left. `undefined`: there is nothing to do then. */
  readonly done: Done<R> | undefined
}

/** A request that the adapter answers. Its handler does not run. */
export interface Refusal extends RefusalResponse {
  readonly pass: false
  /** `undefined` for a request without a subject, which the store did not decide. */
  readonly decision: Decision | undefined
}

/** The outcome of a request that is not limited. */
export const SKIPPED: HttpOutcome = Object.freeze({ pass: true, headers: [], decision: undefined, delay: 0, done: undefined })
