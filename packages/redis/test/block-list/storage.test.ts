// A block list in Redis: its keys and their bounds, changes that are missing, and a server that is away or full.
import { setTimeout as sleep } from 'node:timers/promises'
import { type BlockList, blockList, type BlockStorage } from '@sluice/blocklist'
import { redisBlockStorage, type RedisSource } from '@sluice/redis'
import { blockRule, fakeClock, strikeReport } from '@sluice/testing'
import { type RedisServer, startRedis, tcpProxy, waitUntil } from '@sluice/testing/redis'
import type { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'

const TAG = '{sluice:blocks}'
const byHand = { kind: 'subject', effect: 'refuse', reason: '', maxEntries: 100_000 } as const

let server: RedisServer
let admin: Redis
beforeAll(async () => {
  server = await startRedis()
  admin = server.client()
})
beforeEach(() => admin.flushall())
afterAll(() => server.stop())

const storage = (): BlockStorage => redisBlockStorage(admin)

async function listed(redis: RedisSource, warnings: string[] = []): Promise<BlockList> {
  const list = blockList({ storage: redisBlockStorage(redis), on: { warning: ({ code }) => warnings.push(code) } })
  onTestFinished(() => list.close())
  await list.ready()
  return list
}

const isBlocked = (list: BlockList, subject: string): boolean => list.check(subject, undefined) !== undefined

describe('keys', () => {
  test('all have one hash tag and an expiry, and those of a subject expire by themselves', async () => {
    await storage().report([strikeReport('a'), strikeReport('b', { strikes: 1 })], blockRule())
    await storage().revisionAge('shop', 1)
    const keys = (await admin.keys('*')).toSorted()
    expect(keys).toEqual(['changes', 'ends', 'entries', 'level:s:a', 'revisions', 'shared', 'strikes:s:b'].map((name) => `${TAG}:${name}`))
    const ttls = Object.fromEntries(await Promise.all(keys.map(async (key) => [key.slice(TAG.length + 1), await admin.pttl(key)] as const)))
    expect(ttls['strikes:s:b']).toBeLessThanOrEqual(120_000)
    expect(ttls['level:s:a']).toBeLessThanOrEqual(86_400_000 + 60_000)
    for (const name of ['changes', 'ends', 'entries', 'shared']) {
      expect(ttls[name]).toBeGreaterThan(86_400_000)
      expect(ttls[name]).toBeLessThanOrEqual(86_400_000 + 60_000)
    }
    expect(ttls['revisions']).toBeGreaterThan(0)
  })

  test('with an entry without an end, the list has no expiry; without it, it has one again', async () => {
    await storage().put({ ...byHand, name: 'a', effect: 'allow', duration: Infinity })
    expect(await admin.pttl(`${TAG}:entries`)).toBe(-1)
    await storage().put({ ...byHand, name: 'b', duration: 60_000 })
    expect(await admin.pttl(`${TAG}:ends`)).toBe(-1)
    await storage().remove({ kind: 'subject', name: 'a' }, 'allow')
    expect(await admin.pttl(`${TAG}:entries`)).toBeGreaterThan(0)
  })

  test('are small: 250 bytes for the strikes of a subject, 350 for an entry', async () => {
    const size = async (): Promise<number> => Number(/used_memory:(\d+)/.exec(await admin.info('memory'))?.[1])
    const names = Array.from({ length: 2_000 }, (_, i) => `203.0.${113 + (i >> 8)}.${i & 255}/32`)
    const reports = names.map((name) => strikeReport(name, { kind: 'address', strikes: 1 }))
    const before = await size()
    await storage().report(reports, blockRule())
    const counted = await size()
    expect((counted - before) / names.length).toBeLessThan(350)
    await storage().report(reports, blockRule({ strikes: 2, maxPerMinute: 10_000, maxEntries: 10_000 }))
    expect(await admin.hlen(`${TAG}:entries`)).toBe(2_000)
    expect(((await size()) - counted) / names.length).toBeLessThan(600)
  })

  test('what has ended is removed by the next that writes', async () => {
    const clock = fakeClock()
    const one = redisBlockStorage(admin, { clock })
    for (let i = 0; i < 30; i++) await one.put({ ...byHand, name: `a${i}`, duration: 1_000 })
    clock.advance(1_000)
    expect((await one.load()).records).toEqual([])
    expect(await admin.hlen(`${TAG}:entries`)).toBe(30)
    await one.put({ ...byHand, name: 'b', duration: 1_000 })
    expect([await admin.hlen(`${TAG}:entries`), await admin.zcard(`${TAG}:ends`)]).toEqual([1, 1])
    expect(await admin.xlen(`${TAG}:changes`)).toBe(31)
  })

  test('a list of many pages is read whole, while it changes', async () => {
    for (let i = 0; i < 25; i++) {
      await Promise.all(Array.from({ length: 100 }, (_, j) => storage().put({ ...byHand, name: `a${i * 100 + j}`, duration: 600_000 })))
    }
    const writing = (async () => {
      for (let i = 0; i < 200; i++) {
        await storage().put({ ...byHand, name: `b${i}`, duration: 600_000 })
        await storage().remove({ kind: 'subject', name: `a${i}` }, 'block')
      }
    })()
    const list = await listed({ url: server.url })
    await writing
    await waitUntil('the last change', () => isBlocked(list, 'b199') && !isBlocked(list, 'a199'))
    expect(list.health().active.refuse).toBe(2_500)
  })

  test('under a key prefix, and under another key, apart', async () => {
    const prefixed = redisBlockStorage(server.client({ keyPrefix: 'app:' }))
    await prefixed.put({ ...byHand, name: 'a', duration: 60_000 })
    expect(await admin.exists(`app:${TAG}:entries`)).toBe(1)
    expect((await storage().load()).records).toEqual([])
    expect((await redisBlockStorage(admin, { key: 'other' }).load()).records).toEqual([])
    expect((await prefixed.load()).records).toHaveLength(1)
  })

  test('a text that somebody else wrote is no entry', async () => {
    await storage().put({ ...byHand, name: 'a', duration: 60_000 })
    await admin.hset(`${TAG}:entries`, 's:x', 'nonsense', 's:y', '', 'z', 'refuse manual 1 inf 0 - ')
    expect((await storage().load()).records.map(({ name }) => name)).toContain('a')
    expect((await storage().load()).records.map(({ name }) => name)).not.toContain('x')
    expect(await storage().put({ ...byHand, name: 'x', duration: 60_000 })).toMatchObject({ name: 'x' })
  })
})

describe('changes', () => {
  test('arrive in milliseconds', async () => {
    const list = await listed({ url: server.url })
    const times: number[] = []
    for (let i = 0; i < 40; i++) {
      const begin = performance.now()
      await storage().put({ ...byHand, name: `a${i}`, duration: 60_000 })
      while (!isBlocked(list, `a${i}`)) {
        if (performance.now() - begin > 10_000) throw new Error('waited 10 s')
        await sleep(1)
      }
      times.push(performance.now() - begin)
    }
    // A pause after each reading would take 500 ms.
    expect(times.toSorted((a, b) => a - b)[20]).toBeLessThan(400)
  })

  test('that the stream no longer has are read from the entries', async () => {
    const proxy = await tcpProxy(server)
    onTestFinished(() => proxy.close())
    const list = await listed({ url: `redis://${proxy.host}:${proxy.port}` })
    await storage().put({ ...byHand, name: 'old', duration: 60_000 })
    await waitUntil('the first', () => isBlocked(list, 'old'))
    await proxy.refuse(true)
    proxy.cut()
    await storage().put({ ...byHand, name: 'a', duration: 60_000 })
    await storage().remove({ kind: 'subject', name: 'old' }, 'block')
    await admin.xtrim(`${TAG}:changes`, 'MAXLEN', 0)
    await proxy.refuse(false)
    await waitUntil('both changes', () => isBlocked(list, 'a') && !isBlocked(list, 'old'))
  })

  test('one in the middle of which was deleted are read from the entries', async () => {
    const one = storage()
    const { cursor } = await one.load()
    await one.put({ ...byHand, name: 'a', duration: 60_000 })
    await one.put({ ...byHand, name: 'b', duration: 60_000 })
    await one.put({ ...byHand, name: 'c', duration: 60_000 })
    const [, second] = await admin.xrange(`${TAG}:changes`, '-', '+')
    await admin.xdel(`${TAG}:changes`, second![0])
    await one.watch(cursor, () => undefined, AbortSignal.timeout(10_000))
  })
})

describe('a server that is away', () => {
  test('the last list stands, a warning says so, and what was missed comes', async () => {
    const proxy = await tcpProxy(server)
    onTestFinished(() => proxy.close())
    const warnings: string[] = []
    const list = await listed({ url: `redis://${proxy.host}:${proxy.port}` }, warnings)
    await storage().put({ ...byHand, name: 'a', duration: 600_000 })
    await waitUntil('the entry', () => isBlocked(list, 'a'))
    await proxy.refuse(true)
    proxy.cut()
    await waitUntil('the list to be away', () => list.health().storage === 'away')
    await storage().put({ ...byHand, name: 'b', duration: 600_000 })
    expect([isBlocked(list, 'a'), isBlocked(list, 'b')]).toEqual([true, false])
    await proxy.refuse(false)
    await waitUntil('the missed change', () => isBlocked(list, 'b'))
    await waitUntil('both warnings', () => warnings.length === 2)
    expect(warnings).toEqual(['WARN_BLOCKS_AWAY', 'WARN_BLOCKS_BACK'])
  })

  test('that lost its data: what is known stays until it ends', async () => {
    const list = await listed({ url: server.url })
    await storage().put({ ...byHand, name: 'a', duration: 600_000 })
    await storage().put({ ...byHand, name: 'b', duration: 1_000 })
    await waitUntil('the entries', () => isBlocked(list, 'b'))
    await admin.flushall()
    await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
    await waitUntil('the list to read the empty server', async () => String(await admin.client('LIST')).includes('cmd=xread'))
    expect(isBlocked(list, 'a')).toBe(true)
    await waitUntil('the end of the other', () => !isBlocked(list, 'b'))
    await storage().put({ ...byHand, name: 'c', duration: 600_000 })
    await waitUntil('the next entry', () => isBlocked(list, 'c'))
  })

  test('that is full writes nothing in part', async () => {
    await storage().put({ ...byHand, name: 'a', duration: 60_000 })
    const before = [await admin.hgetall(`${TAG}:entries`), await admin.xlen(`${TAG}:changes`)]
    await admin.config('SET', 'maxmemory', '1')
    onTestFinished(() => void admin.config('SET', 'maxmemory', '0'))
    await expect(storage().put({ ...byHand, name: 'b', duration: 60_000 })).rejects.toThrow(/OOM/)
    await expect(storage().report([strikeReport('c')], blockRule())).rejects.toThrow(/OOM/)
    await admin.config('SET', 'maxmemory', '0')
    expect([await admin.hgetall(`${TAG}:entries`), await admin.xlen(`${TAG}:changes`)]).toEqual(before)
  })

  test('whose keys have another type says so', async () => {
    await admin.set(`${TAG}:changes`, 'text')
    await expect(storage().put({ ...byHand, name: 'b', duration: 60_000 })).rejects.toThrow('WRONGTYPE')
    expect(await admin.exists(`${TAG}:entries`)).toBe(0)
  })
})

test('a closed list leaves no connection behind', async () => {
  const clients = async (): Promise<number> =>
    String(await admin.client('LIST'))
      .trim()
      .split('\n').length
  const before = await clients()
  const list = blockList({ storage: redisBlockStorage({ url: server.url }) })
  await list.ready()
  await waitUntil('one that asks and one that waits', async () => (await clients()) === before + 2)
  await list.close()
  await waitUntil('none', async () => (await clients()) === before)
})

test.each([
  [() => redisBlockStorage(admin, { key: 'a{b}' }), 'redisBlockStorage: key: expected 1 to 64 letters, digits, _ . : or -'],
  [() => redisBlockStorage(admin, { interval: 1 }), 'redisBlockStorage: interval: expected milliseconds, at least 50, got 1'],
  [() => redisBlockStorage(admin, { keys: 1 } as never), '"keys" is not an option; use key'],
  [() => redisBlockStorage({} as never), 'expected a client of ioredis'],
])('a mistake is refused', (make, message) => {
  expect(make).toThrow(message)
})
