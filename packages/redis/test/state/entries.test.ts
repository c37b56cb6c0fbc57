// The value of a policy and subject: limits that share it, versions of the policy, and values that Sluice did not write.
import { type Charge, fixedWindow, type Limit, type Outcome, slidingWindow, type Store, tokenBucket } from '@sluice/core'
import { type RedisServer, startRedis } from '@sluice/testing/redis'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { EntryList } from '../../src/state/entries.ts'
import { charge, entryOf, eventsOf, failure, keptForTest, keyOf, rawStore, scanAfterEach, take, took, used } from '../support.ts'

const MINUTE = slidingWindow({ name: 'minute', limit: 1_000, window: '1m' }).limit
const HOUR = fixedWindow({ name: 'hour', limit: 1_000, window: '1h' }).limit
const DAY = fixedWindow({ name: 'day', limit: 1_000, window: '1d' }).limit
const BUCKET = tokenBucket({ name: 'bucket', limit: 1_000, window: '1h' }).limit

let server: RedisServer
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())
const kept = keptForTest(() => server.call('FLUSHALL'))
scanAfterEach(() => server.client())

const key = (limit: Limit, subject = 'a'): string => keyOf(charge(subject, limit))
const valueOf = (limit: Limit): Promise<Buffer> => server.client().getBuffer(key(limit)) as Promise<Buffer>
const spent = (store: Store, limits: readonly Limit[]): Promise<readonly number[]> =>
  Promise.all(limits.map((limit) => used(store, 'a', limit)))

/** An entry of 28 bytes. */
function entry(id: number, ...numbers: readonly [number, number, number]): Buffer {
  const bytes = Buffer.alloc(28)
  bytes.writeUInt32BE(id)
  for (const [i, number] of numbers.entries()) bytes.writeDoubleBE(number, 4 + 8 * i)
  return bytes
}

