// Publishing a document: compare-and-set on its revision, however many publish at once.
import { publishPolicy, type PublishOptions } from '@sluice/redis'
import { type RedisServer, startRedis, tcpProxy } from '@sluice/testing/redis'
import type { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { document } from './support.ts'

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

const publish = (revision: number, options: Partial<PublishOptions> = {}): ReturnType<typeof publishPolicy> =>
  publishPolicy(admin, { namespace: 'shop', revision, text: document(revision), ...options })

describe('a document is written', () => {
  test('if Redis has none, or a lower revision', async () => {
    expect(await publish(3)).toEqual({ isPublished: true, current: 3 })
    expect(await publish(10)).toEqual({ isPublished: true, current: 10 })
    const cursor = await admin.hget(DOCUMENTS, ':cursor')
    expect(await admin.hgetall(DOCUMENTS)).toEqual({ shop: document(10), 'shop:revision': '10', ':cursor': cursor })
    const changes = await admin.xrange(CHANGES, '-', '+')
    expect(changes.map(([, fields]) => fields.slice(0, 4))).toEqual([
      ['namespace', 'shop', 'revision', '3'],
      ['namespace', 'shop', 'revision', '10'],
    ])
    expect(changes[1]).toEqual([cursor, ['namespace', 'shop', 'revision', '10', 'previous', changes[0]?.[0]]])
  })

  test('if Redis has the revision that is expected', async () => {
    expect(await publish(3, { previous: 0 })).toEqual({ isPublished: true, current: 3 })
    expect(await publish(5, { previous: 3 })).toEqual({ isPublished: true, current: 5 })
  })

  test('once, by two attempts of which the first lost its answer', async () => {
    await publish(1)
    const proxy = await tcpProxy(server)
    onTestFinished(() => proxy.close())
    const client = server.client({ port: proxy.port, maxRetriesPerRequest: 0, autoResendUnfulfilledCommands: false })
    await client.ping()
    proxy.loseReplies({ after: (request) => /evalsha/i.test(request.toString('latin1')) })
    const options = { namespace: 'shop', revision: 2, text: document(2), previous: 1 }
    await expect(publishPolicy(client, options)).rejects.toThrow(/closed|retries/i)
    expect(await publishPolicy(client, options)).toEqual({ isPublished: true, current: 2 })
    expect(await admin.xlen(CHANGES)).toBe(2)
  })
})

describe('nothing is written', () => {
  test('over the same revision, or a higher one', async () => {
    await publish(5)
    expect(await publish(4)).toEqual({ isPublished: false, current: 5 })
    expect(await publish(5, { text: document(5, 'shop', 9) })).toEqual({ isPublished: false, current: 5 })
    expect(await admin.hget(DOCUMENTS, 'shop')).toBe(document(5))
    expect(await admin.xlen(CHANGES)).toBe(1)
  })

  test('over another revision than the expected one', async () => {
    expect(await publish(6, { previous: 5 })).toEqual({ isPublished: false, current: undefined })
    await publish(5)
    expect(await publish(6, { previous: 0 })).toEqual({ isPublished: false, current: 5 })
    expect(await publish(6, { previous: 4 })).toEqual({ isPublished: false, current: 5 })
    expect(await publish(4, { previous: 5 })).toEqual({ isPublished: false, current: 5 })
  })

  test('by all but one of fifty that publish at once', async () => {
    await publish(1)
    const answers = await Promise.all(Array.from({ length: 50 }, (_, i) => publish(2, { previous: 1, text: document(2, 'shop', i + 1) })))
    expect(answers.filter(({ isPublished }) => isPublished)).toHaveLength(1)
    expect(answers.every(({ current }) => current === 2)).toBe(true)
    expect(await admin.xlen(CHANGES)).toBe(2)
  })

  test('into keys of another type', async () => {
    await admin.set(DOCUMENTS, 'text')
    await expect(publish(1)).rejects.toThrow('WRONGTYPE')
    await admin.flushall()
    await admin.set(CHANGES, 'text')
    await expect(publish(1)).rejects.toThrow('WRONGTYPE')
    expect(await admin.exists(DOCUMENTS)).toBe(0)
  })

  test('while memory is full', async () => {
    await publish(1)
    await admin.config('SET', 'maxmemory', '1')
    onTestFinished(() => void admin.config('SET', 'maxmemory', '0'))
    await expect(publish(2)).rejects.toThrow(/OOM/)
    await admin.config('SET', 'maxmemory', '0')
    expect(await publish(2, { previous: 1 })).toEqual({ isPublished: true, current: 2 })
  })
})

test.each([
  [{ namespace: 'a:b' }, 'publishPolicy: namespace: expected a letter, then at most 63 letters'],
  [{ revision: 0 }, 'publishPolicy: revision: expected a whole number, at least 1, got 0'],
  [{ revision: 1.5 }, 'publishPolicy: revision'],
  [{ previous: -1 }, 'publishPolicy: previous: expected a whole number, at least 0, got -1'],
  [{ text: ' ' }, 'publishPolicy: text'],
  [{ text: 'ä'.repeat(600_000) }, 'publishPolicy: text: expected a document of at most 1048576 bytes'],
  [{ key: '' }, 'publishPolicy: key'],
  [{ prev: 1 }, 'prev'],
])('a mistake is refused', async (options, message) => {
  await expect(publish(1, options as never)).rejects.toThrow(message)
  expect(await admin.dbsize()).toBe(0)
})
