import type { Decision } from './decision.ts'
import type { Duration } from './duration.ts'
import type { NumbersByLimit } from './numbers/sets.ts'
import type { MaybePromise } from './runtime.ts'
import type { StoreHealth } from './store.ts'

/** A subject: a text, or a list with one value for each part of a key, as for `joinSubject`. */
export type SubjectValue = string | readonly string[]

/** Who is limited: one subject for every limit, or one for each limit by its name. */
export type Subject<N extends string> = SubjectValue | Readonly<Partial<Record<N, SubjectValue>>>

/**
 * Whole units, 0 or more. A number is the cost under every limit but `concurrency`, which always takes 1. An object gives the cost
 * by the name of the limit; a limit that it leaves out takes 1.
 */
export type Cost<N extends string> = number | Readonly<Partial<Record<N, number>>>

/** The options of one call of a limiter. */
export interface CallOptions<N extends string, T extends string> {
  /** Whole units, 0 or more; default 1. By the name of the limit, where limits differ. */
  readonly cost?: Cost<N> | undefined
  /** The tier whose limits apply. Default: `limits`, or the first tier listed if the limiter has only tiers. */
  readonly tier?: T | undefined
  /**
   * Other numbers for limits, by their names: `{ minute: { limit: 500 } }`. Those of a call hold for this call alone. Default: what the
   * functions of a limit return for the request; without a request, the `defaults` of the limit.
   */
  readonly numbers?: NumbersByLimit<N> | undefined
}

/** The options of `consume` and `peek`. */
export interface TakeOptions<N extends string, T extends string> extends CallOptions<N, T> {
  /**
   * Takes as many units as there are, from this number up to `cost`: the same number under every limit but `concurrency`, which takes 1.
   * `decision.granted` says how many. A whole number from 1 to `cost`, which must be a number. Default: the whole cost or nothing.
   */
  readonly atLeast?: number | undefined
}

/** The part of the web's `AbortSignal` that a wait uses. */
export interface WaitSignal {
  readonly aborted: boolean
  readonly reason: unknown
  addEventListener(type: 'abort', run: () => void): void
  removeEventListener(type: 'abort', run: () => void): void
}

/** The options of `wait`. */
export interface WaitOptions<N extends string, T extends string> extends TakeOptions<N, T> {
  /** Ends the wait when it is aborted: the call rejects with the signal's reason, and takes nothing. Default: nothing ends it. */
  readonly signal?: WaitSignal | undefined
  /** The longest wait: 0, or 1 ms to 366 days. A longer one is refused, as soon as that is known. Default: as long as it takes. */
  readonly maxWait?: Duration | undefined
}

/**
 * Applies its limits to requests, and keeps their state in its store. A method returns its result at once if the store does, as
 * the memory store does. Otherwise it returns a promise. `await` works for both.
 */
