// Policy documents in Redis: what comes into force, and what a source on a broken server does.
import { setTimeout as sleep } from 'node:timers/promises'
import { redisSource, type RedisSourceOptions } from '@sluice/redis'
import { type RedisServer, startRedis, type TcpProxy, tcpProxy, waitUntil } from '@sluice/testing/redis'
import type { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { arrival, document, followed, holds, publish } from './support.ts'

const DOCUMENTS = '{sluice:policies}:documents'
const CHANGES = '{sluice:policies}:changes'

let server: RedisServer
let admin: Redis
beforeAll(async () => {
  server = await startRedis()
  admin = server.client()
})
beforeEach(() => admin.flushall())
afterAll(() => server.stop())

const where = (): { url: string } => ({ url: server.url })

/** Documents of Redis itself, behind the back of the script. */
const forge = (revision: number, text: string, cursor: string): Promise<unknown> =>
  admin.hset(DOCUMENTS, { shop: text, 'shop:revision': revision, ':cursor': cursor })

describe('what comes into force', () => {
  test('each document that is published, of each namespace', async () => {
    await publish(where(), 1)
    await publish(where(), 7, 'other')
    const { feed, codes, changes } = await followed(where())
    expect(feed.namespaces.toSorted()).toEqual(['other', 'shop'])
    for (const number of [2, 3, 9]) {
      await publish(where(), number)
      await holds({ feed, codes, changes, messages: [] }, number)
    }
    await publish(where(), 8, 'other')
    await holds({ feed, codes, changes, messages: [] }, 8, 'other')
    expect(changes.filter((number) => number < 7)).toEqual([1, 2, 3])
    expect(codes).toEqual([])
  })

  test('within a second, and usually in milliseconds', async () => {
    await publish(where(), 1)
    const one = await followed(where())
    const times = []
    for (let number = 2; number <= 41; number++) times.push(await arrival(one, where(), number))
    expect(times.toSorted((a, b) => a - b)[20]).toBeLessThan(1_000)
  })

  test('what was published between the load and the watch', async () => {
    await publish(where(), 1)
    const source = redisSource(where())
    onTestFinished(() => source.close?.())
    const { cursor } = await source.load(AbortSignal.timeout(10_000))
    await publish(where(), 2)
    await publish(where(), 3)
    await publish(where(), 1, 'other')
    const puts: string[] = []
    const end = new AbortController()
    const watching = source.watch(cursor, (event) => event.type === 'put' && puts.push(event.text), end.signal)
    await waitUntil('both documents', () => puts.length >= 2)
    expect(puts).toEqual([document(3), document(1, 'other')])
    end.abort()
    await watching
  })

  test('nothing from an empty Redis, and the first document as soon as it is there', async () => {
    const one = await followed(where(), {}, { fallback: [{ apiVersion: 'sluice/v1', namespace: 'shop', revision: 1 } as never] })
    expect(one.feed.health()).toMatchObject({ source: 'connected', namespaces: [{ from: 'fallback' }] })
    await publish(where(), 1)
    await waitUntil('the document', () => one.feed.health().namespaces[0]?.from === 'source')
  })

  test('documents under one key, and not those under another', async () => {
    await publish(where(), 1)
    const options: RedisSourceOptions = { key: 'other:policies' }
    await expect(followed(where(), options, { startTimeout: 300 })).rejects.toThrow('the source has none')
  })

  test('through a client with a key prefix, as it was published', async () => {
    const client = server.client({ keyPrefix: 'app:' })
    await publish(client, 1)
    const one = await followed(client)
    expect(await admin.exists(`app:${DOCUMENTS}`, `app:${CHANGES}`)).toBe(2)
    expect(await arrival(one, client, 2)).toBeLessThan(4_000)
  })
})

describe('what does not come into force', () => {
  test('a poisoned document; the next one does', async () => {
    await publish(where(), 1)
    const one = await followed(where())
    await publish(where(), 2, 'shop', document(2).replace('window: 1m', 'window: 60'))
    await waitUntil('the refusal', () => one.codes.includes('ERR_POLICY_INVALID'))
    expect(one.messages[0]).toMatch(/shop is no valid policy document[^]*line 7, column \d+: .*window: expected a text, got 60/)
    expect(one.feed.document('shop')?.revision).toBe(1)
    await publish(where(), 3)
    await holds(one, 3)
    expect(one.feed.health().problem).toBeUndefined()
  })

  test('the same document twice', async () => {
    await publish(where(), 1)
    const one = await followed(where())
    expect(await publish(where(), 1)).toBe(true)
    await publish(where(), 2)
    await holds(one, 2)
    expect(one.changes).toEqual([1, 2])
    expect(await admin.xlen(CHANGES)).toBe(2)
  })

  test('a lower revision, and another document of the same revision, that somebody wrote by hand', async () => {
    await publish(where(), 5)
    const one = await followed(where())
    await forge(4, document(4), '99999999999999-1')
    await waitUntil('the lower revision', () => one.codes.includes('WARN_POLICY_STALE'))
    await forge(5, document(5, 'shop', 99), '99999999999999-2')
    await waitUntil('the fork', () => one.codes.includes('ANOMALY_POLICY_FORK'))
    expect(one.feed.document('shop')?.policies?.[0]?.rules[0]?.limits?.[0]?.limit).toBe(5)
  })

  test('that there is no document any more', async () => {
    await publish(where(), 5)
    const one = await followed(where())
    await admin.flushall()
    await waitUntil('the warning', () => one.codes.includes('WARN_POLICY_MISSING'))
    expect(one.feed.document('shop')).toMatchObject({ revision: 5, policies: [{ name: 'api' }] })
    await publish(where(), 6)
    await holds(one, 6)
  })

  test('that the documents are gone, and their changes are not', async () => {
    await publish(where(), 5)
    const one = await followed(where())
    await admin.del(DOCUMENTS)
    await waitUntil('the warning', () => one.codes.includes('WARN_POLICY_MISSING'))
    expect(one.feed.document('shop')?.revision).toBe(5)
    await publish(where(), 6)
    await holds(one, 6)
  })

  test('that one of several is gone', async () => {
    await publish(where(), 5)
    await publish(where(), 1, 'other')
    const one = await followed(where())
    await admin.hdel(DOCUMENTS, 'other', 'other:revision')
    await publish(where(), 6)
    await holds(one, 6)
    await waitUntil('the warning', () => one.codes.length > 0)
    expect(one.codes).toEqual(['WARN_POLICY_MISSING'])
    expect(one.feed.document('other')?.revision).toBe(1)
  })

  test('that one of several is gone, while nothing else changes', async () => {
    await publish(where(), 5)
    await publish(where(), 1, 'other')
    const one = await followed(where())
    await admin.hdel(DOCUMENTS, 'other', 'other:revision')
    await waitUntil('the warning', () => one.codes.length > 0)
    expect(one.codes).toEqual(['WARN_POLICY_MISSING'])
    expect(one.feed.health().problem).toContain('other is gone from Redis')
    await publish(where(), 6)
    await holds(one, 6)
  })
})

describe('changes that are missing', () => {
  /** The kind of end that a watch from a cursor comes to. */
  async function watched(cursor: string | undefined): Promise<string> {
    const source = redisSource(where())
    onTestFinished(() => source.close?.())
    const end = new AbortController()
    const watching = source.watch(cursor, () => undefined, end.signal).then(() => 'loads again')
    const result = await Promise.race([watching, sleep(300).then(() => 'goes on')])
    end.abort()
    await watching
    return result
  }
  const cursorOf = async (): Promise<string> => (await admin.hget(DOCUMENTS, ':cursor')) ?? ''

  test('none', async () => {
    await publish(where(), 1)
    const first = await cursorOf()
    expect(await watched(first)).toBe('goes on')
    await publish(where(), 2)
    expect(await watched(first)).toBe('goes on')
  })

  test('the stream was trimmed', async () => {
    await publish(where(), 1)
    const first = await cursorOf()
    for (const number of [2, 3, 4]) await publish(where(), number)
    await admin.xtrim(CHANGES, 'MAXLEN', 1)
    expect(await watched(first)).toBe('loads again')
    await admin.del(CHANGES)
    expect(await watched(first)).toBe('loads again')
    expect(await watched(await cursorOf())).toBe('goes on')
  })

  test('the stream keeps a thousand changes', async () => {
    await publish(where(), 1)
    const first = await cursorOf()
    const client = server.client()
    for (let number = 2; number <= 1_002; number++) await publish(client, number, 'shop', 'a')
    expect(await admin.xlen(CHANGES)).toBe(1_000)
    expect(await watched(first)).toBe('loads again')
  })

  test('one in the middle was deleted', async () => {
    await publish(where(), 1)
    const first = await cursorOf()
    await publish(where(), 2)
    const second = await cursorOf()
    await publish(where(), 3)
    await admin.xdel(CHANGES, second)
    expect(await watched(first)).toBe('loads again')
  })

  test('the last ones were lost in a failover, and the ids begin again below', async () => {
    await publish(where(), 5)
    const one = await followed(where())
    // As a replica that had not received the last change, and whose clock is behind.
    await admin.flushall()
    await forge(4, document(4), '5-0')
    await admin.xadd(CHANGES, '5-0', 'namespace', 'shop', 'revision', '4', 'previous', '4-0')
    await waitUntil('the older document', () => one.codes.includes('WARN_POLICY_STALE'))
    expect(one.feed.document('shop')?.revision).toBe(5)
    await publish(where(), 6)
    await holds(one, 6)
  })
})

describe('a server that is away', () => {
  let proxy: TcpProxy
  beforeEach(async () => {
    proxy = await tcpProxy(server)
    onTestFinished(() => proxy.close())
  })
  const behind = (): { url: string } => ({ url: `redis://${proxy.host}:${proxy.port}` })

  test('at the start: the fallback holds, and Redis is found when it is there', async () => {
    await proxy.refuse(true)
    await expect(followed(behind(), {}, { startTimeout: 300 })).rejects.toThrow(/no document after 300 ms/)
    const one = await followed(
      behind(),
      {},
      { startTimeout: 300, fallback: [{ apiVersion: 'sluice/v1', namespace: 'shop', revision: 1 } as never] },
    )
    await waitUntil('the source to be away', () => one.feed.health().source === 'away')
    expect(one.messages[0]).toContain(
      'Redis ({sluice:policies}:documents) does not answer, so its last documents stay in force: the connection is not ready',
    )
    await publish(where(), 3)
    await proxy.refuse(false)
    await holds(one, 3)
    expect(one.feed.health()).toMatchObject({ source: 'connected', problem: undefined })
  })

  test('that flaps loses nothing', async () => {
    await publish(where(), 1)
    const one = await followed(behind())
    for (const number of [2, 3, 4]) {
      await proxy.refuse(true)
      proxy.cut()
      await publish(where(), number)
      await waitUntil('the source to be away', () => one.feed.health().source === 'away')
      expect(one.feed.document('shop')?.revision).toBe(number - 1)
      await proxy.refuse(false)
      await holds(one, number)
    }
    expect(one.changes).toEqual([1, 2, 3, 4])
  })

  test('whose connections are half-open is noticed', async () => {
    await publish(where(), 1)
    const one = await followed(behind())
    await sleep(200)
    proxy.makeHalfOpen()
    await publish(where(), 2)
    await holds(one, 2)
  })

  test('that lost its data, and has a document of another lineage', async () => {
    await publish(where(), 5)
    const one = await followed(where())
    await server.restart()
    await publish(where(), 2)
    await waitUntil('the lower revision', () => one.codes.includes('WARN_POLICY_STALE'))
    expect(one.feed.document('shop')?.revision).toBe(5)
    await publish(where(), 6)
    await holds(one, 6)
  })
})

test('a closed feed leaves no connection behind', async () => {
  const own = await startRedis()
  onTestFinished(() => own.stop())
  const client = own.client()
  await publish(client, 1)
  const clients = async (): Promise<readonly string[]> =>
    String(await client.client('LIST'))
      .trim()
      .split('\n')
  await waitUntil('no other connection', async () => (await clients()).length === 1)
  const { feed } = await followed({ url: own.url })
  await waitUntil('one that reads and one that waits', async () => (await clients()).length === 3)
  expect((await clients()).filter((line) => line.includes('cmd=xread'))).toHaveLength(1)
  await feed.close()
  await waitUntil('none', async () => (await clients()).length === 1)
})

test.each([
  [() => redisSource(where(), { key: 'a{b}' }), 'redisSource: key: expected 1 to 64 letters, digits, _ . : or -'],
  [() => redisSource(where(), { interval: 1 }), 'redisSource: interval: expected milliseconds, at least 50, got 1'],
  [() => redisSource(where(), { keys: 1 } as never), 'keys'],
  [() => redisSource({} as never), 'expected a client of ioredis'],
])('a mistake is refused', (make, message) => {
  expect(make).toThrow(message)
})
