// The keys of states, and the options of redisStore().
import { fixedWindow, systemClock } from '@sluice/core'
import { redisStore, type RedisSource, type RedisStoreOptions } from '@sluice/redis'
import { type RedisServer, startRedis } from '@sluice/testing/redis'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { charge, failure, eventsOf, keyOf, SIX, take, TEN, took, used, scanAfterEach, rawStore } from './support.ts'

let server: RedisServer
beforeAll(async () => {
  server = await startRedis()
})
afterEach(() => server.call('FLUSHALL'))
afterAll(() => server.stop())
scanAfterEach(() => server.client())

const kept = (options?: RedisStoreOptions) =>
  rawStore(server.client({ enableOfflineQueue: false, autoResendUnfulfilledCommands: false, maxRetriesPerRequest: 0 }), options)

describe('keys', () => {
  test('are <prefix>:{<tag>}:<policy>:<subject>, with a key of their own for logs and holders', async () => {
    const store = kept({ prefix: 'my.app:1' })
    await take(
      store,
      SIX.map((limit) => charge('alice', limit)),
    )
    const keys = ((await server.call('KEYS', '*')) as string[]).filter((key) => key !== 'my.app:1:{meta}')
    const tag = /\{\d+\}/.exec(keys[0] as string)?.[0] as string
    const parts = ['p', 'p+log.sl60s', 'p+concurrency.cc']
    expect(keys.toSorted()).toEqual(parts.map((part) => `my.app:1:${tag}:${part}:alice`).toSorted())
    expect(new Set(SIX.map((limit) => keyOf(charge('alice', limit), 'my.app:1')))).toEqual(new Set(keys))
  })

  test('stores with another prefix share nothing', async () => {
    const [one, two] = [kept({ prefix: 'one' }), kept({ prefix: 'two' })]
    await took(one, charge('a'))
    expect(await used(two, 'a')).toBe(0)
  })

  test('another window is another state, another limit is not', async () => {
    const store = kept()
    await take(store, charge('a', TEN, 3))
    expect(await used(store, 'a', { ...TEN, limit: 5 })).toBe(3)
    expect(await used(store, 'a', { ...TEN, window: 61_000 })).toBe(0)
  })
})

describe('partitions', () => {
  test('other partitions than those of the data are refused without migrate: true', async () => {
    await took(kept(), charge('a'))
    const other = kept({ partitions: 32 })
    for (let i = 0; i < 2; i++) {
      expect(await failure(took(other, charge('a')))).toMatchObject({
        code: 'ERR_PARTITIONS_CHANGED',
        message: expect.stringContaining('expected 16, with which the data under "sluice" was written, got 32'),
      })
    }
    await took(kept({ partitions: 32, migrate: true }), charge('a'))
    expect(await server.call('GET', 'sluice:{meta}')).toBe('32')
    await took(other, charge('a'))
    expect(await failure(took(kept(), charge('a')))).toMatchObject({ code: 'ERR_PARTITIONS_CHANGED' })
  })

  test('a number of partitions that cannot be read counts as absent, is overwritten and reported', async () => {
    for (const spoil of [
      ['SET', 'sluice:{meta}', 'what'],
      ['SET', 'sluice:{meta}', '3'],
      ['SET', 'sluice:{meta}', '2048'],
      ['LPUSH', 'sluice:{meta}', '16'],
    ] as const) {
      await server.call('DEL', 'sluice:{meta}')
      await server.call(...(spoil as [string, string, string]))
      const store = kept()
      const events = eventsOf(store)
      expect(await took(store, charge('a'))).toMatchObject({ allowed: true })
      expect(events).toMatchObject([{ type: 'anomaly', code: 'ANOMALY_STATE_UNREADABLE' }])
      expect(await server.call('GET', 'sluice:{meta}')).toBe('16')
    }
  })
})

