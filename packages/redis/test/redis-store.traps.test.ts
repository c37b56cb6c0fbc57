// Known faults of rate limiters on Redis, one by one, on a real server.
import { randomBytes } from 'node:crypto'
import { createLimiter, fixedWindow, type Limit, slidingLog, type Store, type StoreEvent, tokenBucket } from '@sluice/core'
import { type RedisClient } from '@sluice/redis'
import { type RedisServer, startRedis, ttlViolations } from '@sluice/testing/redis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CLOCK, FULL } from '../src/scripts/scripts.gen.ts'
import { charge, entryOf, failure, eventsOf, keptForTest, keyOf, SIX, take, TEN, took, used, scanAfterEach, rawStore } from './support.ts'

let server: RedisServer
const own = (): Store => kept(rawStore({ url: server.url }))

beforeAll(async () => {
  server = await startRedis()
})
const kept = keptForTest(() => server.call('FLUSHALL'))
afterAll(() => server.stop())
scanAfterEach(() => server.client())

/** No key lives longer than two of the longest windows here. */
async function expectExpiries(): Promise<void> {
  expect(await ttlViolations(server.client(), { bound: () => 120_000, ignore: (key) => key === 'sluice:{meta}' })).toEqual([])
}

describe('keys', () => {
  test('trap: a key without TTL blocks for ever', async () => {
    const store = own()
    const short = fixedWindow({ name: 'short', limit: 2, window: '20ms' }).limit
    for (const limit of [...SIX, short]) {
      const [taken] = await take(store, charge('a', limit, 1))
      await take(store, charge('a', limit, limit.algorithm === 'concurrency' ? 1 : 2))
      await take(store, charge('a', limit, limit.algorithm === 'concurrency' ? 1 : 11))
      await take(store, charge('b', limit, 1), { how: 'force' })
      await take(store, charge('c', limit, 1), { how: 'peek' })
      await take(store, { ...charge('a', limit, -1), receipt: taken?.receipt })
    }
    await Promise.all(
      Array.from({ length: 200 }, (_, i) =>
        take(
          store,
          SIX.map((limit) => charge(`s${i % 7}`, limit)),
        ),
      ),
    )
    await expectExpiries()
    expect(await server.call('PTTL', 'sluice:{meta}')).toBe(-1)
  })

  test('trap: a value without TTL gets one with the next charge', async () => {
    const store = own()
    for (const limit of SIX) {
      await took(store, charge('a', limit))
      await server.call('PERSIST', keyOf(charge('a', limit)))
      await took(store, charge('a', limit))
    }
    await expectExpiries()
  })

  test('trap: values without TTL: one batch gives one of them a TTL, and the next window all others', async () => {
    let now = Date.now()
    const store = kept(rawStore({ url: server.url }, { clock: { now: () => now } }))
    const windows = SIX.slice(0, 2).flatMap((limit) => ['a', 'b', 'c'].map((subject) => charge(subject, limit)))
    const keys = [...new Set(windows.map((one) => keyOf(one)))]
    const take = () => Promise.all(windows.map((one) => took(store, one)))
    const persistent = async () => {
      const left = await Promise.all(keys.map((key) => server.call('PTTL', key)))
      return left.filter((ms) => ms === -1).length
    }
    await take()
    for (const key of keys) await server.call('PERSIST', key)
    await take()
    expect([keys.length, await persistent()]).toEqual([3, 2])
    now += 120_000
    for (const outcome of await take()) expect(outcome).toMatchObject({ allowed: true, remaining: 9 })
    await expectExpiries()
  })

  test('trap: PX 0 or a negative expiry raises an error for the client over its limit', async () => {
    const store = own()
    const fast = tokenBucket({ name: 'fast', limit: 1000, window: 1 }).limit
    const tiny = fixedWindow({ name: 'tiny', limit: 1, window: 1 }).limit
    const asked = Array.from({ length: 400 }, (_, i) => take(store, charge('a', i % 2 === 0 ? fast : tiny)))
    for (const [outcome] of await Promise.all(asked)) expect(outcome?.retryAfter).toBeGreaterThanOrEqual(0)
    for (let i = 0; i < 100; i++) await take(store, [charge('a', fast), charge('b', tiny)])
    await expectExpiries()
  })

  test('trap: glob characters in a subject wipe other subjects on reset', async () => {
    const store = own()
    const plain = [
      '*',
      'a*',
      '?',
      '[a-z]',
      'ab',
      'a',
      '{}',
      '{a}',
      '}',
      ':',
      'a:b',
      'a:',
      '\n',
      'a\nb',
      '\0',
      'a\0b',
      '',
      ' ',
      '#',
      '##',
      '\\*',
    ]
    const long = ['x'.repeat(10_240), `${'x'.repeat(10_239)}y`]
    const odd = ['\uD800', '\uDC00', '\uFFFD', 'a\uD800', 'ü', 'u\u0308', '%', 'constructor', '__proto__']
    const subjects = [...plain, ...long, ...odd]
    await Promise.all(subjects.map((subject) => take(store, charge(subject, TEN, 3))))
    expect(await Promise.all(subjects.map((subject) => used(store, subject)))).toEqual(subjects.map(() => 3))
    for (const subject of subjects) {
      await store.reset([charge(subject)])
      // Only this subject was reset.
      expect([subject, await Promise.all(subjects.map((other) => used(store, other)))]).toEqual([
        subject,
        subjects.map((other) => (other === subject ? 0 : 3)),
      ])
      await take(store, charge(subject, TEN, 3))
    }
  })

  test('trap: a subject that looks like the hash of another is not it', async () => {
    const store = own()
    const long = 'x'.repeat(100)
    const hash = keyOf(charge(long)).split(':').at(-1) as string
    await take(store, charge(long, TEN, 5))
    expect([hash.startsWith('#'), await used(store, hash), await used(store, `#${hash}`)]).toEqual([true, 0, 0])
  })

  test('a reset of more subjects than a command may carry', async () => {
    const store = own()
    const charges = Array.from({ length: 1_000 }, (_, i) => charge(`s${i}`))
    await Promise.all(charges.map((one) => take(store, one)))
    await store.reset(charges)
    expect(await server.call('KEYS', '*')).toEqual(['sluice:{meta}'])
  })

  test('a decision over more keys than Lua can unpack', async () => {
    const outcomes = await take(
      own(),
      Array.from({ length: 9_000 }, (_, i) => charge(`s${i}`)),
    )
    expect(outcomes.filter(({ allowed, remaining }) => allowed && remaining === 9)).toHaveLength(9_000)
  })
})

