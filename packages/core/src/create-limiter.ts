import type { Mode } from './decision.ts'
import { SluiceError } from './errors.ts'
import { knownOptions } from './known-options.ts'
import type { LimitRule } from './limit.ts'
import { LimiterEngine } from './limiter-engine.ts'
import type { Limiter } from './limiter.ts'
import { ObserverHub, type Observers } from './observers.ts'
import { definePolicy, setsOf } from './policy.ts'
import type { FailMode, Store } from './store.ts'

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
  return new LimiterEngine(policy, options.store, new ObserverHub(policy.name, options.on)) as Limiter<any, any>
}
