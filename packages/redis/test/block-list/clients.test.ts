// A block list through each client that the package adapts, on one server and a Cluster.
import { blockList } from '@sluice/blocklist'
import { redisBlockStorage, type RedisSource } from '@sluice/redis'
import { blockRule, strikeReport } from '@sluice/testing'
import { type RedisCluster, type RedisServer, startCluster, startRedis, waitUntil } from '@sluice/testing/redis'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { closeClients, LIBRARIES } from '../clients/clients.ts'

const libraries = Object.entries(LIBRARIES)

async function serves(client: RedisSource, key: string): Promise<void> {
  const storage = redisBlockStorage(client, { key })
  const list = blockList({ storage })
  onTestFinished(() => list.close())
  await list.ready()
  const other = redisBlockStorage(client, { key })
  const { blocked } = await other.report(
    Array.from({ length: 60 }, (_, i) => strikeReport(`a${i}`)),
    blockRule(),
  )
  expect(blocked).toHaveLength(60)
  await waitUntil('the blocks', () => list.health().active.refuse === 60)
  expect((await list.why('a7')).blocked).toMatchObject({ level: 1, evidence: { strikes: 10 } })
  expect(await list.unblock('a7')).toBe(true)
  await list.block('ünïcödé', '1m', { reason: 'ß' })
  expect((await list.list()).find(({ rule }) => rule === 'manual')).toMatchObject({ name: 'ünïcödé', reason: 'ß' })
  expect(await other.revisionAge('shop', 1)).toBe(Infinity)
  await list.close()
}

describe('one server', () => {
  let server: RedisServer
  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(() => server.stop())

  test.each(libraries)('%s', async (name, library) => {
    onTestFinished(closeClients)
    await serves(await library.one(server), name.replaceAll(' ', '-'))
  })
})

describe('a Cluster', () => {
  let cluster: RedisCluster
  beforeAll(async () => {
    cluster = await startCluster()
  })
  afterAll(() => cluster.stop())

  // The other clients send the same commands, which policies/clients.test.ts tries on a Cluster.
  test('ioredis', () => serves(cluster.client(), 'ioredis'))
})