describe('options', () => {
  const refused: readonly [unknown, string, string][] = [
    [null, 'ERR_OPTION_INVALID', 'redisStore: expected an options object, got null'],
    [{ keyPrefix: 'a' }, 'ERR_OPTION_UNKNOWN', 'redisStore: "keyPrefix" is not an option; expected one of prefix'],
    [{ prefix: '' }, 'ERR_OPTION_INVALID', 'redisStore: prefix: expected 1 to 64 letters, digits, _ . : or -, got the string ""'],
    [{ prefix: '{a}' }, 'ERR_OPTION_INVALID', 'got the string "{a}"'],
    [{ prefix: 7 }, 'ERR_OPTION_INVALID', 'got 7'],
    [{ partitions: 3 }, 'ERR_OPTION_INVALID', 'redisStore: partitions: expected a power of two from 1 to 1024, got 3'],
    [{ partitions: '16' }, 'ERR_OPTION_INVALID', 'got the string "16"'],
    [{ partitions: 0 }, 'ERR_OPTION_INVALID', 'got 0'],
    [{ partitions: 0.5 }, 'ERR_OPTION_INVALID', 'got 0.5'],
    [{ partitions: 2_048 }, 'ERR_OPTION_INVALID', 'got 2048'],
    [{ migrate: 'yes' }, 'ERR_OPTION_INVALID', 'redisStore: migrate: expected true or false, got the string "yes"'],
    [{ scripting: 1 }, 'ERR_OPTION_INVALID', 'redisStore: scripting: expected true or false, got 1'],
    [{ clock: {} }, 'ERR_OPTION_INVALID', 'redisStore: clock: expected an object with a function now(), got an object'],
    [{ failover: { deadline: 0 } }, 'ERR_OPTION_INVALID', 'failover: deadline: expected 1 to 10000 ms, got 0'],
    [{ failover: true }, 'ERR_OPTION_INVALID', 'failover: expected an options object, got true'],
  ]
  for (const [options, code, message] of refused) {
    test(`${JSON.stringify(options)} is refused`, () => {
      expect(() => redisStore(server.client(), options as RedisStoreOptions)).toThrow(
        expect.objectContaining({ code, message: expect.stringContaining(message) }),
      )
    })
  }

  const sources: readonly [unknown, string, string][] = [
    [
      undefined,
      'ERR_OPTION_INVALID',
      'expected a client of ioredis, iovalkey, node-redis or valkey-glide, { url }, { sentinels, name } or { cluster }, got undefined',
    ],
    // The text is not shown, since it may have a password.
    [
      'redis://:secret@localhost',
      'ERR_OPTION_INVALID',
      'expected a client of ioredis, iovalkey, node-redis or valkey-glide, { url }, { sentinels, name } or { cluster }, got a string (',
    ],
    [{ host: 'localhost' }, 'ERR_OPTION_INVALID', '{ cluster }, got an object'],
    [{ url: 6379 }, 'ERR_OPTION_INVALID', 'expected { url } with a text such as redis://localhost:6379, got 6379'],
    [{ url: '' }, 'ERR_OPTION_INVALID', 'got the string ""'],
    [{ url: 'redis://localhost', password: 'x' }, 'ERR_OPTION_UNKNOWN', '"password" is not an option; expected one of url, options'],
    [{ sentinels: [], name: 'a' }, 'ERR_OPTION_INVALID', 'expected { sentinels } with at least one { host, port }, got an array of 0'],
    [{ sentinels: [{ host: 'a', port: 1 }] }, 'ERR_OPTION_INVALID', 'as the Sentinels have it, got undefined'],
    [{ cluster: [] }, 'ERR_OPTION_INVALID', 'expected { cluster } with at least one node, got an array of 0'],
    [{ cluster: 'a' }, 'ERR_OPTION_INVALID', 'expected { cluster } with at least one node, got a string'],
  ]
  for (const [source, code, message] of sources) {
    test(`the source ${JSON.stringify(source)} is refused`, () => {
      expect(() => rawStore(source as RedisSource)).toThrow(expect.objectContaining({ code, message: expect.stringContaining(message) }))
    })
  }

  test('the options object is not changed', async () => {
    const options = Object.freeze({ prefix: 'frozen', partitions: 4, clock: systemClock })
    expect(await took(kept(options), charge('a', fixedWindow({ name: 'x', limit: 1, window: '1m' }).limit))).toMatchObject({
      allowed: true,
    })
  })
})
