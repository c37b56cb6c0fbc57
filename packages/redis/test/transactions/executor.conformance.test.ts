// Without Lua: the same contract, model and published tables as with scripts.
import { modelProperty, publishedTables, storeConformance } from '@sluice/testing'
import { type RedisServer, startRedis } from '@sluice/testing/redis'
import type { Clock, Store } from '@sluice/core'
import { afterAll, beforeAll } from 'vitest'
import { scanAfterEach, rawStore } from '../support.ts'

let server: RedisServer
beforeAll(async () => {
  server = await startRedis()
  // The server forbids scripts, so a store that sends one fails every test.
  await server.call('ACL', 'SETUSER', 'default', '-@scripting')
})
afterAll(() => server.stop())
scanAfterEach(
  () => server.client(),
  () => server.call('FLUSHALL'),
  { hasTestClock: true },
)

// Each store has its own prefix, so that all share one server.
let stores = 0
const make = (clock: Clock): Store => rawStore({ url: server.url }, { prefix: `t${++stores}`, clock, scripting: false })

storeConformance('redisStore without scripts', { make })
// As many steps as elsewhere are walked on the store with scripts.
modelProperty('redisStore without scripts', make, { share: 0.2 })
publishedTables('redisStore without scripts', make)
