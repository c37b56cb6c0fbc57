// M3: faults of the server and the network, on clients of other libraries with their default settings. `npm run test:all` takes every library.
import type { Limit, Store } from '@sluice/core'
import type { RedisSource, RedisStoreOptions } from '@sluice/redis'
import {
  type RedisCluster,
  type RedisServer,
  startCluster,
  startRedis,
  startSentinel,
  type TcpProxy,
  tcpProxy,
} from '@sluice/testing/redis'
import { waitUntil } from '@sluice/testing/redis'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { slotOf } from '../../src/slots.ts'
import { charge, eventsOf, failure, keptForTest, rawStore, settlesIn, SIX, take, took, used } from '../support.ts'
import { closeAfterEach, LIBRARIES, type Library } from './clients.ts'

const isFull = process.env['SLUICE_FAULTS'] === 'full'
const libraries = Object.entries(LIBRARIES).filter(([name]) => isFull || name === 'node-redis 6')
/** The limit of each path: the fast script and the full one. */
const PATHS = [SIX[0], SIX[2]] as readonly Limit[]
const MANY: Limit = { ...(SIX[0] as Limit), limit: 1_000 }
const isCharge = (request: Buffer): boolean => /evalsha/i.test(request.toString('latin1'))

const kept = keptForTest()
const stored = (client: RedisSource, options?: RedisStoreOptions): Store => kept(rawStore(client, options))

