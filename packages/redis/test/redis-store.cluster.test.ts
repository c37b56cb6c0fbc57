// A cluster of three primaries: slots, slots that move, new nodes, and a primary that dies.
import { type Charge, createLimiter, fixedWindow, type Store } from '@sluice/core'
import { freePort, type RedisCluster, startCluster, ttlViolations, waitUntil } from '@sluice/testing/redis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { slotOf } from '../src/slots.ts'
import { Keys } from '../src/keys.ts'
import {
  charge,
  failure,
  eventsOf,
  keptForTest,
  keyOf,
  replicated,
  settlesIn,
  SIX,
  startLoad,
  take,
  TEN,
  took,
  used,
  scanAfterEach,
  rawStore,
} from './support.ts'

const nodesOf = (cluster: RedisCluster) => cluster.nodes.filter(({ server }) => server.alive).map(({ host, port }) => ({ host, port }))
const own = (cluster: RedisCluster, prefix = 'sluice'): Store => kept(rawStore({ cluster: nodesOf(cluster) }, { prefix }))
const tags = new Keys('sluice', 16)
const slotOfSubject = (subject: string): number => slotOf(tags.tagOf(subject))
/** Subjects that share a hash tag. */
const neighbours = (count: number, of = 's0'): string[] =>
  Array.from({ length: 100 * count }, (_, i) => `n${i}`)
    .filter((subject) => tags.tagOf(subject) === tags.tagOf(of))
    .slice(0, count)
const many = (limit: number) => fixedWindow({ name: 'many', limit, window: '5m', anchor: 'first' }).limit

let cluster: RedisCluster
beforeAll(async () => {
  cluster = await startCluster()
})
const kept = keptForTest()
afterAll(() => cluster.stop())
scanAfterEach(() => cluster.client())

describe('slots', () => {
  test('the tags are spread evenly, and a subject keeps its tag', async () => {
    const store = own(cluster, 'spread')
    await Promise.all(Array.from({ length: 3_000 }, (_, i) => took(store, charge(`s${i}`))))
    const sizes = await Promise.all(cluster.nodes.map(async ({ server }) => ((await server.call('KEYS', 'spread:*')) as string[]).length))
    expect(sizes.reduce((sum, size) => sum + size)).toBe(3_001)
    for (const size of sizes) expect(size).toBeGreaterThan(700)
    for (const partitions of [1, 2, 4, 16, 128, 1_024]) {
      const slots = new Keys('p', partitions).tags.map((tag) => Math.floor((slotOf(tag) * partitions) / 16_384))
      expect(slots).toEqual(Array.from({ length: partitions }, (_, i) => i))
    }
  })

  test('trap: keys in different slots (CROSSSLOT): a decision is all or nothing, and gives back what it took', async () => {
    const store = own(cluster, 'across')
    const subjects = ['s0', 's1', 's2', 's3', 's4', 's5']
    expect(new Set(subjects.map((subject) => tags.tagOf(subject))).size).toBeGreaterThan(2)
    const full = subjects.at(-1) as string
    for (const limit of SIX.slice(0, 5)) {
      await take(store, charge(full, limit, 10))
      const refused = await take(
        store,
        subjects.map((subject) => charge(subject, limit)),
      )
      expect(refused.map(({ allowed, granted }) => [allowed, granted])).toEqual(subjects.map((subject) => [subject !== full, 0]))
      const others = subjects.slice(0, -1)
      expect(
        (
          await take(
            store,
            others.map((subject) => charge(subject, limit)),
          )
        ).map(({ remaining }) => remaining),
      ).toEqual(others.map(() => 9))
      expect(await Promise.all(subjects.map((subject) => used(store, subject, limit)))).toEqual([1, 1, 1, 1, 1, 10])
    }
  })

  test('decisions across slots that race never admit more than the limit', async () => {
    const store = own(cluster, 'race')
    const pair = ['s0', 's1', 's2'].map((subject) => charge(subject))
    const racing = await Promise.all(Array.from({ length: 60 }, () => take(store, pair)))
    const admitted = racing.filter((outcomes) => outcomes.every(({ allowed }) => allowed)).length
    expect(admitted).toBeLessThanOrEqual(10)
    expect(await Promise.all(pair.map(({ subject }) => used(store, subject)))).toEqual([admitted, admitted, admitted])
  })

  test("your own client's keyPrefix, with braces of its own, is one slot", async () => {
    const store = kept(rawStore(cluster.client({ keyPrefix: '{app}:' }), { prefix: 'braces' }))
    expect(
      await take(
        store,
        ['s0', 's1', 's2'].map((subject) => charge(subject)),
      ),
    ).toMatchObject([{ remaining: 9 }, { remaining: 9 }, { remaining: 9 }])
  })

  test('the client of the caller: its unsafe settings are reported', () => {
    expect(eventsOf(kept(rawStore(cluster.client())))).toMatchObject([
      { code: 'WARN_CLIENT_RETRIES', message: expect.stringContaining('redisOptions.maxRetriesPerRequest: 0, retryDelayOnFailover: 0') },
    ])
    expect(eventsOf(own(cluster))).toEqual([])
  })

  test('a burst at the start, while no node is connected', async () => {
    const store = own(cluster, 'burst')
    const outcomes = await Promise.all(Array.from({ length: 500 }, (_, i) => took(store, charge(`s${i}`))))
    expect(outcomes.filter(({ allowed }) => allowed)).toHaveLength(500)
  })
})

