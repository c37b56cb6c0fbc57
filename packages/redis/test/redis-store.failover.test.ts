// Failover on real servers that die, hang, refuse and come back.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Outcome, Store, StoreEvent } from '@sluice/core'
import { concurrency, createLimiter, fixedWindow, slidingWindow, tokenBucket } from '@sluice/core'
import { isPromise } from '@sluice/core/store-kit'
import { redisStore, type RedisStoreOptions } from '@sluice/redis'
import { type Admission, checkEnvelope } from '@sluice/testing'
import { type RedisServer, startCluster, startRedis, type TcpProxy, tcpProxy, waitUntil } from '@sluice/testing/redis'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { Keys } from '../src/keys.ts'
import { slotOf } from '../src/slots.ts'
import { asAnotherProcess, charge, eventsOf, keptForTest, rawStore, scanAfterEach, settlesIn, take, took, used } from './support.ts'

const MANY = fixedWindow({ name: 'many', limit: 1_000, window: '1h', anchor: 'first' }).limit
/** ms within which a request settles: far below every timeout of the client. */
const SOON = 700

let server: RedisServer
let proxy: TcpProxy
beforeAll(async () => {
  server = await startRedis()
  proxy = await tcpProxy(server)
})
// Registered before the hooks that follow, so that it runs after them: a dead server cannot be scanned.
scanAfterEach(
  () => server.client(),
  () => server.call('FLUSHALL'),
)
const kept = keptForTest()
afterEach(async () => {
  await server.resume()
  if (!server.alive) await server.restart()
  proxy.delay(0)
  proxy.blackHole(false)
  await proxy.refuse(false)
})
afterAll(async () => {
  await proxy.close()
  await server.stop()
})

const own = (options?: RedisStoreOptions): Store => kept(redisStore({ url: `redis://${proxy.host}:${proxy.port}` }, options))
/** Reads what Redis has. The store under test could answer from its local share when the machine is busy. */
const usedInRedis = (subject: string): Promise<number> => used(kept(rawStore({ url: server.url })), subject, MANY)
const direct = (options?: RedisStoreOptions): Store => kept(redisStore({ url: server.url }, options))

async function answeredBy(source: string, store: Store): Promise<void> {
  await waitUntil(`an answer of ${source}`, async () => (await took(store, charge('asking', MANY, 0))).source === source)
}

/** The answer of a server that runs is the reason for the local decision, and not the deadline, also on a busy machine. */
const PATIENT: RedisStoreOptions = { failover: { deadline: 500 } }

/** Opens the breaker of a store, by requests that cost nothing. */
async function opened(store: Store): Promise<void> {
  await waitUntil('the breaker to be open', async () => {
    await took(store, charge('opening', MANY, 0))
    return store.health?.().breaker === 'open'
  })
}

