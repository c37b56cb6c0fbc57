// The contract on packed state. All subjects are in one bucket, and must not affect each other.
import { redisStore } from '@sluice/redis'
import type { BlockChange, Clock, Store } from '@sluice/core'
import { modelProperty, type ModelPropertyOptions, publishedTables, storeConformance } from '@sluice/testing'
import { type RedisCluster, type RedisServer, startCluster, startRedis } from '@sluice/testing/redis'
import { afterAll, beforeAll, describe } from 'vitest'
import { isPackable } from '../../src/state/packed.ts'
import { rawStore, scanAfterEach } from '../support.ts'

// All other states have their own keys.
const PACKED: ModelPropertyOptions = {
  share: 0.2,
  families: ['fixedWindow, epoch', 'slidingWindow', 'mixed'],
  // A block is in the bucket of its window, so a window of another length does not meet it.
  blockPlaceOf: (limit) => (isPackable(limit) ? `${limit.algorithm} ${limit.window}` : ''),
}
const packed = { subjects: 1 }
// Each store has its own prefix, so that all share one server.
let stores = 0
/** Sets the state of each limit apart, since packed state has one window limit a policy. */
function apart(store: Store): Store {
  const own = <T extends { readonly scope: string }>(each: T): T => ({
    ...each,
    scope: each.scope.replace(/^([^@+]*)@?([^+]*)\+(.*)$/, '$1@$2.$3+$3'),
  })
  return {
    name: store.name,
    consume: (charges, options) => store.consume(charges.map(own), options),
    reset: (targets) => store.reset(targets.map(own)),
    block: (targets, ms) => store.block?.(targets.map(own), ms) as Promise<BlockChange>,
    resetAll: (limiter) => store.resetAll?.(limiter),
    generationOf: (limiter) => store.generationOf?.(limiter) ?? '',
    subscribe: (listener) => store.subscribe?.(listener) ?? (() => undefined),
    close: () => store.close?.(),
  }
}
const prefix = (): string => `t${++stores}`

describe('one server', () => {
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
  const make = (clock: Clock): Store => apart(rawStore({ url: server.url }, { prefix: prefix(), clock, packed, partitions: 1 }))
  const layered = (clock: Clock): Store =>
    apart(redisStore({ url: server.url }, { prefix: prefix(), clock, packed, partitions: 1, leases: { hot: 60_000 } }))

  storeConformance('redisStore, packed', { make })
  modelProperty('redisStore, packed', make, PACKED)
  publishedTables('redisStore, packed', make)
  storeConformance('redisStore, packed, all layers', { make: layered })
})

describe('three primaries', () => {
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
  const make =
    (partitions: number) =>
    (clock: Clock): Store =>
      apart(rawStore({ cluster: cluster.nodes.map(({ host, port }) => ({ host, port })) }, { prefix: prefix(), clock, packed, partitions }))

  storeConformance('redisStore, packed, three primaries', { make: make(16) })
  // Law 4 does not hold across slots, so a decision has several charges only where they share a slot.
  modelProperty('redisStore, packed, three primaries, one partition', make(1), PACKED)
})
