// What is special about packed state: shared buckets, sweeps, other commands, and the layout of the data.
import { type Charge, fixedWindow, type Limit, type Outcome, slidingWindow, type Store, tokenBucket } from '@sluice/core'
import { redisStore, type RedisStoreOptions } from '@sluice/redis'
import { fakeClock } from '@sluice/testing'
import { type RedisServer, startRedis, waitUntil } from '@sluice/testing/redis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connect } from '../../src/client/connect.ts'
import { Keys } from '../../src/keys.ts'
import { Packing, packedKeyOf } from '../../src/state/packed.ts'
import { Replica } from '../../src/client/replica.ts'
import { charge as chargeOf, failure, eventsOf, keptForTest, rawStore, scanAfterEach, SIX, take, took } from '../support.ts'

const HOUR = 3_600_000
const FIXED = fixedWindow({ name: 'fixed', limit: 10, window: '1h' }).limit
const SLIDING = slidingWindow({ name: 'sliding', limit: 10, window: '1h' }).limit
const WINDOWS = [FIXED, SLIDING]
const LOG = SIX[2] as Limit
const BUCKET = tokenBucket({ name: 'token', limit: 10, window: '1m' }).limit

/** Each limit has a policy of its own, since packed state has one window limit a policy. */
function charge(subject: string, limit: Limit, cost = 1): Charge {
  return { ...chargeOf(subject, limit, cost), scope: `${limit.name}+${limit.name}.${limit.algorithm}` }
}

async function used(store: Store, subject: string, limit: Limit): Promise<number> {
  const [outcome] = await take(store, charge(subject, limit), { how: 'peek' })
  return limit.limit - (outcome as Outcome).remaining
}

let server: RedisServer
/** All subjects in one bucket. */
const own = (options: RedisStoreOptions = {}, url = server.url): Store =>
  kept(rawStore({ url }, { packed: { subjects: 1 }, partitions: 1, ...options }))
const keys = new Keys('sluice', 1, new Packing({ subjects: 1, secret: 'sluice' }, 1))
const bucketOf = (limit: Limit): string => packedKeyOf(keys.keyOf(charge('a', limit))).bucket

beforeAll(async () => {
  server = await startRedis()
})
scanAfterEach(() => server.client())
const kept = keptForTest(() => server.call('FLUSHALL'))
afterAll(() => server.stop())

async function as(...rules: readonly string[]): Promise<Store> {
  await server.call('ACL', 'SETUSER', 'some', 'reset', 'on', '>pass', '~*', '+@all', ...rules)
  return own({}, server.url.replace('redis://', 'redis://some:pass@'))
}

