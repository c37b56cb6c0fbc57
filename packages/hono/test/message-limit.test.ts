import { upgradeWebSocket } from '@hono/node-server'
import { fakeClock } from '@sluice/testing'
import { type Context, Hono } from 'hono'
import type { WSEvents } from 'hono/ws'
import { afterEach, expect, test, vi } from 'vitest'
import {
  concurrency,
  fixedWindow,
  leakyBucket,
  memoryStore,
  messageLimit,
  type MessageLimitOptions,
  type MessageSocket,
  type Store,
} from '../src/index.ts'
import { serveOnNode } from './on-node.ts'
import { refusalOf } from './refusal.ts'
import { connect } from './socket-client.ts'

const START = 1_800_000_000_000
const minute = (limit: number) => fixedWindow({ name: 'minute', limit, window: '1m' })
const standing = () => memoryStore({ clock: fakeClock(START) })
const echo: (c: Context) => WSEvents = () => ({ onMessage: (event, ws) => ws.send(event.data as string) })
const ended: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of ended.splice(0)) await end()
})

async function served(options: MessageLimitOptions, createEvents = echo) {
  const app = new Hono()
  const limited = messageLimit(options)
  app.get('/', upgradeWebSocket(limited(createEvents)))
  const { url, close } = await serveOnNode(app)
  ended.push(close)
  return { limiter: limited.limiter, open: async (headers?: Record<string, string>) => connect(url, headers) }
}

test('messages beyond the limit do not arrive; their sender is told once when to come back, and is let in then', async () => {
  const clock = fakeClock(START)
  const { open } = await served({ limits: [minute(2)], store: memoryStore({ clock }) })
  const client = await open()
  for (const text of ['1', '2', '3', '4', '5']) client.send(text)
  await vi.waitUntil(() => client.got.length === 3)
  expect(client.got.slice(0, 2)).toEqual(['1', '2'])
  expect(JSON.parse(client.got[2] ?? '')).toEqual({
    type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
    title: 'Quota Exceeded',
    status: 429,
    detail: 'Limit "minute" allows 2 requests per 60 seconds. Retry in 60 seconds.',
    'violated-policies': ['minute'],
    retry_after: 60,
  })
  clock.advance(60_000)
  client.send('6')
  await vi.waitUntil(() => client.got.length === 4)
  expect(client.got[3]).toBe('6')
})

test('all connections of one client share its limit; key and cost see the message, and the request that opened the connection', async () => {
  const { open } = await served({
    limits: [minute(10)],
    key: ({ c }) => c.req.header('x-user'),
    cost: ({ event }) => (event.data as string).length,
    message: (_, { decision }) => `wait ${decision.retryAfter}`,
    store: standing(),
  })
  const [one, two, other] = [await open({ 'x-user': 'ann' }), await open({ 'x-user': 'ann' }), await open({ 'x-user': 'bob' })]
  one.send('12345678')
  await vi.waitUntil(() => one.got.length === 1)
  two.send('123')
  other.send('12345678')
  await vi.waitUntil(() => two.got.length + other.got.length === 2)
  expect([two.got, other.got]).toEqual([['wait 60000'], ['12345678']])
})

test('the client is the address behind trusted proxies, as the handshake told it', async () => {
  const { open, limiter } = await served({ limits: [minute(2)], trustProxy: 1, store: standing() })
  const client = await open({ 'X-Forwarded-For': '1.2.3.4' })
  client.send('1')
  await vi.waitUntil(() => client.got.length === 1)
  expect((await limiter.peek('1.2.3.4')).remaining).toBe(1)
})

test('handler answers each refusal itself', async () => {
  const { open } = await served({
    limits: [minute(1)],
    handler: ({ event, ws }, { decision, status }) => ws.send(`${event.data as string}: ${status} ${decision.retryAfter}`),
    store: standing(),
  })
  const client = await open()
  for (const text of ['1', '2', '3']) client.send(text)
  await vi.waitUntil(() => client.got.length === 3)
  expect(client.got).toEqual(['1', '2: 429 60000', '3: 429 60000'])
})

test('closeAfter: refusals without an admitted message between them end the connection, and nothing is charged after that', async () => {
  const clock = fakeClock(START)
  const { open, limiter } = await served({ limits: [minute(1)], closeAfter: 2, key: () => 'all', store: memoryStore({ clock }) })
  const client = await open()
  for (const text of ['1', '2']) client.send(text)
  await vi.waitUntil(() => client.got.length === 2)
  clock.advance(60_000)
  for (const text of ['3', '4', '5', '6']) client.send(text)
  expect(await client.closed).toEqual([1008, 'Too many messages; retry in 60 s'])
  expect(client.got).toHaveLength(4)
  clock.advance(60_000)
  expect((await limiter.peek('all')).remaining).toBe(1)
})