describe('slots that move', () => {
  test('under load, with several decisions and several limits at once: nothing counts twice, and every decision is answered', async () => {
    const store = own(cluster, 'moving')
    const subjects = neighbours(12)
    const limits = [many(100_000), { ...many(100_000), name: 'more' }]
    const [first = ''] = subjects
    const from = await cluster.ownerOf(slotOfSubject(first))
    const counts = new Map<string, number>()
    let running = true
    let failures = 0
    const causes = new Set<string>()
    let fresh = 0
    const newcomers: number[] = []
    const load = async (): Promise<void> => {
      while (running) {
        // In one turn: subjects that exist, and a new one.
        const asked = [...subjects, ...neighbours(1, first)].map(async (subject) => {
          try {
            await take(
              store,
              limits.map((limit) => charge(subject, limit)),
            )
            counts.set(subject, (counts.get(subject) ?? 0) + 1)
          } catch (error) {
            failures += 1
            causes.add(String(error))
          }
        })
        const newcomer = `new${fresh++}`
        if (tags.tagOf(newcomer) === tags.tagOf(first)) {
          const outcomes = await take(
            store,
            limits.map((limit) => charge(newcomer, limit)),
          )
          newcomers.push(...outcomes.map(({ granted }) => granted))
        }
        await Promise.all(asked)
      }
    }
    const loads = [load(), load(), load()]
    await waitUntil('some load', () => (counts.get(first) ?? 0) > 20)
    const goOn = () => {
      const before = counts.get(first) ?? 0
      return waitUntil('load while the slot is on the move', () => (counts.get(first) ?? 0) > before + 3)
    }
    await cluster.moveSlots(slotOfSubject(first), from, (from + 1) % 3, { opened: goOn, moving: goOn, emptied: goOn })
    running = false
    await Promise.all(loads)
    expect([failures, [...causes]]).toEqual([0, []])
    expect(newcomers.length).toBeGreaterThan(0)
    expect(newcomers.every((granted) => granted === 1)).toBe(true)
    for (const limit of limits) {
      for (const subject of subjects) expect([subject, await used(store, subject, limit)]).toEqual([subject, counts.get(subject)])
    }
    expect(await cluster.ownerOf(slotOfSubject(first))).toBe((from + 1) % 3)
  })

  test('while its slot moves, a decision refuses, forces, peeks and resets key by key', async () => {
    const store = own(cluster, 'opened')
    const [known = '', fresh = '', third = ''] = neighbours(3, 's3')
    const two = [TEN, { ...TEN, name: 'two' }]
    await take(store, charge(known, TEN, 9))
    const from = await cluster.ownerOf(slotOfSubject(known))
    await cluster.moveSlots(slotOfSubject(known), from, (from + 1) % 3, {
      opened: async () => {
        // One key is still here and the other is not: Redis answers TRYAGAIN to a command over both.
        expect(
          (
            await take(
              store,
              two.map((limit) => charge(known, limit)),
            )
          ).map(({ remaining }) => remaining),
        ).toEqual([0, 9])
        expect(
          (
            await take(
              store,
              two.map((limit) => charge(known, limit)),
            )
          ).map(({ allowed }) => allowed),
        ).toEqual([false, true])
        expect(
          (
            await take(
              store,
              two.map((limit) => charge(known, limit)),
              { how: 'force' },
            )
          ).every(({ allowed }) => allowed),
        ).toBe(true)
        expect(
          (
            await take(
              store,
              two.map((limit) => charge(fresh, limit)),
              { how: 'peek' },
            )
          ).map(({ remaining }) => remaining),
        ).toEqual([10, 10])
        expect(
          (
            await take(
              store,
              two.map((limit) => charge(third, limit)),
            )
          ).map(({ remaining }) => remaining),
        ).toEqual([9, 9])
        await store.reset(two.map((limit) => charge(third, limit)))
      },
    })
    expect(await Promise.all(two.map((limit) => used(store, known, limit)))).toEqual([10, 2])
    expect(await Promise.all(two.map((limit) => used(store, third, limit)))).toEqual([0, 0])
    expect(await ttlViolations(cluster.client(), { bound: () => 300_000, ignore: (key) => key.endsWith('{meta}') })).toEqual([])
  })

  test('while its slot moves, a block holds for every kind of state, and is set and ended', async () => {
    const store = own(cluster, 'blocked')
    const [known = '', fresh = ''] = neighbours(2, 's4')
    const all = (subject: string) => SIX.map((limit) => charge(subject, limit))
    for (const one of all(known)) await took(store, one)
    await store.block?.(all(known), 300_000)
    const from = await cluster.ownerOf(slotOfSubject(known))
    await cluster.moveSlots(slotOfSubject(known), from, (from + 1) % 3, {
      opened: async () => {
        for (const one of all(known)) expect(await took(store, one)).toMatchObject({ allowed: false, blocked: true })
        for (const one of all(fresh)) expect(await took(store, one)).toMatchObject({ allowed: true })
        expect(await store.block?.(all(fresh), 300_000)).toMatchObject({ wasBlocked: false })
        for (const one of all(fresh)) expect(await took(store, one)).toMatchObject({ allowed: false, blocked: true })
        expect(await store.block?.(all(fresh), 0)).toMatchObject({ wasBlocked: true })
      },
    })
    for (const one of all(known)) expect(await took(store, one)).toMatchObject({ allowed: false, blocked: true })
    for (const one of all(fresh)) expect(await took(store, one)).toMatchObject({ allowed: true })
  })

  test('packed: a subject has one key for each limit, and is decided while its slot moves', async () => {
    const store = kept(rawStore({ cluster: nodesOf(cluster) }, { prefix: 'packed', packed: { subjects: 10_000 } }))
    const [known = '', fresh = '', other = ''] = neighbours(3, 's7')
    const limits = [3_600_000, 7_200_000].map((window) => fixedWindow({ name: 'hours', limit: 10, window }).limit)
    // Packed state has one window limit a policy.
    const both = (subject: string) => limits.map((limit, i) => ({ ...charge(subject, limit, 2), scope: `p${i}+hours.fixedWindow` }))
    const left = async (subject: string) => (await take(store, both(subject))).map(({ remaining }) => remaining)
    await take(store, { ...(both(known)[0] as Charge), cost: 5 })
    const from = await cluster.ownerOf(slotOfSubject(known))
    await cluster.moveSlots(slotOfSubject(known), from, (from + 1) % 3, {
      opened: async () => {
        expect(await left(known)).toEqual([3, 8])
        expect(await left(fresh)).toEqual([8, 8])
        await store.reset(both(fresh))
        expect(await left(other)).toEqual([8, 8])
      },
    })
    expect([await left(known), await left(fresh), await left(other)]).toEqual([
      [1, 6],
      [8, 8],
      [6, 6],
    ])
  })

  test('while its slot moves, a lease is not granted and a charge is decided; after the move a lease is granted', async () => {
    const store = own(cluster, 'leased')
    const subjects = neighbours(2, 's5')
    const [known = ''] = subjects
    const leasing = { lease: { ttl: 250, ceiling: 5 }, atLeast: 1 } as const
    await take(store, charge(known, TEN, 2))
    const from = await cluster.ownerOf(slotOfSubject(known))
    await cluster.moveSlots(slotOfSubject(known), from, (from + 1) % 3, {
      opened: async () => {
        // A state and its ledger are decided together. While a slot moves, a command over two keys needs both on one server.
        for (const subject of subjects) {
          const failed = await failure(take(store, charge(subject, TEN, 4), leasing))
          expect([failed.code, failed.unknown]).toEqual(['ERR_STORE_UNAVAILABLE', false])
          expect(failed.message).toMatch(/TRYAGAIN|MOVED|ASK/)
          expect((await took(store, charge(subject))).allowed).toBe(true)
        }
      },
    })
    expect(await Promise.all(subjects.map((subject) => used(store, subject)))).toEqual([3, 1])
    const [granted] = await take(store, charge(known, TEN, 4), leasing)
    expect([granted?.granted, granted?.remaining]).toEqual([4, 3])
  })

  test('trap: NOSCRIPT on a new cluster node', async () => {
    const store = own(cluster, 'new')
    const subject = 's7'
    await take(store, charge(subject, TEN, 3))
    const node = await cluster.addNode()
    await cluster.moveSlots(slotOfSubject(subject), await cluster.ownerOf(slotOfSubject(subject)), node)
    expect(await took(store, charge(subject))).toMatchObject({ allowed: true, remaining: 6 })
    expect(await cluster.nodes[node]?.server.call('EXISTS', keyOf(charge(subject), 'new'))).toBe(1)
    expect(await used(store, subject)).toBe(4)
  })

  test('no unhandled rejection when the slots are refreshed while a node without slots has a command in flight', async () => {
    const unheard: unknown[] = []
    const hear = (error: unknown): void => void unheard.push(error)
    process.on('unhandledRejection', hear)
    const client = cluster.client()
    try {
      const store = kept(rawStore(client, { prefix: 'unheard' }))
      // A node whose last slot is moved away becomes a replica, so this slot is not that of the new node above.
      const subject = Array.from({ length: 16 }, (_, i) => `s${i}`).find((each) => slotOfSubject(each) !== slotOfSubject('s7')) as string
      await took(store, charge(subject))
      const index = await cluster.addNode()
      const { server, port } = cluster.nodes[index] as RedisCluster['nodes'][number]
      // A subject of the slot without a key yet: the old node redirects its commands to the new node.
      const moved = charge(neighbours(1, subject)[0] as string)
      await cluster.moveSlots(slotOfSubject(subject), await cluster.ownerOf(slotOfSubject(subject)), index, {
        opened: async () => {
          await server.pause()
          const asked = failure(took(store, moved))
          await waitUntil('the new node is asked', () => client.nodes().some(({ options }) => options.port === port))
          await new Promise((resolve) => client.refreshSlotsCache(resolve))
          expect(client.nodes().some(({ options }) => options.port === port)).toBe(false)
          await asked
          await server.resume()
        },
      })
      expect(unheard).toEqual([])
      expect((await took(store, moved)).allowed).toBe(true)
    } finally {
      process.off('unhandledRejection', hear)
    }
  })
})