describe('where states are stored', () => {
  test('windows that begin at multiples of their length share a hash; all others have separate keys', async () => {
    const store = own()
    const first = fixedWindow({ name: 'first', limit: 10, window: '1h', anchor: 'first' }).limit
    const day = fixedWindow({ name: 'day', limit: 10, window: 'day' }).limit
    for (const limit of [...WINDOWS, first, day, LOG, BUCKET]) for (const subject of ['7', 'b']) await took(store, charge(subject, limit))
    const types = await Promise.all(
      ((await server.call('KEYS', '*')) as string[]).map(async (key) => [await server.call('TYPE', key), key]),
    )
    expect(types.filter(([type]) => type === 'hash').map(([, key]) => key)).toEqual(expect.arrayContaining(WINDOWS.map(bucketOf)))
    expect(types.filter(([type]) => type === 'hash')).toHaveLength(2)
    expect(types).toHaveLength(2 + 2 * 4 + 1)
    for (const limit of WINDOWS) {
      const fields = await server.client().hkeysBuffer(bucketOf(limit))
      expect(fields.map(({ length }) => length)).toEqual([1, 1, 6])
      expect(fields.slice(0, 2).map(String)).toEqual(['.', '7'])
    }
  })

  test('Redis keeps a bucket of 128 entries packed', async () => {
    const store = own()
    await Promise.all(Array.from({ length: 128 }, (_, i) => took(store, charge(`user-${i}`, SLIDING, 1 + (i % 10)))))
    expect(await server.call('OBJECT', 'ENCODING', bucketOf(SLIDING))).toMatch(/^(listpack|ziplist)$/)
  })

  test.each(['', 'user-'])('subjects are spread evenly over exactly the computed buckets: %j', (before) => {
    const packing = new Packing({ subjects: 32_000, secret: 'a' }, 16)
    const sizes = new Map<string, number>()
    for (let i = 0; i < 64_000; i++) {
      const bucket = packing.suffixOf(`${before}${10_000_000 + i}`).split('/')[0] as string
      sizes.set(bucket, (sizes.get(bucket) ?? 0) + 1)
    }
    // The subjects fill 63 buckets in each of 16 partitions, with the same names.
    expect(sizes.size).toBe(63)
    for (const size of sizes.values()) expect(Math.abs(size - 64_000 / 63)).toBeLessThan(200)
  })

  test('integers are fields as they are; any other subject is a digest under the secret', () => {
    const field = (subject: string, secret = 'a') => packedKeyOf(new Packing({ subjects: 1, secret }, 1).suffixOf(subject)).field
    for (const subject of ['0', '7', '-7', '12345678', '999999999999999999']) expect(field(subject)).toBe(subject)
    const odd = ['', '-0', '007', '+7', '1.0', '1e3', ' 7', '1000000000000000000', 'x', '\uD800', '\uDC00', '\uFFFD', '.', '~1', '/']
    const digests = odd.map((subject) => field(subject) as number)
    for (const digest of digests) expect(digest >= 2 ** 47 && digest < 2 ** 48 && Number.isInteger(digest)).toBe(true)
    expect(new Set(digests).size).toBe(odd.length)
    expect(digests.map((_, i) => field(odd[i] as string, 'b'))).not.toEqual(digests)
    // A field has only the digest, so subjects with equal digests share a state.
    expect(packedKeyOf('p:!1/~140737488355329')).toEqual({ bucket: 'p:!1', field: 140737488355329 })
  })
})

describe('verdicts', () => {
  test('trap: a batch that reads all keys and then writes all: one subject repeated in it is admitted without end', async () => {
    const store = own()
    for (const limit of WINDOWS) {
      const outcomes = await Promise.all(Array.from({ length: 64 }, (_, i) => took(store, charge(i % 2 === 0 ? 'a' : 'b', limit))))
      expect(outcomes.filter(({ allowed }) => allowed)).toHaveLength(20)
      expect(outcomes.map(({ remaining }) => remaining).slice(0, 4)).toEqual([9, 9, 8, 8])
      const once = await take(
        store,
        Array.from({ length: 11 }, () => charge('c', limit)),
      )
      expect([once.every(({ allowed }) => allowed), await used(store, 'c', limit)]).toEqual([false, 0])
    }
  })

  test('a refusal and a peek write nothing', async () => {
    const store = own()
    for (const limit of WINDOWS) await took(store, charge('a', limit, 10))
    await server.call('CONFIG', 'RESETSTAT')
    for (const limit of WINDOWS) {
      expect(await took(store, charge('a', limit))).toMatchObject({ allowed: false })
      await take(store, charge('b', limit), { how: 'peek' })
    }
    const stats = String(await server.call('INFO', 'commandstats'))
    expect(stats).toMatch(/cmdstat_hmget/)
    expect(stats).not.toMatch(/cmdstat_(hset|hdel|pexpireat|del|set):/)
  })

  test('a lease of a packed state has its ledger in a separate key', async () => {
    const store = own()
    const [lease] = await take(store, charge('a', FIXED, 8), { lease: { ttl: 250, ceiling: 5 }, atLeast: 1 })
    expect(lease).toMatchObject({ granted: 5, remaining: 5 })
    expect((await server.call('KEYS', '*!l')) as string[]).toHaveLength(1)
    expect(await took(store, { ...charge('a', FIXED, -2), receipt: lease?.receipt })).toMatchObject({ granted: -2, remaining: 7 })
  })
})

