// D19: a server waits for Redis before it listens. P2: a client that has ended is not waited for.
import { setTimeout as sleep } from 'node:timers/promises'
import { memoryStore, type Store } from '@sluice/core'
import { redisStore, type RedisSource, type RedisStoreOptions } from '@sluice/redis'
import { freePort, type RedisServer, startCluster, startRedis, startSentinel } from '@sluice/testing/redis'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { charge, failure, rawStore, settlesIn, took } from '../support.ts'

let server: RedisServer
const closing: (() => unknown)[] = []
beforeAll(async () => {
  server = await startRedis()
})
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
  if (!server.alive) await server.restart()
})
/** Of the tests that run at the same time, since each waits for seconds. They use other servers. */
const atEnd: (() => unknown)[] = []
afterAll(async () => {
  for (const close of atEnd) await close()
  await server.stop()
})

function stored(source: RedisSource, options?: RedisStoreOptions, until = closing): Store {
  const store = redisStore(source, options)
  until.push(() => store.close?.())
  return store
}

function ended(): Redis {
  const client = new Redis({ host: server.host, port: server.port })
  client.on('error', () => undefined)
  client.disconnect()
  return client
}

test.each<[string, RedisStoreOptions]>([
  ['with failover', { failover: { deadline: 1_000 } }],
  ['without failover', { failover: false }],
  ['without scripts', { failover: false, scripting: false }],
])('D19: ready() resolves when a Redis that starts 1.5 s later decides, %s', async (_, options) => {
  await server.kill()
  const store = stored({ url: server.url }, options)
  const ready = Promise.resolve(store.ready?.(20_000)).then(() => 'ready')
  // With failover, requests that come before have opened the breaker by then.
  const early = options.failover === false ? [] : [1, 2, 3, 4, 5]
  for (const _early of early) expect(await took(store, charge('early'))).toMatchObject({ source: 'local' })
  await sleep(1_500)
  expect(await Promise.race([ready, sleep(0, 'waiting')])).toBe('waiting')
  await server.restart()
  expect(await ready).toBe('ready')
  expect(await took(store, charge('first'))).toMatchObject({ source: 'redis', remaining: 9 })
  // And at once from then on.
  await settlesIn(1_000, store.ready?.())
})

test('D19: ready() rejects on data with other partitions, and after close()', async () => {
  await stored({ url: server.url }, { prefix: 'parts' }).ready?.()
  const store = stored({ url: server.url }, { prefix: 'parts', partitions: 4 })
  expect(await failure(settlesIn(3_000, store.ready?.()))).toMatchObject({ code: 'ERR_PARTITIONS_CHANGED' })
  const closed = stored({ url: server.url })
  await closed.close?.()
  expect(await failure(settlesIn(3_000, closed.ready?.()))).toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' })
})

test('D19: a client that connects only when it is asked to is connected', async () => {
  const client = server.client({ lazyConnect: true })
  const store = stored(client, { failover: false })
  await store.ready?.()
  expect(client.status).toBe('ready')
})

test('D19: the memory store is always ready', () => {
  expect(memoryStore().ready?.()).toBeUndefined()
})

test.concurrent('D19: ready() rejects with the cause when the time is over', async () => {
  const port = await freePort()
  const store = stored({ url: `redis://127.0.0.1:${port}` }, {}, atEnd)
  const error = await failure(settlesIn(3_000, store.ready?.(300)))
  expect(error).toMatchObject({
    code: 'ERR_STORE_UNAVAILABLE',
    reason: expect.stringMatching(/^not ready within 300 ms: the connection is not ready \(\w+\): connect ECONNREFUSED/),
    cause: expect.any(Error),
  })
  expect(await failure(settlesIn(3_000, store.ready?.(0)))).toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' })
  expect(await failure(store.ready?.(Number.NaN))).toMatchObject({ code: 'ERR_OPTION_INVALID' })
})

test.concurrent('D19: ready() of a Cluster', async () => {
  const cluster = await startCluster()
  atEnd.unshift(() => cluster.stop())
  for (const { server: node } of cluster.nodes) await node.kill()
  const store = stored({ cluster: cluster.nodes.map(({ host, port }) => ({ host, port })) }, {}, atEnd)
  const ready = Promise.resolve(store.ready?.(30_000))
  await sleep(1_500)
  for (const { server: node } of cluster.nodes) await node.restart({ keepData: true })
  await ready
  expect(await took(store, charge('first'))).toMatchObject({ source: 'redis' })
}, 60_000)

test.concurrent('D19: ready() behind Sentinel, while the primary fails over', async () => {
  const sentinel = await startSentinel()
  atEnd.unshift(() => sentinel.stop())
  await sentinel.killPrimary()
  const store = stored({ sentinels: sentinel.sentinels, name: sentinel.name }, {}, atEnd)
  await store.ready?.(60_000)
  expect(await took(store, charge('first'))).toMatchObject({ source: 'redis' })
}, 90_000)

test('P2: a client that has ended is not waited for', async () => {
  const store = rawStore(ended())
  expect(await failure(settlesIn(1_000, took(store, charge('a'))))).toMatchObject({
    code: 'ERR_STORE_UNAVAILABLE',
    reason: expect.stringContaining('the client has ended, and does not connect again'),
  })
  expect(await failure(settlesIn(1_000, stored(ended()).ready?.(30_000)))).toMatchObject({
    reason: expect.stringContaining('the client has ended'),
  })
})
