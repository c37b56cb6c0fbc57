import { type ClientDirectory, clientDirectory, type ClientTable, settingsReader } from '@sluice/policies'
import { type RedisSource, redisTable } from '@sluice/redis'
import { type RedisServer, startCluster, startRedis, tcpProxy, waitUntil } from '@sluice/testing/redis'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { closeAfterEach, LIBRARIES } from './clients/clients.ts'

const never = new AbortController().signal

let server: RedisServer
beforeAll(async () => {
  server = await startRedis()
  const client = server.client()
  await client.hset('client:acme', { tier: 'enterprise', rps_limit: '50', limits: '{"login.account": 20}' })
  await client.hset('client:beta', { tier: '', rps_limit: '0' })
  await client.set('client:text', 'no hash')
})
afterAll(() => server?.stop())
closeAfterEach()

function directoryOf(table: ClientTable): ClientDirectory {
  const directory = clientDirectory({ table, deadline: 5_000, on: { warning: () => undefined } })
  onTestFinished(() => directory.close())
  return directory
}

async function check(source: RedisSource): Promise<void> {
  const directory = directoryOf(redisTable(source))
  const read = settingsReader({ rps_limit: 'api.second' })
  const [acme, beta, none] = await Promise.all(['acme', 'beta', 'none'].map((id) => directory.rowOf(id)))
  expect(acme).toEqual({ client_id: 'acme', tier: 'enterprise', rps_limit: '50', limits: '{"login.account": 20}' })
  expect(acme && read(acme).limits).toEqual({ 'api.second': { limit: 50 }, 'login.account': { limit: 20 } })
  expect(beta && read(beta)).toEqual({ tier: undefined, limits: { 'api.second': { limit: 0 } }, problems: [] })
  expect(none).toBeUndefined()
  expect(directory.health()).toMatchObject({ lookups: 1, errors: 0 })
}

describe('tier, columns and limits of a client', () => {
  test('by ioredis', () => check(server.client()))

  test('by a URL, whose connection ends with the directory', async () => {
    const before = Number(/connected_clients:(\d+)/.exec(String(await server.call('INFO', 'clients')))?.[1])
    const directory = directoryOf(redisTable({ url: server.url }))
    expect(await directory.rowOf('acme')).toMatchObject({ tier: 'enterprise' })
    await directory.close()
    await waitUntil('the connection to end', async () => {
      const now = Number(/connected_clients:(\d+)/.exec(String(await server.call('INFO', 'clients')))?.[1])
      return now <= before
    })
  })

  test.each(Object.entries(LIBRARIES))('by %s', async (_, library) => check(await library.one({ host: server.host, port: server.port })))

  test('on a Cluster', async () => {
    const cluster = await startCluster()
    onTestFinished(() => cluster.stop())
    const client = cluster.client()
    await client.hset('client:acme', { tier: 'enterprise', rps_limit: '50', limits: '{"login.account": 20}' })
    await client.hset('client:beta', { tier: '', rps_limit: '0' })
    await check(client)
    for (const library of Object.values(LIBRARIES)) await check(await library.cluster(cluster.nodes))
  })
})

test('another prefix, with the keyPrefix of the client', async () => {
  await server.client().hset('shop:c/acme', { tier: 'pro' })
  const table = redisTable(server.client({ keyPrefix: 'shop:' }), { prefix: 'c/' })
  expect(await table.load(['acme'], never)).toEqual([{ client_id: 'acme', tier: 'pro' }])
})

test('a field client_id does not change whose hash it is', async () => {
  await server.client().hset('client:gamma', { client_id: 'acme', tier: 'pro' })
  expect(await redisTable(server.client()).load(['gamma'], never)).toEqual([{ client_id: 'gamma', tier: 'pro' }])
})

test('a key of another type takes its row from nobody else', async () => {
  const directory = directoryOf(redisTable(server.client()))
  expect(await directory.rowOf('acme')).toBeDefined()
  const rows = await Promise.all(['text', 'beta'].map((id) => directory.rowOf(id)))
  expect(rows.map((row) => row?.client_id)).toEqual([undefined, 'beta'])
  expect(directory.health().problem).toBeUndefined()
})

test('1,000 clients are read in one round trip', async () => {
  const proxy = await tcpProxy(server)
  onTestFinished(() => proxy.close())
  const client = server.client({ port: proxy.port })
  const ids = Array.from({ length: 1_000 }, (_, i) => `many-${i}`)
  const pipeline = server.client().pipeline()
  for (const id of ids) pipeline.hset(`client:${id}`, { tier: 'pro' })
  await pipeline.exec()
  const table = redisTable(client)
  await table.load(['acme'], never)
  proxy.delay(100)
  const start = performance.now()
  expect(await table.load(ids, never)).toHaveLength(1_000)
  expect(performance.now() - start).toBeLessThan(2_000)
})

test('Redis is away and comes back', async () => {
  const own = await startRedis()
  onTestFinished(() => own.stop())
  await own.client().hset('client:acme', { tier: 'pro' })
  const directory = directoryOf(redisTable({ url: own.url }))
  expect(await directory.rowOf('acme')).toBeDefined()
  await own.kill()
  expect(await directory.rowOf('beta')).toBeUndefined()
  expect(directory.rowOf('acme')).toBeDefined()
  expect(directory.health().problem).toContain('redisTable could not be read')
  await own.restart()
  await own.client().hset('client:beta', { tier: 'free' })
  await waitUntil('the row of beta', async () => (await directory.rowOf('beta')) !== undefined)
})

test.each([
  [undefined, {}, 'redisTable: expected a client of Redis, or where to connect, got undefined'],
  [{ url: 'redis://localhost' }, { prefix: 5 }, 'redisTable: prefix: expected a text, got 5'],
  [{ url: 'redis://localhost' }, { key: 'x' }, 'redisTable: "key" is not an option'],
])('%j with %j is refused', (source, options, message) => {
  expect(() => redisTable(source as never, options as never)).toThrow(message)
})
