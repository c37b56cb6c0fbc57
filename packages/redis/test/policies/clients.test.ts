// Policy documents through each client that the package adapts, on one server, a Cluster and Sentinels.
import type { RedisSource } from '@sluice/redis'
import { type RedisCluster, type RedisServer, startCluster, startRedis, startSentinel, waitUntil } from '@sluice/testing/redis'
import { Redis } from 'ioredis'
import * as nodeRedis5 from 'node-redis-5'
import { createClientPool, createSentinel } from 'redis'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { closeClients, LIBRARIES } from '../clients/clients.ts'
import { arrival, followed, holds, publish } from './support.ts'

const libraries = Object.entries(LIBRARIES)
/** ms. A client without a second connection asks every 500 ms. */
const LONGEST = 3_000
const quick = async (times: Promise<number>[]): Promise<void> => {
  for (const time of await Promise.all(times)) expect(time).toBeLessThan(LONGEST)
}

describe('one server', () => {
  let server: RedisServer
  beforeAll(async () => {
    server = await startRedis()
  })
  beforeEach(() => server.call('FLUSHALL'))
  afterAll(() => server.stop())

  async function serves(client: RedisSource): Promise<void> {
    expect(await publish(client, 1)).toBe(true)
    const one = await followed(client)
    for (const number of [2, 3, 4]) await quick([arrival(one, client, number)])
    expect(await publish(client, 4)).toBe(true)
    expect(await publish(client, 3)).toBe(false)
    expect(one.codes).toEqual([])
    await one.feed.close()
  }

  test.each(libraries)('%s', async (_, library) => {
    onTestFinished(closeClients)
    await serves(await library.one(server))
  })

  test('ioredis, with automatic pipelines', async () => {
    await serves(server.client({ enableAutoPipelining: true, commandTimeout: 1_000, socketTimeout: 800 }))
  })

  test('ioredis, that was not connected yet', async () => {
    await serves(server.client({ lazyConnect: true }))
  })

  test.each([
    ['node-redis 6', createClientPool],
    ['node-redis 5', nodeRedis5.createClientPool as unknown as typeof createClientPool],
  ])('a pool of %s', async (_, create) => {
    const pool = create({ socket: { host: server.host, port: server.port } })
    await pool.connect()
    onTestFinished(() => pool.destroy())
    await serves(pool)
  })

  test.each(libraries)('%s is free for other commands while the source waits', async (_, library) => {
    onTestFinished(closeClients)
    const client = await library.one(server)
    await publish(client, 1)
    const one = await followed(client)
    const begin = performance.now()
    for (let number = 2; number <= 40; number++) await publish(client, number)
    // Behind a command that waits, each of them would take 5 s.
    expect(performance.now() - begin).toBeLessThan(5_000)
    await holds(one, 40)
  })

  test.each(libraries)('%s comes back after a restart of the server', async (_, library) => {
    onTestFinished(closeClients)
    const own = await startRedis()
    onTestFinished(() => own.stop())
    await publish({ url: own.url }, 1)
    const client = await library.one(own)
    const one = await followed(client)
    await own.kill()
    await waitUntil('the source to be away', () => one.feed.health().source === 'away')
    expect(one.feed.document('shop')?.revision).toBe(1)
    await own.restart()
    await publish({ url: own.url }, 2)
    await holds(one, 2)
  })
})

describe('a Cluster', () => {
  let cluster: RedisCluster
  beforeAll(async () => {
    cluster = await startCluster()
  })
  afterAll(() => cluster.stop())

  test('ioredis', async () => {
    const client = cluster.client()
    expect(await publish(client, 1)).toBe(true)
    const one = await followed(client)
    for (const number of [2, 3, 4]) await quick([arrival(one, client, number)])
    await one.feed.close()
    const url = cluster.nodes.map(({ host, port }) => ({ host, port }))
    const other = await followed({ cluster: url })
    await quick([arrival(other, client, 5)])
    await other.feed.close()
  })

  test.each(libraries)('%s', async (_, library) => {
    onTestFinished(closeClients)
    const client = await library.cluster(cluster.nodes)
    const truth = cluster.client()
    const first = Number(await truth.hget('{sluice:policies}:documents', 'shop:revision')) + 1
    expect(await publish(client, first)).toBe(true)
    const one = await followed(client)
    for (const number of [1, 2, 3]) await quick([arrival(one, client, first + number)])
    await one.feed.close()
  })
})

describe('a failover of Sentinels', () => {
  test('loses no limit, and the feeds follow the new primary', async () => {
    const redis = await startSentinel()
    onTestFinished(() => redis.stop())
    onTestFinished(closeClients)
    const { name, sentinels } = redis
    const where: RedisSource = { sentinels, name }
    await publish(where, 1)
    await redis.settled()
    const sentinel = createSentinel({ name, sentinelRootNodes: [...sentinels] })
    sentinel.on('error', () => undefined)
    await sentinel.connect()
    onTestFinished(() => sentinel.destroy())
    const feeds = [await followed(where), await followed(sentinel), await followed(await LIBRARIES.iovalkey.sentinel!(redis))]
    const hasFirst = async (server: RedisServer) => (await server.call('HGET', '{sluice:policies}:documents', 'shop:revision')) === '1'
    await waitUntil('the replicas to have the first document', async () => (await Promise.all(redis.servers.map(hasFirst))).every(Boolean))
    // The last document that the primary has, and no replica.
    for (const server of redis.servers.slice(1)) await server.pause()
    // Otherwise the system would keep it for them.
    await (await redis.primary()).call('CLIENT', 'KILL', 'TYPE', 'replica')
    await publish(where, 2)
    for (const one of feeds) await holds(one, 2)
    await redis.killPrimary()
    for (const server of redis.servers.slice(1)) await server.resume()
    await redis.settled()
    await waitUntil('the feeds to see the older document', () => feeds.every(({ codes }) => codes.includes('WARN_POLICY_STALE')), 60_000)
    for (const { feed } of feeds) expect(feed.document('shop')?.revision).toBe(2)
    expect(await publish(where, 3)).toBe(true)
    for (const one of feeds) await holds(one, 3)
    for (const { changes } of feeds) expect(changes).toEqual([1, 2, 3])
  }, 120_000)
})

test('a client of ioredis that has ended is reported, and what to do', async () => {
  const server = await startRedis()
  onTestFinished(() => server.stop())
  const client = new Redis({ port: server.port, host: server.host })
  await client.quit()
  await expect(followed(client, {}, { startTimeout: 200 })).rejects.toThrow('the connection is not ready (end)')
})
