import { invalid } from '../errors.ts'
import type { Store } from '../store.ts'
import { denyCache, type DenyCacheOptions } from './deny-cache.ts'
import type { FailoverOptions, FailoverParts } from './failover/options.ts'
import { failover } from './failover/failover.ts'
import type { LeaseOptions } from './leases/lease-terms.ts'
import { leases } from './leases/leases.ts'

/** What stands between a limiter and a store; `false` removes a layer. */
export interface StackOptions {
  /** On unless it is removed. */
  readonly denyCache?: DenyCacheOptions | boolean | undefined
  /** Off unless it is asked for. */
  readonly leases?: LeaseOptions | boolean | undefined
  readonly failover?: FailoverOptions | false | undefined
}

/** What the package of a store gives to its layers. */
export interface StackParts extends FailoverParts {}

/**
 * A store under its layers, in their one order: deny cache, leases, failover, store.
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN
 */
export function stack(store: Store, options: StackOptions, parts: StackParts = {}): Store {
  const { clock } = parts
  const kept = optionsOf('denyCache', options.denyCache, true)
  const leased = optionsOf('leases', options.leases, false)
  let layered = store
  if (options.failover !== false) layered = failover(layered, options.failover, parts)
  if (leased !== undefined) layered = leases(layered, { clock, ...leased })
  if (kept !== undefined) layered = denyCache(layered, { clock, ...kept })
  return layered
}

/** The options of a layer, or `undefined` for one that is not wanted. */
function optionsOf<T extends object>(name: string, asked: T | boolean | undefined, otherwise: boolean): Partial<T> | undefined {
  const given = asked === undefined ? otherwise : asked
  if (typeof given === 'boolean') return given ? {} : undefined
  if (typeof given !== 'object' || given === null || Array.isArray(given)) throw invalid(name, 'true, false or an options object', given)
  return given
}
