import type { Clock, Store } from '@sluice/core'
import type { RedisServer } from './server.ts'

/** What redisStore() is, to whom may not know it. */
type MakeStore = (source: { readonly url: string }, options: { readonly prefix: string; readonly clock: Clock }) => Store

let made = 0

/** For httpConformance(): a store by the case's clock for each case, all on one server, under prefixes of their own. */
export function storePerCase(server: RedisServer, redisStore: MakeStore): (clock: Clock) => Store {
  return (clock) => redisStore({ url: server.url }, { prefix: `case${++made}`, clock })
}