describe('scripts', () => {
  test('trap: SCRIPT LOAD fails once at boot, the rejected promise is kept', async () => {
    const client = server.client()
    const calls: string[] = []
    let failing = 5
    const store = kept(
      rawStore(
        watched(client, (name) => {
          calls.push(name)
          if ((name === 'evalsha' || name === 'eval') && failing-- > 0) throw new Error('not now')
        }),
      ),
    )
    for (let i = 0; i < 5; i++) expect((await failure(take(store, charge('a')))).code).toBe('ERR_STORE_UNAVAILABLE')
    expect(await took(store, charge('a'))).toMatchObject({ allowed: true, remaining: 9 })
    expect(calls).not.toContain('script')
  })

  test('trap: NOSCRIPT after SCRIPT FLUSH, mid-flight', async () => {
    const store = own()
    const limit = fixedWindow({ name: 'many', limit: 300, window: '1m', anchor: 'first' }).limit
    let allowed = 0
    let running = true
    const flushing = (async () => {
      const client = server.client()
      while (running) await client.script('FLUSH')
    })()
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        for (let i = 0; i < 50; i++) if ((await took(store, charge('a', limit))).allowed) allowed += 1
      }),
    )
    running = false
    await flushing
    expect([allowed, await used(store, 'a', limit)]).toEqual([300, 300])
  })

  test('trap: vendor-only script flags', () => {
    expect([CLOCK, FULL].filter((text) => text.startsWith('#!'))).toEqual([])
  })

  test('trap: floats, written as 1.7000000001235e+15', async () => {
    const store = own()
    // A state with a time of 16 digits, and a count above 2^52.
    const limit = { ...fixedWindow({ name: 'huge', limit: 9_007_199_254_740_991, window: '1m', anchor: 'first' }).limit }
    await take(store, charge('a', limit, 9_007_199_254_740_000))
    expect(await took(store, charge('a', limit, 990))).toMatchObject({ allowed: true, remaining: 1 })
    expect(await took(store, charge('a', limit, 2))).toMatchObject({ allowed: false, remaining: 1 })
    const numbers = (of: Limit) => entryOf(server.client(), charge('a', of))
    expect((await numbers(limit))?.[1]).toBe(9_007_199_254_740_990)
    for (const each of SIX.filter(({ algorithm }) => algorithm.endsWith('Bucket'))) {
      const outcome = await took(store, charge('a', each))
      expect((await numbers(each))?.[0]).toBe(outcome.at + outcome.resetAfter * 1000)
    }
  })
})

