// The store under all of its layers in Cluster: there a decision over several partitions is put together by a layer.
import type { Clock, Store } from '@sluice/core'
import { redisStore } from '@sluice/redis'
import { storeConformance } from '@sluice/testing'
import { type RedisCluster, startCluster } from '@sluice/testing/redis'
import { afterAll, beforeAll } from 'vitest'
import { scanAfterEach } from './lab.ts'

let cluster: RedisCluster
beforeAll(async () => {
  cluster = await startCluster()
})
afterAll(() => cluster.stop())
scanAfterEach(
  () => cluster.client(),
  () => Promise.all(cluster.nodes.map((node) => node.server.call('FLUSHALL'))),
)

// A namespace for each store, so that one cluster serves them all.
let stores = 0
const make = (clock: Clock): Store =>
  redisStore({ cluster: cluster.nodes.map(({ host, port }) => ({ host, port })) }, { prefix: `t${++stores}`, clock })

storeConformance('redisStore, all layers, three primaries', { make })
