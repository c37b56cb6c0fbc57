// Regions whose stores are packed: what is special about it. property.test.ts and scripts.test.ts play random histories on packed stores.
import { type Charge, fixedWindow, type Limit, slidingWindow, type Store, tokenBucket } from '@sluice/core'
import { redisRegionStorage, redisStore } from '@sluice/redis'
import { regions } from '@sluice/regions'
import { type CountRecord, type LedgerStorage, type RegionStorage, type Terms } from '@sluice/regions/store-kit'
import { type RedisServer, startRedis, waitUntil } from '@sluice/testing/redis'
import { beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest'
import { connect } from '../../src/client/connect.ts'
import { Keys } from '../../src/keys.ts'
import { RegionScripts } from '../../src/regions/redis-region-storage.ts'
import { Packing } from '../../src/state/packed.ts'
import { take } from '../support.ts'
import { InProcess } from './in-process.ts'

const ALL = ['eu', 'us']
/** All subjects in one bucket. */
const packed = { subjects: 1 }
const partitions = 1
const NOON = Date.parse('2026-03-04T12:15:00Z')
const STARTED = Date.now()
const clock = { now: () => NOON + Date.now() - STARTED }
const TERMS: Terms = { interval: 1_000, urgent: 0.01, minimum: 0, keep: 60_000, regions: 2 }
const DAY = fixedWindow({ name: 'day', limit: 20, window: '1d' }).limit
const HOUR = slidingWindow({ name: 'hour', limit: 20, window: '1h' }).limit
const TOKEN = tokenBucket({ name: 'token', limit: 20, window: '1d' }).limit

let servers: readonly [RedisServer, RedisServer]
beforeAll(async () => {
  servers = [await startRedis(), await startRedis()]
  return () => Promise.all(servers.map((server) => server.stop()))
})
beforeEach(() => Promise.all(servers.map((server) => server.call('FLUSHALL'))))

const chargeOf = (limit: Limit, subject: string, cost = 1): Charge => ({
  limit,
  scope: `api+${limit.name}.${limit.algorithm}`,
  subject,
  cost,
})

function twoStores(minimum = 0): readonly [Store, Store] {
  const network = new InProcess()
  const open = (self: string, server: RedisServer): Store => {
    const described = regions({ self, all: ALL, transport: network.of(self), interval: 100, minimum })
    const store = redisStore(server.client(), { failover: false, denyCache: false, clock, regions: described, packed, partitions })
    onTestFinished(() => store.close?.())
    return store
  }
  return [open('eu', servers[0]), open('us', servers[1])]
}

const used = async (store: Store, one: Charge): Promise<number | undefined> => (await take(store, one, { how: 'peek' }))[0]?.used
const storageOf = (): RegionStorage & LedgerStorage => redisRegionStorage(servers[0].client(), { packed, partitions, clock })
const recordOf = (subject: string, units: number, version = 1): CountRecord => {
  const start = NOON - (NOON % 86_400_000)
  const entry = { text: 'day.fixedWindow.86400000', reset: 0, start, units, before: 0, N: 20, P: 86_400_000, burst: 0 }
  return { kind: 'count', policy: 'api', subject, version, entries: [entry] }
}
const source = { region: 1, at: NOON }

test.each([
  ['a fixed window, a digest', [DAY], 'user:1'],
  ['a sliding window, a number', [HOUR], '42'],
  ['a window beside a bucket', [HOUR, TOKEN], 'user:1'],
])('a client that changes regions meets one limit: %s', async (_, limits, subject) => {
  const [eu, us] = twoStores()
  const charges = limits.map((limit) => chargeOf(limit, subject))
  let admitted = 0
  for (let i = 0; i < 30; i++) {
    const [here, there] = i % 2 === 0 ? [eu, us] : [us, eu]
    if (!(await take(here, charges)).every((outcome) => outcome?.allowed)) continue
    admitted += 1
    for (const charge of charges) await waitUntil('the other region counts it', async () => (await used(there, charge)) === admitted)
  }
  expect(admitted).toBe(20)
})

test('a reset is one of all regions, and leaves the other subjects of the bucket', async () => {
  const [eu, us] = twoStores()
  for (const subject of ['user:1', 'user:2', '3']) await take(eu, chargeOf(DAY, subject, 5))
  for (const subject of ['user:1', 'user:2', '3'])
    await waitUntil('us counts them', async () => (await used(us, chargeOf(DAY, subject))) === 5)
  expect(await us.reset([chargeOf(DAY, 'user:1'), chargeOf(DAY, '3')])).toBe(true)
  for (const subject of ['user:1', '3']) await waitUntil('eu forgets', async () => (await used(eu, chargeOf(DAY, subject))) === 0)
  for (const store of [eu, us]) expect(await used(store, chargeOf(DAY, 'user:2'))).toBe(5)
})

test('a subject below `minimum` takes no memory for what regions tell each other', async () => {
  const [eu, us] = twoStores(0.25)
  for (let i = 0; i < 50; i++) await take(eu, chargeOf(DAY, `user:${i}`, 2))
  await take(eu, chargeOf(DAY, 'user:busy', 10))
  await waitUntil('us counts the busy one', async () => (await used(us, chargeOf(DAY, 'user:busy'))) === 10)
  for (const server of servers) {
    const keys = (await server.call('KEYS', '*')) as string[]
    expect(keys.filter((key) => key.endsWith('!r'))).toHaveLength(1)
    expect(keys.filter((key) => !/[!:]r$|\{meta\}/.test(key))).toHaveLength(1)
  }
})

test('what is applied to a bucket that is absent has an expiry, as has its ledger', async () => {
  const [applied] = await storageOf().apply([recordOf('user:1', 5)], source, TERMS)
  expect(applied).toMatchObject({ result: 'done', late: 0 })
  const keys = (await servers[0].call('KEYS', '*')) as string[]
  expect(keys).toHaveLength(2)
  for (const key of keys) expect(await servers[0].call('PTTL', key)).toBeGreaterThan(0)
})

// A unit that came back in another region may be heard of before the unit itself.
test('a count may be below 0 until the units arrive', async () => {
  const storage = storageOf()
  const [eu] = twoStores()
  await storage.apply([recordOf('user:1', -5)], source, TERMS)
  expect((await take(eu, chargeOf(DAY, 'user:1', 3)))[0]).toMatchObject({ allowed: true })
  await storage.apply([recordOf('user:1', 9)], { region: 2, at: NOON }, TERMS)
  expect(await used(eu, chargeOf(DAY, 'user:1'))).toBe(7)
})

// Each would count what other regions used as its own and tell them of it, so the count would grow by itself.
test('subjects that share a packed state by their digests share what is known of other regions', async () => {
  const same = Object.assign(new Packing({ subjects: 1, secret: 'a secret' }, partitions), { suffixOf: () => '!0/~140737488355329' })
  const keys = new Keys('sluice', partitions, same)
  const storage: RegionStorage = new RegionScripts({ connection: connect(servers[0].client()), keys }, clock)
  await storage.apply([recordOf('one', 5)], source, TERMS)
  const shape = {
    text: 'day.fixedWindow.86400000',
    kind: 'fixed',
    N: 20,
    P: 86_400_000,
    burst: 0,
    start: NOON - (NOON % 86_400_000),
  } as const
  const [other] = await storage.collect([{ policy: 'api', subject: 'other', shapes: [shape], isForced: true }], TERMS)
  expect(other).toEqual({ result: 'nothing' })
})

test('the ledgers of numbers are found with their subjects, and those of digests are not', async () => {
  const storage = storageOf()
  const versions = ['7', '-12', 'user:1'].map((subject) => recordOf(subject, 5))
  await storage.apply([...versions, { ...recordOf('8', 5), policy: 'other' }], source, TERMS)
  const found = []
  for await (const names of storage.ledgers(['api'])) found.push(...names)
  expect(found.toSorted((one, other) => (one.subject < other.subject ? -1 : 1))).toEqual([
    { policy: 'api', subject: '-12' },
    { policy: 'api', subject: '7' },
    { policy: undefined, subject: '8' },
  ])
})

test('the option `packed` is checked', () => {
  expect(() => redisRegionStorage(servers[0].client(), { packed: { subjects: 0 } })).toThrow('redisRegionStorage: packed.subjects')
})
