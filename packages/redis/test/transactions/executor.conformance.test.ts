// The mode without Lua: the contract, the model and the published tables, as with scripts.
import { modelProperty, publishedTables, storeConformance } from '@sluice/testing'
import { type RedisServer, startRedis } from '@sluice/testing/redis'
import type { Clock, Store } from '@sluice/core'
import { afterAll, beforeAll } from 'vitest'
import { scanAfterEach, rawStore } from '../lab.ts'

let server: RedisServer
beforeAll(async () => {
  server = await startRedis()
  // What forbids scripts is the server: a store that sent one would fail every test.
  await server.call('ACL', 'SETUSER', 'default', '-@scripting')
})
afterAll(() => server.stop())
scanAfterEach(
  () => server.client(),
  () => server.call('FLUSHALL'),
)

// A namespace for each store, so that one server serves them all.
let stores = 0
const make = (clock: Clock): Store => rawStore({ url: server.url }, { prefix: `t${++stores}`, clock, scripting: false })

storeConformance('redisStore without scripts', { make })
modelProperty('redisStore without scripts', make)
publishedTables('redisStore without scripts', make)