describe.each([
  ['with scripts', true],
  ['without scripts', false],
] as const)('%s', (_, scripting) => {
  let store: Store
  const own = (): Store => kept(rawStore({ url: server.url }, { scripting }))
  const all = (limits: readonly Limit[], cost = 1): Charge[] => limits.map((limit) => charge('a', limit, cost))
  beforeEach(() => {
    store = own()
  })

  test('all windows and buckets of a policy and subject are in one key, 28 bytes each', async () => {
    await take(store, all([MINUTE, HOUR, BUCKET], 2))
    expect(await server.call('KEYS', '*:a')).toEqual([key(MINUTE)])
    expect((await valueOf(MINUTE)).length).toBe(3 * 28)
    expect((await entryOf(server.client(), charge('a', HOUR)))?.[1]).toBe(2)
    await take(store, all([HOUR], 3))
    expect(await spent(store, [MINUTE, HOUR, BUCKET])).toEqual([2, 5, 2])
  })

  test('two versions of a policy under load: what both know is counted together, the others keep their counts', async () => {
    const versions = [[MINUTE, HOUR], [DAY, MINUTE], [{ ...MINUTE, limit: 2_000 }]] as const
    const stores = versions.map(own)
    await Promise.all(
      Array.from({ length: 120 }, async (_each, i) => {
        await new Promise((resolve) => setImmediate(resolve))
        await take(stores[i % 3] as Store, all(versions[i % 3] as readonly Limit[]))
      }),
    )
    expect(await spent(store, [MINUTE, HOUR, DAY])).toEqual([120, 40, 40])
    // A process that knows only the minute keeps the key for the whole day.
    await took(stores[2] as Store, charge('a', MINUTE))
    const ends = await Promise.all([DAY, MINUTE].map(async (limit) => (await entryOf(server.client(), charge('a', limit)))?.[0] ?? 0))
    // In the last two minutes of a day, the minute counts for longer.
    const until = Math.max(...ends)
    expect(Math.abs(Number(await server.call('PTTL', key(DAY))) - (until / 1000 - Date.now()))).toBeLessThan(2_000)
  })

  test('a changed limit or burst keeps the count, a changed window begins another', async () => {
    await take(store, all([MINUTE, BUCKET], 5))
    expect(
      await spent(store, [
        { ...MINUTE, limit: 70 },
        { ...MINUTE, window: 61_000 },
        { ...BUCKET, burst: 900, limit: 900 },
      ]),
    ).toEqual([5, 0, expect.any(Number)])
    await took(store, charge('a', { ...MINUTE, window: 61_000 }))
    expect(await spent(store, [MINUTE, { ...MINUTE, window: 61_000 }])).toEqual([5, 1])
  })

  test('an entry that no limit here knows survives, at its place', async () => {
    const unknown = entry(7, (Date.now() + 120_000) * 1000, 41, 3)
    await server.client().set(key(MINUTE), unknown, 'PX', 100_000)
    await take(store, all([MINUTE, HOUR]))
    await take(store, all([MINUTE]))
    expect((await valueOf(MINUTE)).subarray(0, 28)).toEqual(unknown)
    expect(await spent(store, [MINUTE, HOUR])).toEqual([2, 1])
  })

  test('a state that has expired beside a live one counts as absent, and leaves with the next SET', async () => {
    const short = fixedWindow({ name: 'short', limit: 10, window: 40, anchor: 'first' }).limit
    await take(store, all([short, HOUR], 3))
    await expect.poll(() => used(store, 'a', short)).toBe(0)
    await take(store, all([HOUR, BUCKET]))
    expect((await valueOf(HOUR)).length).toBe(2 * 28)
    expect(await spent(store, [short, HOUR])).toEqual([0, 4])
  })

  test('16 live entries', async () => {
    const limits = Array.from({ length: 16 }, (_each, i) => ({ ...HOUR, name: `l${i}` }))
    await take(store, all(limits))
    await take(store, all(limits.slice(0, 8)))
    await take(store, all(limits.slice(4, 12).toReversed(), 10))
    expect((await valueOf(HOUR)).length).toBe(16 * 28)
    expect(await spent(store, limits)).toEqual(limits.map((_each, i) => 1 + (i < 8 ? 1 : 0) + (i >= 4 && i < 12 ? 10 : 0)))
  })

  test('33 windows: the one that expires first is dropped, and reported', async () => {
    const events = eventsOf(store)
    const windows = Array.from({ length: 33 }, (_each, i) => ({ ...HOUR, window: 3_600_000 + i, anchor: 'first' as const }))
    for (const limit of windows) await took(store, charge('a', limit))
    expect(events).toMatchObject([{ type: 'anomaly', code: 'ANOMALY_STATE_DROPPED' }])
    expect((await valueOf(HOUR)).length).toBe(32 * 28)
    expect(await spent(store, windows)).toEqual(windows.map((_each, i) => (i === 0 ? 0 : 1)))
  })

  test('reset of one limit leaves the others, whatever their subject means', async () => {
    await take(store, all([MINUTE, HOUR], 4))
    await store.reset([charge('a', MINUTE)])
    expect(await spent(store, [MINUTE, HOUR])).toEqual([0, 4])
    await store.reset([charge('a', BUCKET)])
    expect(await spent(store, [MINUTE, HOUR])).toEqual([0, 4])
    await store.reset([charge('a', HOUR)])
    expect(await server.call('EXISTS', key(HOUR))).toBe(0)
  })

  test('a key of a wrong type or length is absent, and reported', async () => {
    for (const spoil of [
      ['LPUSH', 'x'],
      ['SET', 'x'.repeat(27)],
      ['SET', 'x'.repeat(29)],
      ['SET', ''],
      ['SET', 'x'.repeat(28 * 256)],
    ] as const) {
      await server.call('DEL', key(HOUR))
      await server.call(spoil[0], key(HOUR), spoil[1])
      const events = eventsOf(store)
      expect(await take(store, all([MINUTE, HOUR]))).toMatchObject([{ remaining: 999 }, { remaining: 999 }])
      expect(events).toMatchObject(spoil[0] === 'SET' ? [{ code: 'ANOMALY_STATE_UNREADABLE' }] : [])
      expect(await spent(store, [MINUTE, HOUR])).toEqual([1, 1])
    }
  })

  test.each([
    ['NaN', Number.NaN, 1, 0],
    ['an infinity', Number.POSITIVE_INFINITY, 1, 0],
    ['a fraction', 1.5, 1, 0],
    ['above 2^53', 2 ** 60, 1, 0],
    ['a third number below 0', (Date.now() + 60_000) * 1000, 1, -1],
    ['a first number below 0', -1, 1, 0],
  ])('a bad number, %s: that entry is absent, the others count', async (_name, ...numbers) => {
    await take(store, all([MINUTE, HOUR], 2))
    const value = await valueOf(HOUR)
    entry(value.readUInt32BE(28), ...numbers).copy(value, 28)
    await server.client().set(key(HOUR), value, 'PX', 60_000)
    const events = eventsOf(store)
    expect(await take(store, all([MINUTE, HOUR]))).toMatchObject([{ remaining: 997 }, { remaining: 999 }])
    expect(events).toMatchObject([{ code: 'ANOMALY_STATE_UNREADABLE' }])
    expect(await spent(store, [MINUTE, HOUR])).toEqual([3, 1])
  })

  test('a second entry of one id is absent', async () => {
    await take(store, all([HOUR], 2))
    const value = await valueOf(HOUR)
    const second = entry(value.readUInt32BE(0), value.readDoubleBE(4), 9, 0)
    await server.client().set(key(HOUR), Buffer.concat([value, second]), 'PX', 60_000)
    const events = eventsOf(store)
    expect(await take(store, all([HOUR, MINUTE]))).toMatchObject([{ remaining: 997 }, { remaining: 999 }])
    expect(events).toMatchObject([{ code: 'ANOMALY_STATE_UNREADABLE' }])
    expect(new EntryList(await valueOf(HOUR)).unreadable).toBe(0)
  })

  test('a second entry of one id is absent also if the first cannot be read', async () => {
    await take(store, all([HOUR], 2))
    const value = await valueOf(HOUR)
    const bad = entry(value.readUInt32BE(0), Number.NaN, 9, 0)
    await server.client().set(key(HOUR), Buffer.concat([bad, value]), 'PX', 60_000)
    expect(await take(store, all([MINUTE, HOUR]))).toMatchObject([{ remaining: 999 }, { remaining: 999 }])
    expect(await spent(store, [MINUTE, HOUR])).toEqual([1, 1])
  })

  test('two limits of a policy with different subjects, and one text that is the subject of both', async () => {
    const mixed = (user: string, address: string): readonly Charge[] => [charge(user, MINUTE), charge(address, HOUR)]
    for (let i = 0; i < 3; i++) await take(store, mixed('alice', '203.0.113.7'))
    await take(store, mixed('203.0.113.7', '203.0.113.7'))
    expect(await Promise.all([used(store, 'alice', MINUTE), used(store, '203.0.113.7', HOUR), used(store, '203.0.113.7', MINUTE)])).toEqual(
      [3, 4, 1],
    )
    // The account of this name is reset. The address of this name is not.
    await store.reset([charge('203.0.113.7', MINUTE)])
    expect(await Promise.all([used(store, '203.0.113.7', HOUR), used(store, '203.0.113.7', MINUTE)])).toEqual([4, 0])
  })

  test('a decision over several keys is all or nothing', async () => {
    const full = charge('full', HOUR, 1_000)
    await took(store, full)
    const outcomes = await take(store, [charge('a', MINUTE), charge('full', HOUR), charge('a', BUCKET)])
    expect(outcomes.map(({ allowed }) => allowed)).toEqual([true, false, true])
    expect(await spent(store, [MINUTE, BUCKET])).toEqual([0, 0])
    expect((await take(store, [charge('a', MINUTE), charge('b', HOUR), charge('a', BUCKET)])).map(({ remaining }) => remaining)).toEqual([
      999, 999, 999,
    ])
    expect((await take(store, [charge('a', MINUTE), charge('b', HOUR), charge('a', BUCKET)])).map(({ remaining }) => remaining)).toEqual([
      998, 998, 998,
    ])
  })

  test('shadow beside enforce, and a limit set apart, have values of their own', async () => {
    const scoped = (scope: string): Charge => ({ ...charge('a', MINUTE), scope })
    for (const scope of ['p+minute.slidingWindow', '~p+minute.slidingWindow', 'p@uploads+minute.slidingWindow'])
      expect(await took(store, scoped(scope))).toMatchObject({ remaining: 999 })
    expect(
      ((await server.call('KEYS', '*:a')) as string[]).map((each) => each.split(':')[2]).toSorted((a = '', b = '') => a.localeCompare(b)),
    ).toEqual(['~p', 'p', 'p@uploads'])
  })

  test('force, refund and a lease of one of several limits leave the others', async () => {
    const [minute, hour] = (await take(store, all([MINUTE, HOUR], 5))) as readonly [Outcome, Outcome]
    await took(store, { ...charge('a', HOUR, -2), receipt: hour.receipt })
    await take(store, charge('a', MINUTE, 3), { how: 'force' })
    expect(await spent(store, [MINUTE, HOUR])).toEqual([8, 3])
    const [leased] = await take(store, charge('a', HOUR, 10), { lease: { ttl: 1_000, ceiling: 10 } })
    expect(leased).toMatchObject({ granted: 10, leaseFor: 1_000 })
    await took(store, { ...charge('a', MINUTE, -5), receipt: minute.receipt })
    expect(await spent(store, [MINUTE, HOUR])).toEqual([3, 13])
    // A reset leaves the ledger, since its leases are still spent.
    await store.reset([charge('a', HOUR)])
    expect((await entryOf(server.client(), charge('a', HOUR), 'sluice', '!l'))?.[1]).toBe(10)
  })

  test('a receipt with a time at which no calendar window starts gives nothing back', async () => {
    const day = fixedWindow({ name: 'calendar', limit: 10, window: 'day', timeZone: 'Asia/Kathmandu' }).limit
    const { receipt, at } = await took(store, charge('a', day, 4))
    const others = [at / 1000, Number.parseInt(String(receipt), 10) + 1, 9e15, -9e15].map((time) => `${Math.floor(time)}:4`)
    for (const other of others) expect((await took(store, { ...charge('a', day, -4), receipt: other })).granted).toBe(0)
    expect((await took(store, { ...charge('a', day, -4), receipt })).granted).toBe(-4)
  })

  test('two states of a policy with one id are refused in the decision', async () => {
    const one = { ...fixedWindow({ name: 'a', limit: 10, window: 656_393 }).limit }
    await took(store, charge('a', one))
    expect(await failure(store.consume([charge('a', { ...one, window: 1_082_320 })]))).toMatchObject({ code: 'ERR_NAME_COLLISION' })
    expect(await took(store, { ...charge('a', { ...one, window: 1_082_320 }), scope: 'q+a.fixedWindow' })).toMatchObject({ remaining: 9 })
  })
})