test('trap: crash when the cluster is down at start', async () => {
  const store = kept(rawStore({ cluster: [{ host: '127.0.0.1', port: await freePort() }] }))
  for (const ms of [3_000, 100])
    expect(await failure(settlesIn(ms, took(store, charge('a'))))).toMatchObject({ code: 'ERR_STORE_UNAVAILABLE', unknown: false })
})

describe('a primary that dies', () => {
  let pair: RedisCluster
  beforeAll(async () => {
    pair = await startCluster({ replicasPerPrimary: 1, args: ['--cluster-node-timeout', '1500'] })
  })
  afterAll(() => pair.stop())

  test('trap: NOSCRIPT after failover: no more is admitted than the failover lost, and the store works again', async () => {
    const store = own(pair, 'failover')
    const subjects = Array.from({ length: 16 }, (_, i) => `s${i}`)
    const limit = many(2_000)
    const load = startLoad(store, subjects, limit, { pause: 10, patience: 2_500 })
    const counts = (): Map<string, number> => new Map(subjects.map((subject) => [subject, load.admitted(subject)]))
    await waitUntil('some load', () => subjects.every((subject) => load.admitted(subject) > 20))
    const victim = await pair.ownerOf(slotOfSubject('s0'))
    const owners = new Map(
      await Promise.all(subjects.map(async (subject) => [subject, await pair.ownerOf(slotOfSubject(subject))] as const)),
    )
    const safe = counts()
    await replicated(pair.nodes[victim]!.server.client(), 1, `{${tags.tagOf('s0')}}`)
    await pair.killPrimary(victim)
    const killed = counts()
    await pair.settled()
    const settled = counts()
    await waitUntil('every subject to be answered again', () =>
      subjects.every((subject) => load.admitted(subject) > settled.get(subject)! + 5),
    )
    await load.stop()
    expect([...load.failures]).toEqual(['ERR_STORE_UNAVAILABLE'])
    // Lost are at most the decisions of the killed primary between the WAIT and the kill. One answer may have been unread at the kill.
    for (const subject of subjects) {
      const most = owners.get(subject) === victim ? killed.get(subject)! - safe.get(subject)! + 1 : 0
      expect(load.admitted(subject) - (await used(store, subject, limit))).toBeLessThanOrEqual(most)
    }
  })
})

test('a limiter on a cluster', async () => {
  const store = own(cluster, 'limiter')
  const limiter = createLimiter({ name: 'c', limits: [fixedWindow({ name: 'a', limit: 2, window: '1m', anchor: 'first' })], store })
  const decisions = await Promise.all([1, 2, 3].map(() => limiter.consume('x')))
  expect(decisions.map(({ allowed }) => allowed)).toEqual([true, true, false])
  expect((await failure(store.consume([charge('a', TEN, -1)]))).code).toBe('ERR_RECEIPT_REQUIRED')
})