describe('expiry', () => {
  test('trap: a key without TTL blocks for ever', async () => {
    const store = own()
    const short = [20, 1].map((window) => fixedWindow({ name: `short${window}`, limit: 2, window }).limit)
    for (let i = 0; i < 50; i++)
      await take(
        store,
        [...short, ...WINDOWS].map((limit) => charge(`s${i % 5}`, limit)),
        { how: 'force' },
      )
    for (const limit of WINDOWS) {
      const left = Number(await server.call('PTTL', bucketOf(limit)))
      expect(left).toBeGreaterThan(limit === FIXED ? 0 : HOUR)
      expect(left).toBeLessThanOrEqual((limit === FIXED ? 1 : 2) * HOUR + 1_000)
    }
  })

  test('trap: a value without TTL gets one with the next charge', async () => {
    const store = own()
    for (const limit of WINDOWS) {
      await took(store, charge('a', limit))
      for (const subject of ['b', 'a']) {
        await server.call('PERSIST', bucketOf(limit))
        await took(store, charge(subject, limit))
        expect(Number(await server.call('PTTL', bucketOf(limit)))).toBeGreaterThan(0)
      }
    }
  })

  test('a bucket expires with its latest state, also when the clock steps back', async () => {
    const clock = fakeClock(Date.UTC(2026, 10, 22, 12, 30))
    const store = own({ clock })
    await took(store, charge('a', SLIDING))
    const before = Number(await server.call('PTTL', bucketOf(SLIDING)))
    clock.set(clock.now() - HOUR)
    await took(store, charge('b', SLIDING))
    expect(Number(await server.call('PTTL', bucketOf(SLIDING)))).toBeGreaterThan(before - 60_000)
  })
})

describe('a sweep', () => {
  const fill = (store: Store, limit: Limit, subjects: number, from = 0): Promise<unknown> =>
    Promise.all(Array.from({ length: subjects }, (_, i) => took(store, charge(`user-${from + i}`, limit, 3))))

  test.each(WINDOWS)('removes expired entries, and no others: $algorithm', async (limit) => {
    const clock = fakeClock(Date.UTC(2026, 10, 22, 12, 10))
    const store = own({ clock })
    for (let hour = 0; hour < 40; hour++) {
      await fill(store, limit, 100, 100 * hour)
      const now = await used(store, `user-${100 * hour}`, limit)
      const before = await used(store, `user-${100 * hour - 1}`, limit)
      expect([now, before]).toEqual([3, limit === FIXED || hour === 0 ? 0 : 3])
      // Two windows count, and a third may still be stored.
      expect(Number(await server.call('HLEN', bucketOf(limit)))).toBeLessThanOrEqual(301)
      clock.set(clock.now() + HOUR)
    }
  })

  test('of a large hash goes on with each charge', async () => {
    const clock = fakeClock(Date.UTC(2026, 10, 22, 12, 10))
    const store = own({ clock })
    await fill(store, FIXED, 3_000)
    const key = bucketOf(FIXED)
    expect(await server.call('OBJECT', 'ENCODING', key)).toBe('hashtable')
    clock.set(clock.now() + HOUR)
    await took(store, charge('new', FIXED))
    expect(await server.call('HGET', key, '.')).toMatch(/^\d+:\d+:\d+$/)
    const most = Number(await server.call('HLEN', key))
    expect(most).toBeGreaterThan(2_000)
    const more = async (from: number, to: number): Promise<void> => {
      for (let i = from; i < to; i++) await took(store, charge(`more-${i}`, FIXED))
    }
    await more(0, 10)
    // Written while the clock is back, some entries behind the sweep. They must not count in a later window.
    const back = Array.from({ length: 6 }, (_, i) => `back-${i}`)
    clock.set(clock.now() - HOUR)
    await Promise.all(back.map((subject) => took(store, charge(subject, FIXED))))
    clock.set(clock.now() + HOUR)
    expect(await server.call('HGET', key, '.')).toMatch(/^\d+:\d+:\d+$/)
    await more(10, 60)
    expect(await server.call('HGET', key, '.')).toMatch(/^\d+$/)
    expect(Number(await server.call('HLEN', key))).toBeLessThanOrEqual(68)
    expect(await Promise.all(back.map((subject) => used(store, subject, FIXED)))).toEqual(back.map(() => 0))
    expect([await used(store, 'new', FIXED), await used(store, 'more-0', FIXED)]).toEqual([1, 1])
  })
})

