// The contract of the store with all of its layers, on a cluster, where one decision may span partitions.
import type { Clock, Store } from '@sluice/core'
import { redisStore } from '@sluice/redis'
import { storeConformance } from '@sluice/testing'
import { type RedisCluster, startCluster } from '@sluice/testing/redis'
import { afterAll, beforeAll } from 'vitest'
import { scanAfterEach } from './support.ts'

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
const make = (clock: Clock): Store =>
  redisStore({ cluster: cluster.nodes.map(({ host, port }) => ({ host, port })) }, { prefix: `t${++stores}`, clock })

storeConformance('redisStore, all layers, three primaries', { make })
