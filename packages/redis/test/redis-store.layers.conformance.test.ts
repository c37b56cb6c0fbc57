// The contract of the store with all of its layers. While Redis answers, it is the contract of the store alone.
import { redisStore, type RedisStoreOptions } from '@sluice/redis'
import { modelProperty, publishedTables, storeConformance } from '@sluice/testing'
import { type RedisServer, startRedis } from '@sluice/testing/redis'
import type { Clock, Store } from '@sluice/core'
import { afterAll, beforeAll } from 'vitest'
import { scanAfterEach } from './support.ts'

let server: RedisServer
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())
scanAfterEach(
  () => server.client(),
  () => server.call('FLUSHALL'),
  { hasTestClock: true },
)

// Each store has its own prefix, so that all share one server.
let stores = 0
// No subject here is hot enough for a lease: under a lease, `remaining` may be less than the model's.
const make = (clock: Clock, options: RedisStoreOptions = {}): Store =>
  redisStore({ url: server.url }, { prefix: `t${++stores}`, clock, leases: { hot: 60_000 }, ...options })

storeConformance('redisStore, all layers', { make })
publishedTables('redisStore, all layers', make)
// For a cost larger than the refused one, the deny cache returns an upper bound, not the model's number.
modelProperty('redisStore, all layers but the deny cache', (clock) => make(clock, { denyCache: false }), { share: 0.2 })