describe('a hash that another program changed', () => {
  const garbage = [
    '?',
    '',
    'nan',
    'inf',
    '-inf',
    '1e400',
    '1:2:x',
    '-1',
    '12:',
    '1.5',
    '{}',
    '9007199254740993',
    '1:2',
    '1:2:3:4',
    '9007199254740991:1:1',
  ]

  test('trap: a wrong-type value counts as absent, is overwritten and reported', async () => {
    const store = own()
    const events = eventsOf(store)
    for (const limit of WINDOWS) {
      for (const spoil of [
        ['LPUSH', bucketOf(limit), 'x'],
        ['SET', bucketOf(limit), 'x'],
      ] as const) {
        await server.call('DEL', bucketOf(limit))
        await server.call(...(spoil as [string, string, string]))
        expect(await used(store, 'a', limit)).toBe(0)
        expect(await Promise.all(['a', 'b'].map((subject) => took(store, charge(subject, limit))))).toMatchObject([
          { remaining: 9 },
          { remaining: 9 },
        ])
        expect(await server.call('TYPE', bucketOf(limit))).toBe('hash')
        await server.call('DEL', bucketOf(limit))
        await server.call(...(spoil as [string, string, string]))
        await store.reset([charge('a', limit)])
        expect(await server.call('EXISTS', bucketOf(limit))).toBe(0)
      }
    }
    expect(new Set(events.map((event) => 'code' in event && event.code))).toEqual(new Set(['ANOMALY_STATE_UNREADABLE']))
  })

  test('trap: a garbage entry counts as absent, is overwritten and reported; so do all entries under a garbage header', async () => {
    const store = own()
    const events = eventsOf(store)
    for (const limit of WINDOWS) {
      const key = bucketOf(limit)
      for (const value of garbage) {
        await store.reset([charge('1', limit), charge('2', limit)])
        await took(store, charge('1', limit))
        await took(store, charge('2', limit))
        await server.call('HSET', key, '1', value)
        expect([value, await took(store, charge('1', limit)), await used(store, '2', limit)]).toMatchObject([value, { remaining: 9 }, 1])
        await server.call('HSET', key, '.', value)
        expect([value, await used(store, '1', limit), (await took(store, charge('2', limit))).remaining]).toEqual([value, 0, 9])
        expect(Number(await server.call('HLEN', key))).toBe(2)
      }
      await server.call('HDEL', key, '.')
      expect(await took(store, charge('2', limit))).toMatchObject({ remaining: 9 })
    }
    expect(events.length).toBeGreaterThan(4 * garbage.length)
    expect(new Set(events.map((event) => 'code' in event && event.code))).toEqual(new Set(['ANOMALY_STATE_UNREADABLE']))
  })
})