export interface Limiter<N extends string = string, T extends string = string> {
  readonly name: string
  /**
   * Charges every limit, or none of them if one refuses.
   * @throws ERR_SUBJECT_INVALID, ERR_SUBJECT_MISSING, ERR_COST_INVALID, ERR_LIMIT_NUMBERS, and the error of a store that could not decide
   */
  consume(subject: Subject<N>, options?: TakeOptions<N, T>): MaybePromise<Decision<N>>
  /** Decides as `consume` would, and takes nothing. With a subject by limit, only those limits are asked. */
  peek(subject: Subject<N>, options?: TakeOptions<N, T>): MaybePromise<Decision<N>>
  /**
   * Waits until the request is admitted, and charges it then. In a queue (`leakyBucket` with `queue: true`), it also waits for its turn. Calls for
   * one subject take turns in their order, in this process. Resolves to a decision that is not allowed if the wait would be longer than
   * `maxWait`, or if the cost never fits. At most 10,000 calls of a limiter wait at a time.
   * @throws as `consume`; the reason of the signal; ERR_WAITERS_FULL; ERR_LIMITER_CLOSED. All as a rejection
   * @example
   * ```ts
   * import { createLimiter, tokenBucket } from '@sluice/core'
   *
   * const limiter = createLimiter({ limits: [tokenBucket({ name: 'calls', limit: 20, window: '1s' })] })
   *
   * export async function call(url: string): Promise<Response> {
   *   const { allowed } = await limiter.wait('crm', { maxWait: '30s', signal: AbortSignal.timeout(60_000) })
   *   if (!allowed) throw new Error('too many calls are waiting')
   *   return fetch(url)
   * }
   * ```
   */
  wait(subject: Subject<N>, options?: WaitOptions<N, T>): Promise<Decision<N>>
  /** Charges even past the limit, which may leave a debt. */
  penalize(subject: Subject<N>, options?: CallOptions<N, T>): MaybePromise<Decision<N>>
  /**
   * Gives units back without a decision: what penalties took, or a bonus for good behaviour. Each limit gives back what it counts now, never
   * below 0, so no more than the limit is ever left. Windows give back of the current window, then of the window before, whose units count in
   * part. A sliding log gives back its newest entries, and a bucket fills. With a cost by limit, the limits that it leaves out stay as they
   * are. A queue and a `concurrency` limit take nothing back: name the other limits. `outcomes` says in `granted`, below 0, what each
   * gave back. While the store is away, nothing is given back and the call rejects.
   * @throws ERR_SUBJECT_INVALID, ERR_SUBJECT_MISSING, ERR_COST_INVALID, ERR_OPTION_CONFLICT for a queue or a `concurrency` limit, and the error
   * of a store that is away or cannot do it
   * @example
   * ```ts
   * import { createLimiter, slidingWindow } from '@sluice/core'
   *
   * const limiter = createLimiter({ limits: [slidingWindow({ name: 'minute', limit: 100, window: '1m' })] })
   * await limiter.consume('user:42', { cost: 8 })
   * const { remaining } = await limiter.credit('user:42', { cost: 5 })
   * console.log(remaining) // 97
   * ```
   */
  credit(subject: Subject<N>, options?: CallOptions<N, T>): MaybePromise<Decision<N>>
  /**
   * Corrects a decision to its actual cost, and releases its concurrency. Units charged too much are given back where they were
   * taken; missing units are charged even past the limit. Can be called again as the cost becomes known: each call names the whole cost so
   * far, and nothing is given back twice. The first call releases the concurrency. A limit that a cost by limit leaves out stays as it is.
   * @throws ERR_DECISION_FOREIGN, ERR_COST_INVALID
   */
  settle(decision: Decision<N>, actual: Cost<N>): MaybePromise<void>
  /** Gives back everything that the decision took: `settle(decision, 0)`. */
  refund(decision: Decision<N>): MaybePromise<void>
  /** Releases the concurrency that the decision took, and nothing else. */
  release(decision: Decision<N>): MaybePromise<void>
  /**
   * Gives the concurrency that the decision took another `ttl` from now. `false` if a holder is gone, so that another request may have its
   * slot: it has expired, or was released or reset. Stop the work then. `true` as well if the decision needs no holder: without a
   * `concurrency` limit, in the modes `shadow` and `off`, or while the store could not say.
   */
  renew(decision: Decision<N>): MaybePromise<boolean>
  /**
   * Deletes all state of the subject under this limiter, in every tier. A blocked subject stays blocked. Returns whether there
   * was any: `false` if nothing was counted, as for a subject that is misspelt. `true` from a store of your own that does not tell.
   * @throws ERR_SUBJECT_INVALID, and the error of a store that could not delete
   */
  reset(subject: Subject<N>): MaybePromise<boolean>
  /**
   * Forgets all subjects of this limiter, in every tier: counts, holders, leases and blocks, in `shadow` mode too. In this process at once. Over Redis it
   * resolves after about two seconds, when no other process decides by an old state. A decision that was made before then settles nothing.
   * @throws ERR_RESET_ALL_UNSUPPORTED for a store that cannot, and the error of a store that is away
   * @example
   * ```ts
   * import { createLimiter, slidingWindow } from '@sluice/core'
   *
   * const limiter = createLimiter({ limits: [slidingWindow({ name: 'minute', limit: 100, window: '1m' })] })
   * await limiter.resetAll()
   * ```
   */
  resetAll(): MaybePromise<void>
  /**
   * Refuses every request of the subject from now on, before anything is charged, until the duration has passed: 1 ms to 366 days. Returns
   * when the block ends, in ms since the Unix epoch. A later call sets the end anew, be it earlier or later. A block is of the limiter and
   * the subject: with a subject by limit, each of its texts is blocked under all limits. It refuses no forced charge, and what was admitted
   * before can be settled, released and renewed. A tier without limits asks no store, so it admits a blocked subject.
   * @throws ERR_OPTION_INVALID, ERR_SUBJECT_INVALID, ERR_BLOCK_UNSUPPORTED for a store that cannot block, and the error of a store that is
   * away
   * @example
   * ```ts
   * import { createLimiter, slidingWindow } from '@sluice/core'
   *
   * const limiter = createLimiter({ limits: [slidingWindow({ name: 'minute', limit: 100, window: '1m' })] })
   * const until = await limiter.block('user:42', '1h')
   * const { verdict, retryAfter } = await limiter.consume('user:42')
   * console.log(verdict, retryAfter, new Date(until).toISOString())
   * ```
   */
  block(subject: Subject<N>, duration: Duration): MaybePromise<number>
  /** Ends a block. Returns whether the subject was blocked. `reset` does not end a block. @throws as `block` */
  unblock(subject: Subject<N>): MaybePromise<boolean>
  /** What decides now: the store or a failure mode, and the state of the circuit breaker. */
  health(): StoreHealth
  /** Stops observing and gives up the name. Rejects the calls of `wait`. Closes the store if the limiter made it. */
  close(): MaybePromise<void>
}