describe.each(libraries)('M3: %s, one server', (_, library) => {
  let server: RedisServer
  let proxy: TcpProxy
  beforeAll(async () => {
    server = await startRedis()
    proxy = await tcpProxy(server)
  })
  closeAfterEach()
  afterEach(async () => {
    proxy.blackHole(false)
    await proxy.refuse(false)
    await server.call('FLUSHALL')
  })
  afterAll(async () => {
    await proxy.close()
    await server.stop()
  })
  const truth = (): Store => stored({ url: server.url })
  const answers = (store: Store): Promise<void> =>
    waitUntil('Redis to decide', async () => (await took(store, charge(`b${Math.random()}`))).allowed)

  test('a charge whose reply is lost counts once', async () => {
    const store = stored(await library.one(proxy))
    for (const limit of PATHS) {
      await took(store, charge('warm', limit))
      proxy.loseReplies({ after: isCharge })
      const failed = await failure(settlesIn(1_500, took(store, charge('a', limit))))
      expect(failed).toMatchObject({ code: 'ERR_STORE_UNAVAILABLE', unknown: true })
      await answers(store)
      expect([limit.name, await used(truth(), 'a', limit)]).toEqual([limit.name, 1])
    }
  })

  test('while the connection is away, a charge is refused in time, and never sent later', async () => {
    const store = stored(await library.one(proxy))
    await took(store, charge('warm'))
    await proxy.refuse(true)
    proxy.cut()
    await waitUntil('the connections to be gone', () => proxy.connections === 0)
    for (let i = 0; i < 5; i++)
      expect(await failure(settlesIn(1_500, took(store, charge('a'))))).toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' })
    await proxy.refuse(false)
    await answers(store)
    expect(await used(store, 'a')).toBe(0)
  })

  test('a server that does not answer costs a bounded time', async () => {
    const store = stored(await library.one(proxy))
    await took(store, charge('warm'))
    proxy.blackHole(true)
    expect(await failure(settlesIn(1_500, took(store, charge('a'))))).toMatchObject({ unknown: true })
    proxy.blackHole(false)
    await answers(store)
  })

  test('a server that is killed and started again has no scripts, and decides', async () => {
    const store = stored(await library.one(server))
    await took(store, charge('a'))
    await server.restart({ keepData: true })
    await answers(store)
    expect(await used(store, 'a')).toBe(1)
    await server.call('SCRIPT', 'FLUSH')
    expect(await took(store, charge('a'))).toMatchObject({ remaining: 8 })
  })

  test('a server that refuses says why: READONLY, OOM, ACL', async () => {
    const client = await library.one(server)
    const store = stored(client)
    await took(store, charge('a'))
    await server.call('REPLICAOF', '127.0.0.1', '1')
    expect(await failure(took(store, charge('b')))).toMatchObject({ answer: 'readonly', unknown: false })
    await server.call('REPLICAOF', 'NO', 'ONE')
    await answers(store)
    await server.call('CONFIG', 'SET', 'maxmemory', '1')
    expect(await failure(took(store, charge('b')))).toMatchObject({ answer: 'oom', unknown: false })
    await server.call('CONFIG', 'SET', 'maxmemory', '0')
    await server.call('ACL', 'SETUSER', 'default', '-evalsha')
    expect(await failure(took(store, charge('b')))).toMatchObject({ answer: 'noperm', unknown: false })
    await server.call('ACL', 'SETUSER', 'default', '+evalsha', '-setrange')
    expect(await failure(took(store, charge('a')))).toMatchObject({ answer: 'noperm', unknown: false })
    await server.call('ACL', 'SETUSER', 'default', '+@all')
    expect(await used(store, 'a')).toBe(1)
    expect(await used(store, 'b')).toBe(0)
  })

  test('after READONLY there is a new connection, which may lead to the new primary', async () => {
    const other = await startRedis()
    const store = stored(await library.one(proxy))
    await took(store, charge('a'))
    await server.call('REPLICAOF', other.host, `${other.port}`)
    proxy.retarget(other)
    try {
      await waitUntil('the new primary to decide', async () => (await failure(took(store, charge('b')))).code === undefined)
    } finally {
      proxy.retarget(server)
      await server.call('REPLICAOF', 'NO', 'ONE')
      await other.stop()
    }
  })

  test('with failover, requests are decided locally while the server is away, and by Redis when it is back', async () => {
    const store = stored(await library.one(server), { failover: {}, denyCache: true })
    await store.ready?.()
    expect(await took(store, charge('a'))).toMatchObject({ source: 'redis' })
    await server.kill()
    await waitUntil('a local decision', async () => (await settlesIn(1_000, took(store, charge('a')))).source === 'local')
    await server.restart()
    await waitUntil('Redis to decide', async () => (await took(store, charge(`c${Math.random()}`))).source === 'redis')
  })

  test('ready(), the number of instances, the eviction policy, and packed state', async () => {
    await server.call('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru')
    const store = stored(await library.one(server), { prefix: 'all', failover: {}, packed: { subjects: 1_000 } })
    const events = eventsOf(store)
    await store.ready?.()
    expect(await took(store, charge('a'))).toMatchObject({ source: 'redis', remaining: 9 })
    await waitUntil('a warning', () => events.some((event) => event.type === 'warning'))
    expect(events.filter(({ type }) => type === 'warning')).toMatchObject([
      { code: 'WARN_EVICTION', message: expect.stringContaining('allkeys-lru') },
    ])
    await waitUntil('a heartbeat', async () => (await server.call('ZCARD', 'all:{meta}:instances')) === 1)
    await server.call('CONFIG', 'SET', 'maxmemory-policy', 'noeviction')
  })

  test("the replica's client", async () => {
    for (const packed of [undefined, { subjects: 1_000 }]) {
      const prefix = packed === undefined ? 'plain' : 'packed'
      const shared = { prefix, ...(packed && { packed }) }
      for (let i = 0; i < 8; i++) await took(stored({ url: server.url }, shared), charge('a'))
      const replica = await library.one(server)
      const store = stored({ url: 'redis://127.0.0.1:1' }, { ...shared, replica, failover: { instances: 1, deadline: 100 } })
      await expect.poll(async () => (await take(store, charge('a', SIX[0], 0), { how: 'peek' }))[0]?.remaining).toBe(2)
    }
  })
})