describe('a failing decision leaves nothing behind', () => {
  test('trap: out of memory is an error of the store, not of the application', async () => {
    const store = own()
    await took(store, charge('a', SLIDING))
    try {
      await server.call('CONFIG', 'SET', 'maxmemory', '1')
      for (const subject of ['a', 'b'])
        expect(await failure(took(store, charge(subject, SLIDING)))).toMatchObject({
          code: 'ERR_STORE_UNAVAILABLE',
          answer: 'oom',
          unknown: false,
        })
      expect([await used(store, 'a', SLIDING), await used(store, 'b', SLIDING)]).toEqual([1, 0])
    } finally {
      await server.call('CONFIG', 'SET', 'maxmemory', '0')
    }
    expect(await took(store, charge('a', SLIDING))).toMatchObject({ remaining: 8 })
  })

  for (const denied of ['-hset', '-pexpireat', '-pttl', '-set', '-hmget']) {
    test(`with a command that is denied: ${denied}`, async () => {
      const all = own()
      await took(all, charge('old', FIXED))
      const some = await as(denied)
      // Otherwise the bucket has its expiry, and no denied command is sent.
      await server.call('PERSIST', bucketOf(FIXED))
      // A bucket that exists and one that does not, with a separate key beside them, in both orders, on the fast path too.
      const mixed = [charge('old', FIXED), charge('old', SLIDING), charge('old', BUCKET)]
      for (const asked of [mixed, mixed.toReversed(), [charge('old', FIXED), charge('old', BUCKET)]])
        for (const options of [undefined, { how: 'force' } as const])
          expect(await failure(take(some, asked, options))).toMatchObject({ answer: 'noperm', unknown: false })
      expect([await used(all, 'old', FIXED), await used(all, 'old', SLIDING), await used(all, 'old', BUCKET)]).toEqual([1, 0, 0])
      // The next charge sets the expiry again.
      await took(all, charge('old', FIXED))
    })
  }

  test('a denied reset ends its batch at that place', async () => {
    const some = await as('-hdel')
    await took(some, charge('a', FIXED))
    const asked = [
      took(some, charge('a', FIXED)),
      failure(some.reset([charge('a', FIXED)])),
      failure(take(some, charge('b', FIXED), { how: 'force' })),
    ]
    expect(await Promise.all(asked)).toMatchObject([{ remaining: 8 }, { answer: 'noperm' }, { answer: 'noperm' }])
    expect([await used(some, 'a', FIXED), await used(some, 'b', FIXED)]).toEqual([2, 0])
  })
})