test('a store that is away and closed: told, then closed with the code to try again later', async () => {
  const away = storeOf((charges) =>
    charges.map(() => ({
      allowed: false,
      remaining: 0,
      retryAfter: 2_500,
      nextAfter: 0,
      resetAfter: 0,
      delay: 0,
      source: 'closed',
      at: START * 1_000,
      receipt: undefined,
      leaseFor: 0,
      granted: 0,
    })),
  )
  const { open } = await served({ limits: [minute(1)], closeAfter: 2, store: away })
  const client = await open()
  for (const text of ['1', '2']) client.send(text)
  expect(await client.closed).toEqual([1013, 'Messages cannot be counted; retry in 3 s'])
  expect(JSON.parse(client.got[0] ?? '')).toMatchObject({ status: 503, retry_after: 3 })
})

test('messages arrive in their order, whatever a store answers first', async () => {
  const memory = standing()
  const answers: (() => void)[] = []
  const store = storeOf(async (...args) => {
    await new Promise<void>((resolve) => answers.push(resolve))
    return memory.consume(...args)
  })
  const { open } = await served({ limits: [minute(3)], store })
  const client = await open()
  for (const text of ['1', '2', '3', '4']) client.send(text)
  await vi.waitUntil(() => answers.length === 4)
  for (const answer of answers.toReversed()) answer()
  await vi.waitUntil(() => client.got.length === 4)
  // Counted from the last to the first, so the first was refused; that is told first all the same.
  expect([JSON.parse(client.got[0] ?? '').status, ...client.got.slice(1)]).toEqual([429, '2', '3', '4'])
})

test.each([
  ['throws', () => fail()],
  ['rejects', () => Promise.reject(new Error('away'))],
])('a store that %s: onError hears of it, the connection is closed, and nothing is unhandled', async (_, consume) => {
  const errors: unknown[] = []
  const { open } = await served({ limits: [minute(1)], store: storeOf(consume) }, () => ({
    onMessage: (_event, ws) => ws.send('reached'),
    onError: (event) => void errors.push((event as ErrorEvent).error),
  }))
  const client = await open()
  client.send('1')
  expect(await client.closed).toEqual([1011, ''])
  expect([client.got, errors]).toEqual([[], [new Error('away')]])
})

test('concurrency is held until what onMessage returns has ended', async () => {
  const opened: (() => void)[] = []
  const slow = async (event: { readonly data: unknown }, ws: MessageSocket): Promise<void> => {
    await new Promise<void>((resolve) => opened.push(resolve))
    ws.send(event.data as string)
  }
  const { open } = await served(
    { limits: [concurrency({ name: 'slots', limit: 1, ttl: '1m' })], message: 'busy', store: standing() },
    () => ({ onMessage: (event, ws) => slow(event, ws) as never }),
  )
  const client = await open()
  for (const text of ['1', '2']) client.send(text)
  await vi.waitUntil(() => client.got.length === 1)
  opened[0]?.()
  await vi.waitUntil(() => client.got.length === 2)
  client.send('3')
  await vi.waitUntil(() => opened.length === 2)
  opened[1]?.()
  await vi.waitUntil(() => client.got.length === 3)
  expect(client.got).toEqual(['busy', '1', '3'])
})

test('a queue delivers later, in order; what is told is the wait of a message that has no place in it', async () => {
  const { open } = await served({
    limits: [leakyBucket({ name: 'pace', limit: 20, window: '1s', queue: true, maxDelay: '100ms' })],
    message: 'full',
    store: standing(),
  })
  const client = await open()
  for (const text of ['1', '2', '3', '4']) client.send(text)
  await vi.waitUntil(() => client.got.length === 4)
  expect(client.got).toEqual(['1', 'full', '2', '3'])
})

test('events may come later, and the others are left as they are', async () => {
  const heard: string[] = []
  const { open } = await served({ limits: [minute(9)], store: standing() }, (async () => ({
    onOpen: () => void heard.push('open'),
    onMessage: (event: MessageEvent) => void heard.push(event.data as string),
    onClose: () => void heard.push('close'),
  })) as never)
  const client = await open()
  client.send('1')
  await vi.waitUntil(() => heard.length === 2)
  client.leave()
  await vi.waitUntil(() => heard.length === 3)
  expect(heard).toEqual(['open', '1', 'close'])
})

test.each([
  [{ closeAfter: 0 }, 'ERR_OPTION_INVALID', 'closeAfter: expected a whole number, at least 1, got 0'],
  [{ standard: false }, 'ERR_OPTION_UNKNOWN', '"standard" is not an option'],
  [{ refundWhen: () => true }, 'ERR_OPTION_UNKNOWN', '"refundWhen" is not an option'],
  [{ windowMs: 1 }, 'ERR_OPTION_UNKNOWN', 'use window'],
  [{ limit: 0 }, 'ERR_OPTION_INVALID', 'got 0'],
  [null, 'ERR_OPTION_INVALID', 'null'],
])('options that make no sense are refused when the limit is made: %o', (options, code, text) => {
  const [got, message] = refusalOf(() => messageLimit(options as never))
  expect(got).toBe(code)
  expect(message).toContain(text)
})

function storeOf(consume: Store['consume']): Store {
  return { name: 'custom', consume, reset: () => undefined }
}

function fail(): never {
  throw new Error('away')
}
