import type { Mode } from './decision.ts'
import type { KeyOf } from './identity/part.ts'
import { hasKeys, keyedLimiter } from './keyed-limiter.ts'
import { knownOptions } from './known-options.ts'
import type { LimitRule } from './limit.ts'
import { LimiterEngine } from './limiter-engine.ts'
import type { Limiter } from './limiter.ts'
import { ObserverHub, type Observers } from './observers.ts'
import { checkLimited, definePolicy } from './policy.ts'
import type { FailMode, Store } from './store.ts'

/** The options of `createLimiter`. `limits` or `tiers` is required. */
export interface LimiterOptions<
  R extends readonly LimitRule<string, any>[],
  T extends Readonly<Record<string, readonly LimitRule<string, any>[]>>,
> {
  /** Names the state, the headers and the events. Unique on its store. Spelled like the name of a limit; default `'default'`. */
  readonly name?: string | undefined
  /**
   * The limits of every request, at least one. With `tiers`: the limits of a request without a tier, or with an unknown one, which
   * `WARN_TIER_DEFAULTED` reports once.
   */
  readonly limits?: R | undefined
  /** The limits of each tier, by its name. `[]` is unlimited. */
  readonly tiers?: T | undefined
  /**
   * The key of the limits without their own, as the option of `rateLimit`. Limits with a key convert subjects as the key does: an address
   * may be in any notation, and a list has one value for each part. `consume` reads no request. Default: a subject is taken as it is.
   */
  readonly key?: KeyOf<any> | undefined
  /** How many leading bits of an IPv6 address are one client, for limits by address: 32 to 64. Default: 56. */
  readonly ipv6Prefix?: number | undefined
  /** Where the state lives. Default: a new `memoryStore()`, for this limiter only. */
  readonly store?: Store | undefined
  /**
   * `'enforce'` (default) refuses requests over the limit. `'shadow'` allows every request; it decides and reports with a separate
   * state. `'off'` allows every request and decides nothing.
   */
  readonly mode?: Mode | undefined
  /**
   * What happens while the store is unavailable. `'local'` (default) admits this process's share of each limit, `'open'` allows every
   * request, and `'closed'` refuses every request. Over a store without failover, such as one of your own, a decision that the store
   * cannot make rejects unless `failMode` is given; `'local'` then admits the whole limit in each process.
   */
  readonly failMode?: FailMode | undefined
  /** Functions that are called with decisions, warnings and changes of the store's health. */
  readonly on?: Observers | undefined
}

/** The names of a list of limits, as a union of string literals. */
export type LimitNames<R> = R extends readonly LimitRule<infer N, any>[] ? N : never

/**
 * Makes a limiter that is independent of HTTP: for background jobs, message queues, or a framework without an adapter. With the name,
 * limits and key of a `rateLimit`, it counts in the same states, so a script can look up, reset and block its clients.
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN, ERR_NAME_INVALID, ERR_NAME_DUPLICATE, ERR_NAME_TAKEN, ERR_LIMIT_KEY
 * @example
 * ```ts
 * import { createLimiter, fixedWindow, slidingWindow } from '@sluice/core'
 *
 * const limiter = createLimiter({
 *   name: 'api',
 *   tiers: {
 *     free: [slidingWindow({ name: 'minute', limit: 100, window: '1m' }), fixedWindow({ name: 'day', limit: 1_000, window: 'day' })],
 *     premium: [slidingWindow({ name: 'minute', limit: 10_000, window: '1m' })],
 *   },
 * })
 * const decision = await limiter.consume('user:42', { tier: 'free' })
 * if (!decision.allowed) console.log(`retry in ${decision.retryAfter} ms`)
 * ```
 */
export function createLimiter<
  const R extends readonly LimitRule<string, any>[] = readonly [],
  const T extends Readonly<Record<string, readonly LimitRule<string, any>[]>> = {},
>(options: LimiterOptions<R, T>): Limiter<LimitNames<R> | { [K in keyof T]: LimitNames<T[K]> }[keyof T], keyof T & string> {
  knownOptions('createLimiter', options, ['name', 'limits', 'tiers', 'key', 'ipv6Prefix', 'store', 'mode', 'failMode', 'on'])
  checkLimited(options)
  const policy = definePolicy(options)
  const isKeyed = hasKeys(policy, options)
  const engine = new LimiterEngine(policy, options.store, new ObserverHub(policy.name, options.on))
  return (isKeyed ? keyedLimiter(engine, { key: options.key, ipv6Prefix: options.ipv6Prefix }) : engine) as Limiter<any, any>
}
