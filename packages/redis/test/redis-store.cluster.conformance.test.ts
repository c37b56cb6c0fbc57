import type { Clock, Store } from '@sluice/core'
import { modelProperty, publishedTables, storeConformance } from '@sluice/testing'
import { type RedisCluster, startCluster } from '@sluice/testing/redis'
import { afterAll, beforeAll } from 'vitest'
import { scanAfterEach, rawStore } from './support.ts'

let cluster: RedisCluster
beforeAll(async () => {
  cluster = await startCluster()
})
afterAll(() => cluster.stop())
scanAfterEach(
  () => cluster.client(),
  () => Promise.all(cluster.nodes.map((node) => node.server.call('FLUSHALL'))),
  { hasTestClock: true },
)

// Each store has its own prefix, so that all share one cluster.
let stores = 0
const make =
  (partitions: number) =>
  (clock: Clock): Store =>
    rawStore({ cluster: cluster.nodes.map(({ host, port }) => ({ host, port })) }, { prefix: `t${++stores}`, partitions, clock })

storeConformance('redisStore, three primaries', { make: make(16) })
publishedTables('redisStore, three primaries', make(16))
// Law 4 does not hold across slots, so a decision has several charges only where they share a slot.
modelProperty('redisStore, three primaries, one partition', make(1), { share: 0.2 })
modelProperty('redisStore, three primaries, one charge a decision', make(16), { charges: 1, share: 0.2 })