describe('one server', () => {
  test('trap: a dead Redis costs each request 300 ms to 10 s: a killed server', async () => {
    const store = direct()
    const events = eventsOf(store)
    await took(store, charge('a', MANY))
    await server.kill()
    for (let i = 0; i < 20; i++) await settlesIn(SOON, took(store, charge('a', MANY)))
    expect(store.health?.()).toMatchObject({ tier: 'local', breaker: 'open' })
    await server.restart()
    await answeredBy('redis', store)
    expect(store.health?.()).toMatchObject({ tier: 'redis', breaker: 'closed' })
    const tiers = events.filter((event) => event.type === 'tier')
    expect(tiers[0]).toEqual({ type: 'tier', from: 'redis', to: 'local', cause: expect.any(String) })
    expect(tiers.at(-1)).toEqual({ type: 'tier', from: 'local', to: 'redis' })
    // The server has lost its data. It now has the deficit of this process, without the charges in flight when the server died.
    const deficit = await usedInRedis('a')
    expect(deficit).toBeGreaterThan(0)
    expect(deficit).toBeLessThanOrEqual(20)
  })

  test('trap: a dead Redis costs each request 300 ms to 10 s: a stopped server whose connections stay open', async () => {
    const store = direct()
    await took(store, charge('a', MANY))
    await server.pause()
    for (let i = 0; i < 3; i++) await settlesIn(SOON, took(store, charge('a', MANY)))
    await opened(store)
    const answers = Array.from({ length: 1_000 }, (_, i) => store.consume([charge(`s${i}`, MANY)]))
    expect(answers.some(isPromise)).toBe(false)
    await server.resume()
    await answeredBy('redis', store)
    // The first commands have run late, once each, and were not charged again.
    await waitUntil('what was sent to have run', async () => (await usedInRedis('a')) >= 4)
    expect(await usedInRedis('a')).toBe(4)
  })

  test('trap: several limits in sequence multiply the wait: all limits of a decision share one deadline', async () => {
    const store = own({ failover: { instances: 1 } })
    const limiter = createLimiter({
      store,
      limits: [1, 2, 3, 4, 5].map((i) => slidingWindow({ name: `l${i}`, limit: 10, window: '1m' })),
    })
    await limiter.consume('a')
    proxy.blackHole(true)
    await settlesIn(SOON, limiter.consume('a'))
    expect((await limiter.consume('a')).allowed).toBe(true)
  })

  test('a reply that is lost after the commit: decided locally, charged in Redis once', async () => {
    const store = own()
    const truth = kept(rawStore({ url: server.url }))
    await took(store, charge('a', MANY))
    proxy.loseReplies({ after: (request) => /evalsha/i.test(request.toString('latin1')) })
    expect(await took(store, charge('a', MANY))).toMatchObject({ allowed: true, source: 'local' })
    await answeredBy('redis', store)
    await took(store, charge('b', MANY))
    expect(await used(truth, 'a', MANY)).toBe(2)
  })

  test('a Redis that is slower than the deadline, and then fast again', async () => {
    const store = own()
    await took(store, charge('a', MANY))
    proxy.delay(300)
    await opened(store)
    await settlesIn(SOON, took(store, charge('a', MANY)))
    proxy.delay(0)
    await answeredBy('redis', store)
  })

  test('trap: crash when Redis is down at start: decided locally until Redis starts', async () => {
    await server.kill()
    const store = direct({ failover: { instances: 4 } })
    for (let i = 0; i < 10; i++) {
      expect(await settlesIn(SOON, took(store, charge('a', MANY)))).toMatchObject({ source: 'local', allowed: true, remaining: 249 - i })
    }
    await server.restart()
    await answeredBy('redis', store)
    expect(await usedInRedis('a')).toBe(10)
    await waitUntil('the count', () => store.health?.().instances === 1)
  })

  test('close() of a store that never reached Redis ends soon', async () => {
    await server.kill()
    const store = direct()
    await took(store, charge('a'))
    await settlesIn(4_000, store.close?.())
  })

  test('trap: READONLY kept after failover', async () => {
    const store = direct(PATIENT)
    const events: StoreEvent[] = eventsOf(store)
    await took(store, charge('a', MANY))
    await server.call('REPLICAOF', '127.0.0.1', '1')
    try {
      expect(await took(store, charge('a', MANY))).toMatchObject({ source: 'local' })
      expect(store.health?.().breaker).toBe('open')
      // Reads succeed on a replica, so only a request shows the fault.
      await waitUntil('a second try', async () => {
        await took(store, charge('a', MANY))
        return events.filter((event) => event.type === 'breaker' && event.to === 'half-open').length > 2
      })
      expect(events.some((event) => event.type === 'breaker' && event.to === 'closed')).toBe(false)
    } finally {
      await server.call('REPLICAOF', 'NO', 'ONE')
    }
    await waitUntil('Redis to decide', async () => (await took(store, charge('b', MANY))).source === 'redis')
  })

  test('a Redis whose memory is full', async () => {
    const store = direct(PATIENT)
    await took(store, charge('a', MANY))
    try {
      await server.call('CONFIG', 'SET', 'maxmemory', '1')
      expect(await took(store, charge('a', MANY))).toMatchObject({ source: 'local' })
      expect(store.consume([charge('a', MANY)], { failMode: 'closed' })).toMatchObject([{ source: 'closed', allowed: false }])
    } finally {
      await server.call('CONFIG', 'SET', 'maxmemory', '0')
    }
    await waitUntil('Redis to decide', async () => (await took(store, charge('b', MANY))).source === 'redis')
  })

  test('processes count each other, and one that closes is no longer counted', async () => {
    const [one, two] = [direct(), asAnotherProcess(() => direct())]
    await waitUntil('two', () => two.health?.().instances === 2)
    expect(await server.call('ZCARD', 'sluice:{meta}:instances')).toBe(2)
    expect(await server.call('PTTL', 'sluice:{meta}:instances')).toBeGreaterThan(0)
    await two.close?.()
    expect(await server.call('ZCARD', 'sluice:{meta}:instances')).toBe(1)
    await one.close?.()
    expect(await server.call('EXISTS', 'sluice:{meta}:instances')).toBe(0)
  })

  test('D02: a slot that is released while Redis is away is free when Redis is back', async () => {
    const slots = concurrency({ name: 'slots', limit: 3, ttl: '20s' }).limit
    const store = own(PATIENT)
    const held = [1, 2, 3].map(() => took(store, charge('a', slots)))
    for (const { source, allowed } of await Promise.all(held)) expect([source, allowed]).toEqual(['redis', true])
    await proxy.refuse(true)
    proxy.cut()
    await opened(store)
    for (const one of held) await took(store, { ...charge('a', slots, -1), receipt: (await one).receipt })
    await proxy.refuse(false)
    await answeredBy('redis', store)
    expect(await used(kept(rawStore({ url: server.url })), 'a', slots)).toBe(0)
    expect(await took(store, charge('a', slots))).toMatchObject({ allowed: true, source: 'redis' })
  })

  test('M1: renew says that a slot was lost, and true while Redis cannot say', async () => {
    const store = own(PATIENT)
    const [first, second] = ['one', 'two'].map((name) =>
      createLimiter({ name, limits: [concurrency({ name: 'slots', limit: 1, ttl: name === 'one' ? '300ms' : '20s' })], store }),
    )
    const [short, long] = [await first!.consume('a'), await second!.consume('a')]
    expect(await second!.renew(long)).toBe(true)
    await waitUntil('another to have the slot', async () => (await first!.consume('a')).allowed)
    expect(await first!.renew(short)).toBe(false)
    await proxy.refuse(true)
    proxy.cut()
    await opened(store)
    expect(await second!.renew(long)).toBe(true)
    await second!.release(long)
    await proxy.refuse(false)
    await answeredBy('redis', store)
    expect(await second!.renew(long)).toBe(false)
  })

  test('D07: a process with a store for each limiter counts once', async () => {
    const stores = Array.from({ length: 10 }, () => direct({ failover: { deadline: 10_000 } }))
    const other = asAnotherProcess(() => direct())
    const elsewhere = direct({ prefix: 'other' })
    await waitUntil('the counts', () => [...stores, other].every((store) => (store.health?.().instances ?? 0) >= 1))
    await waitUntil('both processes', () => other.health?.().instances === 2)
    expect(await server.call('ZCARD', 'sluice:{meta}:instances')).toBe(2)
    await waitUntil('one under another prefix', () => elsewhere.health?.().instances === 1)
    // A store that closes does not take away the process of the others.
    await Promise.all(stores.slice(1).map((store) => store.close?.()))
    expect(await server.call('ZCARD', 'sluice:{meta}:instances')).toBe(2)
    await stores[0]?.close?.()
    expect(await server.call('ZCARD', 'sluice:{meta}:instances')).toBe(1)
  })

  test('D03: after close() each request is decided by its failMode, without I/O, also while Redis is away', async () => {
    for (const isAway of [false, true]) {
      const store = own({ leases: true, ...PATIENT })
      await took(store, charge('a', MANY))
      if (isAway) await proxy.refuse(true)
      await store.close?.()
      expect(await took(store, charge('a', MANY))).toMatchObject({ allowed: true, source: 'local' })
      expect(await take(store, charge('a', MANY), { failMode: 'open' })).toMatchObject([{ allowed: true, source: 'open' }])
      expect(await take(store, charge('a', MANY), { failMode: 'closed' })).toMatchObject([{ allowed: false, source: 'closed' }])
      expect(isPromise(store.consume([charge('a', MANY)]))).toBe(false)
      expect(store.health?.().tier).toBe('local')
      await proxy.refuse(false)
      expect(await usedInRedis('a')).toBe(1)
      await server.call('FLUSHALL')
    }
  })

  test('failover without scripts, and on a client of the caller', async () => {
    for (const store of [direct({ scripting: false, prefix: 'bare' }), kept(redisStore(server.client(), { prefix: 'yours' }))]) {
      await took(store, charge('a', MANY))
      await waitUntil('the count', () => store.health?.().instances === 1)
      await server.pause()
      await opened(store)
      expect(isPromise(store.consume([charge('a', MANY)]))).toBe(false)
      await server.resume()
      await answeredBy('redis', store)
    }
  })

  test('the bound: n · ⌊L · share⌋ while Redis is away, + charges with an unknown outcome', async () => {
    const limit = tokenBucket({ name: 'bucket', limit: 60, window: '1m', burst: 60 }).limit
    const stores = [1, 2, 3].map(() => asAnotherProcess(() => direct()))
    await Promise.all(stores.map((store) => took(store, charge('warm', limit, 0))))
    // The first two count the third with their next heartbeat.
    await waitUntil('each to know of three', () => stores.every((store) => store.health?.().instances === 3), 20_000)
    await server.pause()
    let unknown = 0
    const admitted: Admission[] = []
    const drive = async (): Promise<void> => {
      for (const store of stores) {
        const answer = store.consume([charge('a', limit)])
        const [outcome] = (await answer) as readonly Outcome[]
        if (isPromise(answer)) unknown += 1
        if (outcome?.allowed === true) admitted.push({ at: outcome.at, units: outcome.granted })
      }
    }
    for (let i = 0; i < 100; i++) await drive()
    expect(stores.every((store) => store.health?.().breaker !== 'closed')).toBe(true)
    expect(admitted.length).toBeGreaterThanOrEqual(60)
    const bound = { ...limit, limit: 3 * Math.floor(60 / 3), burst: 3 * Math.floor(60 / 3) + unknown }
    expect(checkEnvelope(bound, admitted)).toEqual([])
    await server.resume()
  })
})