describe('options', () => {
  const refused: readonly [unknown, string, string][] = [
    [true, 'ERR_OPTION_INVALID', 'redisStore: packed: expected { subjects }, got true'],
    [null, 'ERR_OPTION_INVALID', 'redisStore: packed: expected { subjects }, got null'],
    [{}, 'ERR_OPTION_INVALID', 'redisStore: packed.subjects: expected a whole number, 1 to 10000000000, got undefined'],
    [{ subjects: 0 }, 'ERR_OPTION_INVALID', 'got 0'],
    [{ subjects: 1.5 }, 'ERR_OPTION_INVALID', 'got 1.5'],
    [{ subjects: '10' }, 'ERR_OPTION_INVALID', 'got the string "10"'],
    [{ subjects: 1e11 }, 'ERR_OPTION_INVALID', 'got 100000000000'],
    [{ subjects: 1, secret: '' }, 'ERR_OPTION_INVALID', 'redisStore: packed.secret: expected a text that is not empty'],
    [{ subjects: 1, buckets: 1 }, 'ERR_OPTION_UNKNOWN', '"buckets" is not an option; expected one of subjects, secret'],
  ]
  test.each(refused)('%j is refused', (packed, code, message) => {
    expect(() => redisStore(server.client(), { packed } as RedisStoreOptions)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(message) }),
    )
  })

  test('a decision over two window limits of one policy is refused; over windows of several policies it is made', async () => {
    const store = own()
    const both = WINDOWS.map((limit) => chargeOf('a', limit))
    expect(await failure(take(store, both))).toMatchObject({
      code: 'ERR_PACKED_LIMITS',
      message: expect.stringContaining('expected one window limit a policy, got a decision over "fixed" and "sliding" of "p"'),
    })
    expect(await Promise.all(both.map((one) => took(store, one)))).toMatchObject([{ remaining: 9 }, { remaining: 9 }])
    const apart = WINDOWS.map((limit) => charge('a', limit))
    expect(await take(store, apart)).toMatchObject([{ remaining: 9 }, { remaining: 9 }])
    // A bucket is not packed, so a policy may have it beside its window.
    expect(await take(store, [chargeOf('a', FIXED), chargeOf('a', BUCKET)])).toMatchObject([{ remaining: 8 }, { remaining: 9 }])
  })

  test('scripting: false is refused beside packed', () => {
    expect(() => redisStore(server.client(), { packed: { subjects: 1 }, scripting: false })).toThrow(
      expect.objectContaining({ code: 'ERR_OPTION_CONFLICT', message: expect.stringContaining('packed: expected scripting') }),
    )
  })

  test('other partitions than those of the data are refused without migrate: true', async () => {
    await took(own(), charge('a', FIXED))
    const others: readonly [RedisStoreOptions, string][] = [
      [{ packed: undefined }, 'packed: expected 1 subjects under the secret with the fingerprint'],
      [{ packed: { subjects: 2 } }, 'packed: expected 1 subjects'],
      [{ packed: { subjects: 1, secret: 'other' } }, 'got 1 subjects under the secret with the fingerprint'],
      [{ partitions: 2 }, 'partitions: expected 1, with which the data under "sluice" was written, got 2'],
    ]
    for (const [options, message] of others)
      expect(await failure(took(own(options), charge('a', FIXED)))).toMatchObject({
        code: 'ERR_PARTITIONS_CHANGED',
        message: expect.stringContaining(message),
      })
    expect(JSON.stringify(await server.call('GET', 'sluice:{meta}'))).not.toContain('other')
    await took(own({ packed: { subjects: 2 }, migrate: true }), charge('a', FIXED))
    expect(await failure(took(own(), charge('a', FIXED)))).toMatchObject({ message: expect.stringContaining('expected 2 subjects') })
  })

  test('a hash that Redis would not keep packed: one warning', async () => {
    const name = 'hash-max-ziplist-entries'
    const [, before] = (await server.call('CONFIG', 'GET', name)) as [string, string]
    try {
      await server.call('CONFIG', 'SET', name, '128')
      const store = own()
      const events = eventsOf(store)
      await took(store, charge('a', FIXED))
      await expect.poll(() => events).toMatchObject([{ type: 'warning', code: 'WARN_PACKED_ENTRIES' }])
      const plain = rawStore({ url: server.url }, { prefix: 'plain' })
      const none = eventsOf(kept(plain))
      await took(plain, charge('a', FIXED))
      await took(store, charge('a', FIXED))
      expect([events.length, none]).toEqual([1, []])
    } finally {
      await server.call('CONFIG', 'SET', name, before)
    }
  })
})

test('packed states are read from a replica', async () => {
  const replica = await startRedis()
  try {
    await replica.call('REPLICAOF', server.host, String(server.port))
    await waitUntil('the replica to be in sync', async () =>
      /master_link_status:up/.test(String(await replica.call('INFO', 'replication'))),
    )
    const store = own()
    const charges = [...WINDOWS, BUCKET].flatMap((limit) => ['7', 'b'].map((subject) => charge(subject, limit, 4)))
    await take(store, charges)
    const read = new Replica(connect(replica.client()), keys)
    const seen = async (): Promise<readonly unknown[]> => (await read.peek(charges)).map((outcome) => outcome?.remaining)
    const expectRemaining = (remaining: readonly number[]) =>
      waitUntil('the replica to know', async () => JSON.stringify(await seen()) === JSON.stringify(remaining))
    await expectRemaining([6, 6, 6, 6, 6, 6])
    await server.call('SET', bucketOf(FIXED), 'x', 'PX', 10_000)
    await server.call('HSET', bucketOf(SLIDING), '7', 'x')
    await expectRemaining([10, 10, 10, 6, 6, 6])
  } finally {
    await replica.stop()
  }
})