describe('batches', () => {
  test('trap: a batch that reads all keys and then writes all: one subject repeated in it is admitted without end', async () => {
    const store = own()
    for (const limit of SIX) {
      const outcomes = await Promise.all(Array.from({ length: 64 }, () => took(store, charge('a', limit))))
      expect([limit.name, outcomes.filter(({ allowed }) => allowed).length]).toEqual([limit.name, 10])
    }
    const once = await take(
      store,
      Array.from({ length: 64 }, () => charge('b')),
    )
    expect(once.every(({ allowed }) => allowed)).toBe(false)
    expect(await used(store, 'b')).toBe(0)
  })

  test('trap: an error in the middle of a batch leaves half of it charged', async () => {
    // The user may write but not delete, so the reset fails in the middle of the batch.
    await server.call('ACL', 'SETUSER', 'writer', 'reset', 'on', '>pass', '~*', '+@all', '-del')
    const store = kept(rawStore({ url: server.url.replace('redis://', 'redis://writer:pass@') }))
    await took(store, charge('first'))
    const forced = { how: 'force' } as const
    const before = take(store, charge('a'), forced)
    const reset = failure(store.reset([charge('first')]))
    const after = [failure(take(store, charge('b'), forced)), failure(take(store, [charge('c'), charge('d')], forced))]
    expect((await before)[0]).toMatchObject({ allowed: true, remaining: 9 })
    const failed = await reset
    expect(failed).toMatchObject({ code: 'ERR_STORE_UNAVAILABLE', answer: 'noperm', unknown: false, shard: 'redis' })
    for (const one of await Promise.all(after)) expect(one).toMatchObject({ answer: 'noperm', unknown: false, batch: failed.batch })
    expect(await Promise.all(['first', 'a', 'b', 'c', 'd'].map((subject) => used(store, subject)))).toEqual([1, 1, 0, 0, 0])
  })

  test('trap: an error in the middle of a decision leaves half of it charged', async () => {
    const holders = SIX.find(({ algorithm }) => algorithm === 'concurrency')
    const url = server.url.replace('redis://', 'redis://writer:pass@')
    // Each command that the release or the acquisition of a holder needs, and the one that the charge beside it needs.
    for (const [denied, isRelease] of [
      ['zrem', true],
      ['set', true],
      ['zadd', false],
      ['pexpireat', false],
      ['set', false],
    ] as const) {
      await server.call('FLUSHALL')
      await server.call('ACL', 'SETUSER', 'writer', 'reset', 'on', '>pass', '~*', '+@all')
      const store = kept(rawStore({ url }))
      const held = await took(store, charge('a', holders))
      await server.call('ACL', 'SETUSER', 'writer', `-${denied}`)
      const other = isRelease ? { ...charge('a', holders, -1), receipt: held.receipt } : charge('a', holders)
      const failed = await failure(take(store, [charge('a'), other]))
      expect([denied, failed.answer, failed.unknown]).toEqual([denied, 'noperm', false])
      expect([denied, await used(store, 'a'), await used(store, 'a', holders)]).toEqual([denied, 0, 1])
    }
  })

  test('trap: a bad decision does not spoil its neighbours', async () => {
    const store = own()
    const log = SIX.find(({ algorithm }) => algorithm === 'slidingLog')
    const bucket = await took(store, charge('x', SIX[3]))
    const asked = [
      took(store, charge('a')),
      failure(take(store, { ...charge('a', log, -1), receipt: bucket.receipt })),
      failure(take(store, { ...charge('a', TEN, Number.NaN) })),
      failure(take(store, { ...charge('a', { ...TEN, window: 'day', timeZone: 'Nowhere/Atlantis' } as never) })),
      failure(take(store, { ...charge('a', { ...TEN, algorithm: 'none' } as never) })),
      took(store, charge('a')),
    ] as const
    const [first, ...rest] = await Promise.all(asked)
    expect(first).toMatchObject({ allowed: true, remaining: 9 })
    for (const bad of rest.slice(0, 4)) expect(bad).toBeInstanceOf(Error)
    expect(rest[4]).toMatchObject({ allowed: true, remaining: 8 })
  })
})

