// trap: an indeterminate EVALSHA is replayed and counts twice. A proxy cuts the connection after the commit.
import type { Store } from '@sluice/core'
import { type RedisCluster, type RedisServer, startCluster, startRedis, type TcpProxy, tcpProxy, waitUntil } from '@sluice/testing/redis'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { charge, failure, keptForTest, settlesIn, SIX, take, TEN, took, used, scanAfterEach, rawStore } from '../support.ts'

const isCharge = (request: Buffer): boolean => /evalsha/i.test(request.toString('latin1'))
const kept = keptForTest()

describe('one server', () => {
  let server: RedisServer
  let proxy: TcpProxy
  beforeAll(async () => {
    server = await startRedis()
    proxy = await tcpProxy(server)
  })
  afterAll(async () => {
    await proxy.close()
    await server.stop()
  })
  scanAfterEach(() => server.client())
  afterEach(async () => {
    proxy.delay(0)
    proxy.blackHole(false)
    await proxy.refuse(false)
    await server.call('FLUSHALL')
  })
  const own = (): Store => kept(rawStore({ url: `redis://${proxy.host}:${proxy.port}` }))

  test('trap: an indeterminate EVALSHA is replayed and counts twice', async () => {
    const store = own()
    const truth = kept(rawStore({ url: server.url }))
    await took(store, charge('warm'))
    for (const limit of SIX) {
      proxy.loseReplies({ after: isCharge })
      const error = await failure(settlesIn(500, took(store, charge('a', limit))))
      expect(error).toMatchObject({ code: 'ERR_STORE_UNAVAILABLE', unknown: true })
      await waitUntil('a call to work again', async () => (await took(store, charge('b', limit))).allowed)
      expect([limit.name, await used(truth, 'a', limit)]).toEqual([limit.name, 1])
    }
  })

  test("the reason for the warning: a client with ioredis's defaults runs the command again", async () => {
    const store = kept(rawStore(proxyClient()))
    await took(store, charge('warm'))
    proxy.loseReplies({ after: isCharge })
    expect(await took(store, charge('a'))).toMatchObject({ remaining: 8 })
  })

  test('a whole batch whose reply is lost counts once, and is one failed command', async () => {
    const store = own()
    await took(store, charge('warm'))
    proxy.loseReplies({ after: isCharge })
    const failures = await Promise.all(Array.from({ length: 20 }, (_, i) => failure(took(store, charge(`s${i % 4}`)))))
    expect(new Set(failures.map(({ batch }) => batch)).size).toBe(1)
    const truth = kept(rawStore({ url: server.url }))
    expect(await Promise.all([0, 1, 2, 3].map((i) => used(truth, `s${i}`)))).toEqual([5, 5, 5, 5])
  })

  test('trap: the offline queue is flushed into the wrong window after a stall', async () => {
    const store = own()
    const yours = kept(rawStore(proxyClient()))
    await took(store, charge('warm'))
    await took(yours, charge('warm'))
    await proxy.refuse(true)
    proxy.cut()
    await waitUntil('the connections to be gone', () => proxy.connections === 0)
    for (const each of [store, yours])
      await waitUntil('the client to notice', async () => /not ready/.test((await failure(took(each, charge('early')))).message ?? ''))
    for (const one of await Promise.all([store, yours].map((each) => failure(settlesIn(100, took(each, charge('a')))))))
      expect(one).toMatchObject({ code: 'ERR_STORE_UNAVAILABLE', unknown: false })
    await proxy.refuse(false)
    for (const each of [store, yours]) await waitUntil('the connection to be back', async () => (await took(each, charge('b'))).allowed)
    expect(await used(store, 'a')).toBe(0)
  })

  test('trap: a dead Redis costs each request 300 ms to 10 s: a timeout for clients without one', async () => {
    const store = kept(rawStore(proxyClient()))
    await took(store, charge('warm'))
    proxy.blackHole(true)
    const answers = [
      take(
        store,
        SIX.map((limit) => charge('a', limit)),
      ),
      took(store, charge('b')),
    ]
    const failures = await Promise.all(answers.map((answer) => failure(settlesIn<unknown>(1_500, answer))))
    expect(failures).toMatchObject([{ unknown: true }, { unknown: true }])
    proxy.blackHole(false)
    await waitUntil('a call to work again', async () => (await took(store, charge('c'))).allowed)
  })

  test('trap: crash when Redis is down at start', async () => {
    await proxy.refuse(true)
    const store = own()
    const yours = kept(rawStore(proxyClient()))
    for (const one of await Promise.all([store, yours].map((each) => failure(settlesIn(3_000, took(each, charge('a')))))))
      expect(one).toMatchObject({ code: 'ERR_STORE_UNAVAILABLE', unknown: false })
    expect(await failure(settlesIn(100, took(store, charge('a'))))).toMatchObject({ unknown: false })
    await proxy.refuse(false)
    for (const each of [store, yours]) await waitUntil('Redis to be there', async () => (await took(each, charge('b'))).allowed)
    expect(await used(store, 'a')).toBe(0)
  })

  test('Redis accepts connections at the start, but does not answer', async () => {
    proxy.blackHole(true)
    const store = own()
    expect(await failure(settlesIn(3_500, took(store, charge('a'))))).toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' })
    proxy.blackHole(false)
    await waitUntil('Redis to answer', async () => (await took(store, charge('b'))).allowed)
  })

  test('close() answers earlier calls, and rejects later ones', async () => {
    const store = own()
    await took(store, charge('warm'))
    proxy.delay(50)
    const asked = Promise.all(Array.from({ length: 200 }, () => took(store, charge('a', { ...TEN, limit: 200 }))))
    await Promise.resolve()
    await store.close?.()
    expect((await asked).filter(({ allowed }) => allowed)).toHaveLength(200)
    expect(await failure(took(store, charge('a')))).toMatchObject({ code: 'ERR_STORE_UNAVAILABLE', unknown: false })
    await store.close?.()
  })

  test('close() of a store that never reached Redis', async () => {
    await proxy.refuse(true)
    const store = own()
    const asked = failure(took(store, charge('a')))
    await store.close?.()
    expect(await asked).toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' })
  })

  test('trap: NOSCRIPT after restart', async () => {
    const store = kept(rawStore({ url: server.url }))
    await took(store, charge('a'))
    await server.restart({ keepData: true })
    await waitUntil('a call to work again', async () => (await took(store, charge('b'))).allowed)
    expect(await used(store, 'a')).toBe(1)
  })

  test('trap: READONLY kept after failover', async () => {
    const store = kept(rawStore({ url: server.url }))
    await took(store, charge('a'))
    const before = Number(/total_connections_received:(\d+)/.exec(String(await server.call('INFO', 'stats')))?.[1])
    await server.call('REPLICAOF', '127.0.0.1', '1')
    try {
      expect(await failure(took(store, charge('b')))).toMatchObject({ answer: 'readonly', unknown: false })
      // The client reconnects, since the same name may now lead to the new primary.
      await waitUntil('a new connection', async () => {
        await failure(took(store, charge('b')))
        return Number(/total_connections_received:(\d+)/.exec(String(await server.call('INFO', 'stats')))?.[1]) > before + 3
      })
    } finally {
      await server.call('REPLICAOF', 'NO', 'ONE')
    }
    await waitUntil('a call to work again', async () => (await took(store, charge('c'))).allowed)
  })

  function proxyClient() {
    return server.client({ host: proxy.host, port: proxy.port })
  }
})

