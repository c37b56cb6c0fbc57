import { leaseConformance, modelProperty, publishedTables, storeConformance } from '@sluice/testing'
import { type RedisServer, startRedis } from '@sluice/testing/redis'
import type { Clock, Store } from '@sluice/core'
import { afterAll, beforeAll } from 'vitest'
import { scanAfterEach, rawStore } from './support.ts'

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
const make = (clock: Clock): Store => rawStore({ url: server.url }, { prefix: `t${++stores}`, clock })

storeConformance('redisStore, one server', { make })
leaseConformance('redisStore, one server', { make })
// Each step waits for the server. The memory store walks all steps each time, and `npm run test:all` does here too.
modelProperty('redisStore, one server', make, { share: 0.3 })
modelProperty('redisStore, one server, rights of a region', make, { families: ['fixedWindow, rights', 'slidingWindow, rights'] })
publishedTables('redisStore, one server', make)