describe('state', () => {
  test('trap: a wrong-type value counts as absent and is overwritten', async () => {
    const store = own()
    for (const limit of SIX) {
      const one = charge(limit.name, limit)
      const key = keyOf(one)
      await server.call('LPUSH', key, 'x')
      expect((await take(store, one, { how: 'peek' }))[0]).toMatchObject({ allowed: true, remaining: 10 })
      expect(await took(store, one)).toMatchObject({ allowed: true, remaining: 9 })
      expect(await server.call('TYPE', key)).toBe(limit.algorithm === 'concurrency' ? 'zset' : 'string')
    }
    await expectExpiries()
  })

  test('trap: a garbage value counts as absent, is overwritten and reported', async () => {
    const store = own()
    const events = eventsOf(store)
    for (const limit of SIX) {
      for (const garbage of ['?', '', 'nan', 'inf', '-inf', '1e400', '1:2:x', '0x', '12:', '1.5', '{}', randomBytes(15), randomBytes(33)]) {
        const key = keyOf(charge('a', limit))
        await server.client().set(key, garbage)
        expect([limit.name, garbage, await took(store, charge('a', limit))]).toMatchObject([
          limit.name,
          garbage,
          { allowed: true, remaining: 9 },
        ])
      }
    }
    expect(events.length).toBeGreaterThan(60)
    expect(new Set(events.map((event) => 'code' in event && event.code))).toEqual(new Set(['ANOMALY_STATE_UNREADABLE']))
    await expectExpiries()
  })

  test('trap: out of memory is an error of the store, not of the application', async () => {
    const store = own()
    await took(store, charge('a'))
    try {
      await server.call('CONFIG', 'SET', 'maxmemory', '1')
      expect(await failure(took(store, charge('a')))).toMatchObject({ code: 'ERR_STORE_UNAVAILABLE', answer: 'oom', unknown: false })
      // Decisions that write nothing still work.
      expect(await used(store, 'a')).toBe(1)
    } finally {
      await server.call('CONFIG', 'SET', 'maxmemory', '0')
    }
    expect(await took(store, charge('a'))).toMatchObject({ remaining: 8 })
  })

  test('trap: eviction is a refund: one warning', async () => {
    try {
      await server.call('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru')
      const store = own()
      const events = eventsOf(store)
      await took(store, charge('a'))
      await expect.poll(() => events).toMatchObject([{ type: 'warning', code: 'WARN_EVICTION' }])
      await took(store, charge('a'))
      expect(events).toHaveLength(1)
      expect(eventsOf(store)).toHaveLength(1)
    } finally {
      await server.call('CONFIG', 'SET', 'maxmemory-policy', 'noeviction')
    }
  })

  /** The warnings of a store whose Redis user lacks CONFIG. */
  async function warningsWithout(...more: readonly string[]): Promise<readonly unknown[]> {
    const rules = ['reset', 'on', '>pass', '~sluice:*', '+evalsha', '+eval', '+get', '+mget', '+set', '+del', '+time', ...more]
    await server.call('ACL', 'SETUSER', 'plain', ...rules)
    const store = kept(rawStore({ url: server.url.replace('redis://', 'redis://plain:pass@') }))
    const events = eventsOf(store)
    expect(await took(store, charge('a'))).toMatchObject({ allowed: true })
    await store.reset([charge('a')])
    expect(await used(store, 'a')).toBe(0)
    return events.map((event) => 'code' in event && event.code)
  }

  test('a server that denies CONFIG is used without a warning', async () => {
    expect(await warningsWithout('+info')).toEqual([])
  })

  test('D10: where CONFIG is denied, INFO shows a policy that evicts', async () => {
    try {
      await server.call('CONFIG', 'SET', 'maxmemory-policy', 'volatile-lru')
      expect(await warningsWithout('+info')).toEqual(['WARN_EVICTION'])
    } finally {
      await server.call('CONFIG', 'SET', 'maxmemory-policy', 'noeviction')
    }
  })

  test('D10: a policy that neither CONFIG nor INFO shows is a warning', async () => {
    expect(await warningsWithout()).toEqual(['WARN_EVICTION_UNKNOWN'])
  })

  test('D10: a managed server without CONFIG shows its policy in INFO', async () => {
    const managed = await startRedis({
      args: ['--maxmemory', '3mb', '--maxmemory-policy', 'volatile-lru', '--rename-command', 'CONFIG', ''],
    })
    try {
      const store = rawStore({ url: managed.url })
      const events = eventsOf(store)
      await took(store, charge('a'))
      await expect.poll(() => events).toMatchObject([{ code: 'WARN_EVICTION', message: expect.stringContaining('volatile-lru') }])
      await store.close?.()
    } finally {
      await managed.stop()
    }
  })
})

