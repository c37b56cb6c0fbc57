import type { Decision } from './decision.ts'
import type { MaybePromise } from './runtime.ts'
import type { StoreHealth } from './store.ts'

/** Who is limited: one subject for every limit, or one for each by name. */
export type Subject<N extends string> = string | Readonly<Partial<Record<N, string>>>
/** Units: a number for every limit but concurrency, which takes 1; or by name, where a missing name takes 1. */
export type Cost<N extends string> = number | Readonly<Partial<Record<N, number>>>
export interface Ask<N extends string, T extends string> {
  /** Whole units, 0 or more; default 1. */
  readonly cost?: Cost<N> | undefined
  /** Which tier's limits hold. */
  readonly tier?: T | undefined
}

/** A policy and a store. Synchronous where the store is; `await` serves both. */
export interface Limiter<N extends string = string, T extends string = string> {
  readonly name: string
  /** Charges every limit, or none of them if one refuses. */
  consume(subject: Subject<N>, ask?: Ask<N, T>): MaybePromise<Decision<N>>
  /** Decides for the cost, and takes nothing. */
  peek(subject: Subject<N>, ask?: Ask<N, T>): MaybePromise<Decision<N>>
  /** Charges even past the limit; may leave a debt. */
  penalize(subject: Subject<N>, ask?: Ask<N, T>): MaybePromise<Decision<N>>
  /** Corrects a decision to what it really cost, and frees its concurrency: what was charged too much is given back where it was taken, the rest is charged by force. Counts once per decision. */
  settle(decision: Decision<N>, actual: Cost<N>): MaybePromise<void>
  /** `settle(decision, 0)`: gives back what the decision took. */
  refund(decision: Decision<N>): MaybePromise<void>
  /** Frees the decision's concurrency only. */
  release(decision: Decision<N>): MaybePromise<void>
  /** Lets the decision's concurrency live for another ttl from now, if it still lives. */
  renew(decision: Decision<N>): MaybePromise<void>
  /** Forgets all state of the subject under this limiter. */
  reset(subject: Subject<N>): MaybePromise<void>
  health(): StoreHealth
  /** Ends observing and frees the name; closes the store if the limiter made it. */
  close(): MaybePromise<void>
}
