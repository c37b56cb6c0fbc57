import { invalid } from '../errors.ts'
import type { Store } from '../store.ts'
import { denyCache, type DenyCacheOptions } from './deny-cache/deny-cache.ts'
import { failover } from './failover/failover.ts'
import type { FailoverOptions, FailoverParts } from './failover/options.ts'
import { leases } from './leases/leases.ts'
import type { LeaseOptions } from './leases/options.ts'

/** The layers between a limiter and a store. `false` removes one. */
export interface StackOptions {
  /** Repeats recent refusals without asking the store; default `true`. */
  readonly denyCache?: DenyCacheOptions | boolean | undefined
  /** Spends the units of hot subjects in this process, without asking the store; default `false`. */
  readonly leases?: LeaseOptions | boolean | undefined
  /** Decides while the store is unreachable, slow or refusing writes; default on. With `false` they reject, unless a limiter has a `failMode`. */
  readonly failover?: FailoverOptions | false | undefined
}

/** What the package of a store passes to its layers, besides the options of its users. */
export interface StackParts extends FailoverParts {}

/**
 * Puts the layers over a store, in their fixed order: deny cache, leases, failover, store.
 *
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN
 * @example
 * ```ts
 * import type { Store } from '@sluice/core'
 * import { stack, type StackOptions } from '@sluice/core/store-kit'
 *
 * declare function connect(url: string): Store
 *
 * export function myStore(url: string, options: StackOptions = {}): Store {
 *   return stack(connect(url), options)
 * }
 * ```
 */
export function stack(store: Store, options: StackOptions, parts: StackParts = {}): Store {
  const { clock } = parts
  const denyCacheOptions = optionsOf('denyCache', options.denyCache, true)
  const leaseOptions = optionsOf('leases', options.leases, false)
  let layered = store
  if (options.failover !== false) layered = failover(layered, options.failover, parts)
  if (leaseOptions !== undefined) layered = leases(layered, { clock, ...leaseOptions }, parts)
  if (denyCacheOptions !== undefined) layered = denyCache(layered, { clock, ...denyCacheOptions })
  return layered
}

/** The options of a layer, or `undefined` for one that is switched off. */
function optionsOf<T extends object>(name: string, given: T | boolean | undefined, byDefault: boolean): Partial<T> | undefined {
  const options = given === undefined ? byDefault : given
  if (typeof options === 'boolean') return options ? {} : undefined
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    throw invalid(name, 'true, false or an options object', options)
  return options
}
