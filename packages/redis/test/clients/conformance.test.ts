// M3: the store contract on clients of other libraries. node-redis 5 in `npm run test:all` alone.
import type { Clock, Store } from '@sluice/core'
import type { RedisSource } from '@sluice/redis'
import { storeConformance } from '@sluice/testing'
import { type RedisServer, startRedis } from '@sluice/testing/redis'
import { afterAll, beforeAll, describe } from 'vitest'
import { rawStore, scanAfterEach } from '../support.ts'
import { closeClients, LIBRARIES } from './clients.ts'

const isFull = process.env['SLUICE_FAULTS'] === 'full'
const libraries = Object.entries(LIBRARIES).filter(([name]) => isFull || name !== 'node-redis 5')

describe.each(libraries)('M3: %s', (name, library) => {
  let server: RedisServer
  let client: RedisSource
  beforeAll(async () => {
    server = await startRedis()
    client = await library.one(server)
  })
  afterAll(async () => {
    await closeClients()
    await server.stop()
  })
  scanAfterEach(
    () => server.client(),
    () => server.call('FLUSHALL'),
    { hasTestClock: true },
  )
  // Each store has its own prefix, so that all share one client.
  let stores = 0
  const make = (clock: Clock): Store => rawStore(client, { prefix: `t${++stores}`, clock })
  storeConformance(name, { make })
})
