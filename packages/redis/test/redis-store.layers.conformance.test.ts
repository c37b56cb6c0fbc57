// The store under all of its layers: while Redis answers, the contract is the one of the store alone.
import { redisStore, type RedisStoreOptions } from '@sluice/redis'
import { modelProperty, publishedTables, storeConformance } from '@sluice/testing'
import { type RedisServer, startRedis } from '@sluice/testing/redis'
import type { Clock, Store } from '@sluice/core'
import { afterAll, beforeAll } from 'vitest'
import { scanAfterEach } from './lab.ts'

let server: RedisServer
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())
scanAfterEach(
  () => server.client(),
  () => server.call('FLUSHALL'),
)

// A namespace for each store, so that one server serves them all.
let stores = 0
// With leases that nothing here is hot enough for: of a leased subject less may be told to be left than the model has.
const make = (clock: Clock, options: RedisStoreOptions = {}): Store =>
  redisStore({ url: server.url }, { prefix: `t${++stores}`, clock, leases: { hot: 60_000 }, ...options })

storeConformance('redisStore, all layers', { make })
publishedTables('redisStore, all layers', make)
// What a cache tells of a larger cost than the refused one is an upper bound, not the model's.
modelProperty('redisStore, all layers but the deny cache', (clock) => make(clock, { denyCache: false }))
