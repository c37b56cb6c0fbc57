import type { Clock, Store } from '@sluice/core'
import type { RedisServer } from './server.ts'

/** The part of redisStore() that is needed here. This package does not import @sluice/redis. */
type MakeStore = (source: { readonly url: string }, options: { readonly prefix: string; readonly clock: Clock }) => Store

let count = 0

/**
 * A `makeStore` for httpConformance(). All stores use one server, each with its own key prefix and the clock of its case.
 *
 * @example
 * ```ts
 * import { redisStore } from '@sluice/redis'
 * import { startRedis, storePerCase } from '@sluice/testing/redis'
 *
 * const makeStore = storePerCase(await startRedis(), redisStore)
 * ```
 */
export function storePerCase(server: RedisServer, redisStore: MakeStore): (clock: Clock) => Store {
  return (clock) => redisStore({ url: server.url }, { prefix: `case${++count}`, clock })
}