describe.each(libraries)('M3: %s, a cluster', (_, library) => {
  let cluster: RedisCluster
  beforeAll(async () => {
    cluster = await startCluster({ proxied: true, replicasPerPrimary: 1 })
  })
  closeAfterEach()
  afterAll(() => cluster.stop())
  const nodes = (): readonly { readonly host: string; readonly port: number }[] =>
    cluster.nodes.filter(({ server }) => server.alive).map(({ host, port }) => ({ host, port }))

  test('each charge reaches its node, and counts once if its reply is lost', async () => {
    const store = stored(await library.cluster(nodes()))
    const truth = stored({ cluster: nodes() })
    await Promise.all(Array.from({ length: 100 }, (_each, i) => took(store, charge(`warm${i}`))))
    for (const { proxy } of cluster.nodes) proxy?.loseReplies({ after: isCharge })
    const failed = await failure(took(store, charge('lost')))
    for (const { proxy } of cluster.nodes) proxy?.loseReplies({ after: () => false })
    expect(failed).toMatchObject({ code: 'ERR_STORE_UNAVAILABLE', unknown: true })
    await waitUntil('the next call to work', async () => (await failure(took(store, charge('next')))).code === undefined)
    expect(await used(truth, 'lost')).toBe(1)
  })

  test('while a slot moves, and after it has moved, a charge counts once', async () => {
    const store = stored(await library.cluster(nodes()), { prefix: 'moving', partitions: 1 })
    const slot = slotOf('0')
    const owner = await cluster.ownerOf(slot)
    const counts = { a: 0, b: 0 }
    const asks = async (subject: 'a' | 'b'): Promise<void> => {
      counts[subject] += 1
      expect(await took(store, charge(subject, MANY))).toMatchObject({ allowed: true, remaining: MANY.limit - counts[subject] })
    }
    await asks('a')
    await cluster.moveSlots(slot, owner, (owner + 1) % 3, {
      opened: async () => (await asks('a'), await asks('b')),
      moved: async () => (await asks('a'), await asks('b')),
      emptied: async () => (await asks('a'), await asks('b')),
    })
    await asks('a')
    await asks('b')
    expect(await take(store, [charge('a', MANY), charge('b', MANY)])).toMatchObject([{ allowed: true }, { allowed: true }])
  })

  test('after its primary has died, the replica decides', async () => {
    const store = stored(await library.cluster(nodes()))
    const subjects = Array.from({ length: 30 }, (_each, i) => `s${i}`)
    for (const subject of subjects) await took(store, charge(subject))
    const [dead] = cluster.nodes
    await cluster.killPrimary(0)
    await dead?.proxy?.refuse(true)
    dead?.proxy?.cut()
    await cluster.settled()
    for (const subject of subjects)
      await waitUntil(
        `${subject} to be decided`,
        async () => (await failure(settlesIn(2_500, took(store, charge(subject))))).code === undefined,
      )
  })
})

const withSentinel = libraries.filter(
  (entry): entry is [string, Library & Required<Pick<Library, 'sentinel'>>] => entry[1].sentinel !== undefined,
)
describe.each(withSentinel)('M3: %s, Sentinel', (_, library) => {
  closeAfterEach()

  test('a charge whose reply is lost counts once', async () => {
    const server = await startRedis()
    const proxy = await tcpProxy(server)
    const monitor = `sentinel monitor one ${proxy.host} ${proxy.port} 1\nsentinel down-after-milliseconds one 60000\n`
    const sentinel = await startRedis({ sentinel: monitor })
    const { host, port } = sentinel
    try {
      const store = stored(await library.sentinel({ name: 'one', sentinels: [{ host, port }] }))
      for (const limit of PATHS) {
        await took(store, charge('warm', limit))
        proxy.loseReplies({ after: isCharge })
        expect(await failure(settlesIn(1_500, took(store, charge('a', limit))))).toMatchObject({
          code: 'ERR_STORE_UNAVAILABLE',
          unknown: true,
        })
        await waitUntil('Redis to decide', async () => (await failure(took(store, charge(`b${Math.random()}`)))).code === undefined)
        expect([limit.name, await used(store, 'a', limit)]).toEqual([limit.name, 1])
      }
    } finally {
      await Promise.all([sentinel.stop(), server.stop(), proxy.close()])
    }
  })

  test('after its primary has died, the new one decides', async () => {
    const sentinel = await startSentinel()
    try {
      const store = stored(await library.sentinel(sentinel))
      expect(await took(store, charge('a'))).toMatchObject({ source: 'redis' })
      await sentinel.killPrimary()
      await sentinel.settled()
      await waitUntil(
        'the new primary to decide',
        async () => (await failure(settlesIn(2_500, took(store, charge('b'))))).code === undefined,
      )
    } finally {
      await sentinel.stop()
    }
  })
})