describe('clocks', () => {
  const day = fixedWindow({ name: 'day', limit: 10, window: 'day', timeZone: 'Asia/Kathmandu' }).limit
  for (const hours of [-24 * 40, -25, -1, 1, 25, 24 * 40]) {
    test(`trap: client clocks decide: a clock that is ${hours} hours off`, async () => {
      const { now } = Date
      Date.now = () => now() + hours * 3_600_000
      try {
        const store = own()
        const asked = [...SIX, day].map(async (limit) => ({ limit, outcome: await took(store, charge('a', limit)) }))
        for (const { limit, outcome } of await Promise.all(asked)) {
          expect(Math.abs(outcome.at / 1000 - now())).toBeLessThan(5_000)
          expect([limit.name, outcome.allowed, outcome.remaining]).toEqual([limit.name, true, 9])
          expect(outcome.resetAfter).toBeLessThanOrEqual(limit === day ? 86_400_000 : 120_000)
        }
        const true_ = new Intl.DateTimeFormat('en', { timeZone: 'Asia/Kathmandu', timeStyle: 'medium', hourCycle: 'h23' })
        const [h = 0, m = 0, s = 0] = true_.format(now()).split(':').map(Number)
        const left = 86_400_000 - ((h * 60 + m) * 60 + s) * 1000
        // Other charges in the batch have windows of the wrong day too.
        const crowd = await Promise.all(Array.from({ length: 200 }, (_, i) => took(store, charge(`s${i}`, day))))
        for (const outcome of crowd) expect(Math.abs(outcome.resetAfter - left)).toBeLessThan(5_000)
      } finally {
        Date.now = now
      }
      expect(await ttlViolations(server.client(), { bound: () => 2 * 86_400_000, ignore: (key) => key.endsWith('{meta}') })).toEqual([])
    })
  }
})

test('a log that gives back fewer units than were asked for shows when the next unit is free', async () => {
  let now = Date.now()
  const store = kept(rawStore({ url: server.url }, { clock: { now: () => now } }))
  const log = slidingLog({ name: 'log', limit: 4, window: '1s' }).limit
  for (let i = 0; i < 2; i++) await took(store, charge('a', log))
  now += 1
  await took(store, charge('a', log))
  const [forced] = await take(store, charge('a', log, 3), { how: 'force' })
  await take(store, charge('a', log, 3), { how: 'force' })
  // The entry has three units. Five are left, so both units of the first instant must leave.
  expect(await took(store, { ...charge('a', log, -4), receipt: forced?.receipt })).toMatchObject({
    granted: -3,
    remaining: 0,
    nextAfter: 999,
  })
})

