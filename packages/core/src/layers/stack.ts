import type { Store } from '../store.ts'
import type { FailoverOptions, FailoverParts } from './failover-options.ts'
import { failover } from './failover.ts'

/** What stands between a limiter and a store; `false` removes a layer. */
export interface StackOptions {
  readonly failover?: FailoverOptions | false | undefined
}

/** What the package of a store gives to its layers. */
export interface StackParts extends FailoverParts {}

/**
 * A store under its layers, in their one order: deny cache, leases, failover, store.
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN
 */
export function stack(store: Store, options: StackOptions, parts: StackParts = {}): Store {
  let layered = store
  if (options.failover !== false) layered = failover(layered, options.failover, parts)
  return layered
}