describe('a replica', () => {
  let replica: RedisServer
  beforeAll(async () => {
    replica = await startRedis()
    await replica.call('REPLICAOF', server.host, String(server.port))
    await waitUntil('the replica to be in sync', async () =>
      /master_link_status:up/.test(String(await replica.call('INFO', 'replication'))),
    )
  })
  afterAll(() => replica.stop())

  test('is read without a script, seeds the local share, and never decides', async () => {
    const truth = kept(rawStore({ url: server.url }))
    const store = direct({ replica: { url: replica.url }, failover: { instances: 2, share: 0.5 } })
    await took(truth, charge('a', MANY, 900))
    await waitUntil('the replica to know', async () => Number(await replica.call('DBSIZE')) >= 2)
    await server.kill()
    await opened(store)
    expect(await took(store, charge('a', MANY))).toMatchObject({ source: 'local' })
    await waitUntil('the replica to be read', async () => (await took(store, charge('a', MANY, 0))).remaining <= 50)
    const [first] = await take(store, charge('a', MANY, 10))
    expect(first).toMatchObject({ source: 'local', remaining: 40 })
    expect(String(await replica.call('INFO', 'commandstats'))).not.toMatch(/cmdstat_eval/)
    await replica.kill()
    expect(await took(store, charge('b', MANY))).toMatchObject({ source: 'local', remaining: 499 })
  })
})