describe('the client', () => {
  test('trap: instanceof Redis with two copies of ioredis', async () => {
    const plain = server.client()
    const store = kept(rawStore(watched(plain, () => undefined)))
    expect(await took(store, charge('a'))).toMatchObject({ remaining: 9 })
    const { callBuffer, get, set, on, once, off, disconnect, quit } = plain
    const bare = { callBuffer, get, set, on, once, off, disconnect, quit }
    const shape = { ...Object.fromEntries(Object.entries(bare).map(([name, f]) => [name, f.bind(plain)])), status: 'ready', options: {} }
    expect(await took(kept(rawStore(shape as unknown as RedisClient)), charge('a'))).toMatchObject({ remaining: 8 })
  })

  test('trap: a client that repeats commands that may have run: one warning', async () => {
    const store = kept(rawStore(server.client()))
    const events = eventsOf(store)
    await took(store, charge('a'))
    expect(events).toHaveLength(1)
    expect(events[0]).toMatchObject({
      type: 'warning',
      code: 'WARN_CLIENT_RETRIES',
      message: expect.stringContaining('set enableOfflineQueue: false, autoResendUnfulfilledCommands: false, maxRetriesPerRequest: 0'),
    })
    const warnings: StoreEvent[] = []
    const limiter = createLimiter({
      name: 'retries',
      limits: [tokenBucket({ name: 'a', limit: 1, window: '1s' })],
      store,
      on: { warning: (event) => warnings.push(event) },
    })
    await limiter.consume('a')
    const message = expect.stringContaining((events[0] as { message: string }).message)
    expect(warnings).toEqual([{ type: 'warning', code: 'WARN_CLIENT_RETRIES', message }])
    const safe = { enableOfflineQueue: false, autoResendUnfulfilledCommands: false, maxRetriesPerRequest: 0 }
    expect(eventsOf(kept(rawStore(server.client(safe))))).toEqual([])
    expect(eventsOf(own())).toEqual([])
  })

  test('a URL with unsafe settings: a warning too', () => {
    expect(eventsOf(kept(rawStore({ url: `${server.url}?maxRetriesPerRequest=20` })))).toMatchObject([{ code: 'WARN_CLIENT_RETRIES' }])
  })

  test("the client's keyPrefix stands before the prefix", async () => {
    const store = kept(rawStore(server.client({ keyPrefix: 'app:' })))
    expect(await took(store, charge('a'))).toMatchObject({ remaining: 9 })
    expect(await took(store, charge('a'))).toMatchObject({ remaining: 8 })
    expect(((await server.call('KEYS', '*')) as string[]).toSorted()).toEqual([`app:${keyOf(charge('a'))}`, 'app:sluice:{meta}'].toSorted())
    await store.reset([charge('a')])
    expect(await used(store, 'a')).toBe(0)
  })

  test('a client that returns numbers as text', async () => {
    const store = kept(rawStore(server.client({ stringNumbers: true })))
    expect(
      await take(
        store,
        SIX.map((limit) => charge('a', limit)),
      ),
    ).toMatchObject(SIX.map(() => ({ allowed: true, remaining: 9 })))
  })
})

/** A client like that of another copy of ioredis: without a prototype that this copy knows. Records every call. */
function watched(client: object, seen: (name: string) => void): RedisClient {
  return new Proxy({} as RedisClient, {
    get(_, name) {
      const value: unknown = Reflect.get(client, name)
      if (typeof value !== 'function') return value
      return (...args: unknown[]) => {
        seen(name === 'callBuffer' ? String(args[0]) : String(name))
        return (value as (...args: unknown[]) => unknown).apply(client, args)
      }
    },
  })
}
