import type { Decision, Mode } from './decision.ts'
import { SluiceError } from './errors.ts'
import type { LimitRule } from './limit.ts'
import { LimiterEngine } from './limiter-engine.ts'
import { Announcer, type Observers } from './observers.ts'
import { knownOptions } from './options.ts'
import { definePolicy, type FailMode, setsOf } from './policy.ts'
import type { MaybePromise } from './runtime.ts'
import type { Store, StoreHealth } from './store.ts'

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

export interface LimiterOptions<
  R extends readonly LimitRule<string, any>[],
  T extends Readonly<Record<string, readonly LimitRule<string, any>[]>>,
> {
  /** Names the state, the headers and the reports; default `default`. */
  readonly name?: string | undefined
  /** Beside `tiers`: the limits of no tier and of unknown tiers. */
  readonly limits?: R | undefined
  /** The limits of each plan; `[]` is unlimited. */
  readonly tiers?: T | undefined
  /** Default: a memory store of its own. */
  readonly store?: Store | undefined
  /** `shadow` decides and reports on a state of its own, but lets everything through; `off` does nothing. */
  readonly mode?: Mode | undefined
  /** What happens when the store is away. */
  readonly failMode?: FailMode | undefined
  readonly on?: Observers | undefined
}

export type Names<R> = R extends readonly LimitRule<infer N, any>[] ? N : never

/**
 * A limiter without HTTP.
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN, ERR_NAME_INVALID, ERR_NAME_DUPLICATE, ERR_NAME_TAKEN, ERR_LIMIT_KEY
 */
export function createLimiter<
  const R extends readonly LimitRule<string, any>[] = readonly [],
  const T extends Readonly<Record<string, readonly LimitRule<string, any>[]>> = {},
>(options: LimiterOptions<R, T>): Limiter<Names<R> | { [K in keyof T]: Names<T[K]> }[keyof T], keyof T & string> {
  knownOptions('createLimiter', options, ['name', 'limits', 'tiers', 'store', 'mode', 'failMode', 'on'])
  const policy = definePolicy(options)
  for (const { limits } of setsOf(policy)) {
    const keyed = limits.find(({ key }) => key !== undefined)
    if (keyed !== undefined) {
      throw new SluiceError(
        'ERR_LIMIT_KEY',
        `createLimiter: expected limits without key, got one on "${keyed.limit.name}"; here the caller names the subject (a key is for rateLimit())`,
      )
    }
  }
  return new LimiterEngine(policy, options.store, new Announcer(policy.name, options.on)) as Limiter<any, any>
}