describe('a cluster', () => {
  test('Pf: the primary of the generations away: other subjects are decided in Redis, without waiting for it', async () => {
    const cluster = await startCluster()
    const opened: Store[] = []
    try {
      const nodes = cluster.nodes.map(({ host, port }) => ({ host, port }))
      for (const node of cluster.nodes) await node.server.call('CONFIG', 'SET', 'cluster-require-full-coverage', 'no')
      const limiters = [{}, { failover: false as const }].map((options) => {
        opened.push(redisStore({ cluster: nodes }, { denyCache: false, ...options }))
        return createLimiter({
          name: 'api',
          store: opened.at(-1),
          limits: [fixedWindow({ name: 'day', limit: 1_000, window: '1d' })],
        })
      })
      const [withFailover, alone] = limiters as [(typeof limiters)[0], (typeof limiters)[0]]
      const away = await cluster.ownerOf(slotOf('meta'))
      const keys = new Keys('sluice', 16)
      const owners = new Map(await Promise.all(keys.tags.map(async (tag) => [tag, await cluster.ownerOf(slotOf(tag))] as const)))
      const subjects = Array.from({ length: 40 }, (_, i) => `s${i}`).filter((subject) => owners.get(keys.tagOf(subject)) !== away)
      for (const limiter of limiters) await Promise.all(subjects.map((subject) => limiter.consume(subject)))
      await cluster.nodes[away]?.server.pause()
      await sleep(1_100)
      // The first decision waits for the generations. It is then made by those that are known.
      await alone.consume(subjects[0] as string)
      for (const subject of subjects) expect(await settlesIn(200, alone.consume(subject))).toMatchObject({ allowed: true })
      const sources = async () => Promise.all(subjects.map(async (subject) => (await withFailover.consume(subject)).outcomes[0]?.source))
      await waitUntil('the others to be decided there', async () => (await sources()).every((source) => source === 'redis'))
      for (let i = 0; i < 20; i++) {
        expect(new Set(await sources())).toEqual(new Set(['redis']))
        await sleep(50)
      }
      await cluster.nodes[away]?.server.resume()
    } finally {
      await Promise.all(opened.map((store) => store.close?.()))
      await cluster.stop()
    }
  })

  test('one primary away: its subjects are decided locally, all others in Redis', async () => {
    const cluster = await startCluster()
    try {
      const nodes = cluster.nodes.map(({ host, port }) => ({ host, port }))
      // Otherwise the other nodes refuse too, when they have noticed.
      for (const node of cluster.nodes) await node.server.call('CONFIG', 'SET', 'cluster-require-full-coverage', 'no')
      const store = kept(redisStore({ cluster: nodes }, PATIENT))
      const subjects = Array.from({ length: 60 }, (_, i) => `s${i}`)
      await Promise.all(subjects.map((subject) => took(store, charge(subject, MANY))))
      await cluster.nodes[0]?.server.pause()
      const sources = async () => Promise.all(subjects.map(async (subject) => (await took(store, charge(subject, MANY))).source))
      for (let i = 0; i < 4; i++) await sources()
      const now = await sources()
      expect(new Set(now)).toEqual(new Set(['local', 'redis']))
      const there = subjects[now.indexOf('redis')] as string
      const here = subjects[now.indexOf('local')] as string
      const both = await take(store, [charge(here, MANY), charge(there, MANY)])
      expect(both.map(({ source }) => source)).toEqual(['local', 'redis'])
      await cluster.nodes[0]?.server.resume()
      await waitUntil('all to be decided there', async () => (await sources()).every((source) => source === 'redis'))
      await store.close?.()
    } finally {
      await cluster.stop()
    }
  })
})