describe('a cluster', () => {
  let cluster: RedisCluster
  beforeAll(async () => {
    cluster = await startCluster({ proxied: true })
  })
  afterAll(() => cluster.stop())
  scanAfterEach(() => cluster.client())

  test('trap: an indeterminate EVALSHA is replayed and counts twice', async () => {
    const nodes = cluster.nodes.map(({ host, port }) => ({ host, port }))
    const store = kept(rawStore({ cluster: nodes }))
    const truth = kept(rawStore({ cluster: nodes }))
    // Each node has both scripts.
    await Promise.all(Array.from({ length: 100 }, (_, i) => took(store, charge(`warm${i}`))))
    await Promise.all(Array.from({ length: 100 }, (_, i) => used(store, `warm${i}`)))
    for (const limit of SIX) {
      for (const { proxy } of cluster.nodes) proxy?.loseReplies({ after: isCharge })
      const subject = `lost ${limit.name}`
      expect(await failure(took(store, charge(subject, limit)))).toMatchObject({ code: 'ERR_STORE_UNAVAILABLE', unknown: true })
      for (const { proxy } of cluster.nodes) proxy?.loseReplies({ after: () => false })
      await waitUntil('the next call to work', async () => (await took(store, charge(`next ${limit.name}`, limit))).allowed)
      expect([limit.name, await used(truth, subject, limit)]).toEqual([limit.name, 1])
      expect(await took(store, charge(subject, limit))).toMatchObject({ allowed: true, remaining: 8 })
    }
  })
})