describe('writes', () => {
  const counts = async (): Promise<Record<string, number>> => {
    const stats = String(await server.call('INFO', 'commandstats'))
    return Object.fromEntries(
      ['set', 'setrange', 'del', 'pttl', 'mget'].map((name) => [
        name,
        Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(stats)?.[1] ?? 0),
      ]),
    )
  }

  test('a decision over three limits reads and writes once; a bucket and a minute beside a day need no SET', async () => {
    const store = kept(rawStore({ url: server.url }))
    const three = [MINUTE, BUCKET, DAY].map((limit) => charge('a', limit))
    await take(store, three)
    await server.call('CONFIG', 'RESETSTAT')
    for (let i = 0; i < 5; i++) await take(store, three)
    expect(await counts()).toEqual({ set: 0, setrange: 5, del: 0, pttl: 5, mget: 5 })
  })

  test('stores with and without scripts write the same bytes', async () => {
    let now = Date.now()
    const clock = { now: () => now }
    const stores = [true, false].map((scripting) =>
      kept(rawStore({ url: server.url }, { scripting, clock, prefix: scripting ? 'lua' : 'bare' })),
    )
    for (let i = 0; i < 30; i++) {
      now += 7_001 * i
      const limits = [MINUTE, HOUR, BUCKET, DAY].filter((_each, j) => (i + j) % 3 !== 0)
      for (const store of stores)
        await take(
          store,
          limits.map((limit) => charge('a', limit, 1 + (i % 4))),
        )
      const values = await Promise.all(['lua', 'bare'].map((prefix) => server.client().getBuffer(keyOf(charge('a', MINUTE), prefix))))
      expect(values[0]).toEqual(values[1])
    }
  })
})
