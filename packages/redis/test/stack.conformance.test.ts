// The store under all of its layers: while Redis answers, the contract is the one of the store alone.
import { redisStore } from '@sluice/redis'
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
const make = (clock: Clock): Store => redisStore({ url: server.url }, { prefix: `t${++stores}`, clock })

storeConformance('redisStore, all layers', { make })
modelProperty('redisStore, all layers', make)
publishedTables('redisStore, all layers', make)
