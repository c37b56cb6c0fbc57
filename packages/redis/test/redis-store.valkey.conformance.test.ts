// Valkey 9. `npm run test:all` runs every test of this package on Valkey 9, on Valkey 8 and on Redis 6.2.
import type { Clock, Store } from '@sluice/core'
import { redisStore } from '@sluice/redis'
import { storeConformance } from '@sluice/testing'
import { otherServer, type RedisServer, startRedis, waitUntil } from '@sluice/testing/redis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { charge, eventsOf, rawStore, scanAfterEach, took } from './support.ts'

let server: RedisServer
beforeAll(async () => {
  server = await startRedis({ binary: otherServer('valkey-9') })
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

storeConformance('redisStore, Valkey 9', { make })

test('Valkey says what it evicts, and with all layers it decides', async () => {
  await server.call('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru')
  const store = redisStore({ url: server.url }, { leases: true, packed: { subjects: 1_000 } })
  const events = eventsOf(store)
  await store.ready?.()
  expect(await took(store, charge('a'))).toMatchObject({ source: 'redis', remaining: 9 })
  const warned = (): readonly unknown[] => events.filter((event) => event.type === 'warning')
  await waitUntil('a warning', () => warned().length > 0)
  expect(warned()).toMatchObject([{ code: 'WARN_EVICTION', message: expect.stringContaining('allkeys-lru') }])
  await store.close?.()
  await server.call('CONFIG', 'SET', 'maxmemory-policy', 'noeviction')
})
