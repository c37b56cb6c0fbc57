import { waitUntil } from '@sluice/testing'
import { Hono } from 'hono'
import { expect, test } from 'vitest'
import { concurrency, leakyBucket, messageLimit, type MessageSocket, type SocketEvents } from '../src/index.ts'
import { minute, stoppedStore, storeOf } from './support.ts'
import { limitedSockets } from './message-support.ts'

test('messages are delivered in the order of arrival, whatever the store answers first', async () => {
  const memory = stoppedStore()
  const answers: (() => void)[] = []
  const store = storeOf(async (...args) => {
    await new Promise<void>((resolve) => answers.push(resolve))
    return memory.consume(...args)
  })
  const { open } = await limitedSockets({ limits: [minute(3)], store })
  const client = await open()
  for (const text of ['1', '2', '3', '4']) client.send(text)
  await waitUntil('four calls of the store', () => answers.length === 4)
  for (const answer of answers.toReversed()) answer()
  await waitUntil('four messages', () => client.got.length === 4)
  // The store counted the last message first, so the first was refused. Its answer is still sent first.
  expect([JSON.parse(client.got[0] ?? '').status, ...client.got.slice(1)]).toEqual([429, '2', '3', '4'])
})

test.each([
  ['throws', () => fail()],
  ['rejects', () => Promise.reject(new Error('away'))],
])('a store that %s: onError gets the error, the connection is closed, and no rejection is unhandled', async (_, consume) => {
  const errors: unknown[] = []
  const { open } = await limitedSockets({ limits: [minute(1)], store: storeOf(consume) }, () => ({
    onMessage: (_event, ws) => ws.send('reached'),
    onError: (event) => void errors.push((event as ErrorEvent).error),
  }))
  const client = await open()
  client.send('1')
  expect(await client.closed).toEqual([1011, ''])
  expect([client.got, errors]).toEqual([[], [new Error('away')]])
})

test('concurrency is held until the promise of onMessage settles', async () => {
  const opened: (() => void)[] = []
  const slow = async (event: { readonly data: unknown }, ws: MessageSocket): Promise<void> => {
    await new Promise<void>((resolve) => opened.push(resolve))
    ws.send(event.data as string)
  }
  const { open } = await limitedSockets(
    { limits: [concurrency({ name: 'slots', limit: 1, ttl: '1m' })], message: 'busy', store: stoppedStore() },
    () => ({ onMessage: (event, ws) => slow(event, ws) as never }),
  )
  const client = await open()
  for (const text of ['1', '2']) client.send(text)
  await waitUntil('one message', () => client.got.length === 1)
  opened[0]?.()
  await waitUntil('two messages', () => client.got.length === 2)
  client.send('3')
  await waitUntil('two calls of onMessage', () => opened.length === 2)
  opened[1]?.()
  await waitUntil('three messages', () => client.got.length === 3)
  expect(client.got).toEqual(['busy', '1', '3'])
})

test.each([
  ['throws', () => fail()],
  ['rejects', () => Promise.reject(new Error('away'))],
])('a handler of refusals that %s: onError gets the error, the connection is closed, and no rejection is unhandled', async (_, handler) => {
  const errors: unknown[] = []
  const { open } = await limitedSockets({ limits: [minute(1)], handler, store: stoppedStore() }, () => ({
    onMessage: (_event, ws) => ws.send('reached'),
    onError: (event) => void errors.push((event as ErrorEvent).error),
  }))
  const client = await open()
  client.send('1')
  client.send('2')
  expect(await client.closed).toEqual([1011, ''])
  expect([client.got, errors]).toEqual([['reached'], [new Error('away')]])
})

test('F11: a connection that closes releases the messages whose handlers still run', async () => {
  let running = 0
  const { limiter, open } = await limitedSockets(
    { limits: [concurrency({ name: 'slots', limit: 1, ttl: '1m' })], key: () => 'all', store: stoppedStore() },
    () => ({
      onMessage: () => {
        running += 1
        return new Promise(() => undefined) as never
      },
    }),
  )
  const client = await open()
  client.send('1')
  await waitUntil('the message', () => running === 1)
  expect((await limiter.peek('all')).remaining).toBe(0)
  client.leave()
  await waitUntil('the release', async () => (await limiter.peek('all')).remaining === 1)
})

test('a queue delivers later, in order, and refuses a message that does not fit', async () => {
  const { open } = await limitedSockets({
    limits: [leakyBucket({ name: 'pace', limit: 20, window: '1s', queue: true, maxDelay: '100ms' })],
    message: 'full',
    store: stoppedStore(),
  })
  const client = await open()
  for (const text of ['1', '2', '3', '4']) client.send(text)
  await waitUntil('four messages', () => client.got.length === 4)
  expect(client.got).toEqual(['1', 'full', '2', '3'])
})

test('Pl: refundWhen and settle get how onMessage ended', async () => {
  const ended: unknown[] = []
  const { open, limiter } = await limitedSockets(
    {
      limits: [minute(100)],
      key: () => 'ann',
      cost: () => 10,
      store: stoppedStore(),
      refundWhen: (_, { result }) => result === 'free',
      settle: ({ event }, { result, decision }) => {
        ended.push([event.data, result, decision.allowed])
        return result as number
      },
    },
    () => ({
      onMessage: ((event: { readonly data: string }) => {
        if (event.data === 'free') return 'free'
        return event.data === 'later' ? Promise.resolve(40) : 3
      }) as never,
    }),
  )
  const client = await open()
  for (const text of ['free', 'now', 'later']) client.send(text)
  await waitUntil('two messages', () => ended.length === 2)
  expect(ended).toEqual([
    ['now', 3, true],
    ['later', 40, true],
  ])
  expect(limiter.peek('ann')).toMatchObject({ remaining: 57 })
})

test('Pl: refundWhen gets what onMessage threw, and the error still reaches the runtime', async () => {
  const infos: unknown[] = []
  const limited = messageLimit({
    limits: [minute(100)],
    key: () => 'ann',
    store: stoppedStore(),
    refundWhen: (_, { error, result }) => infos.push([error, result]) > 0,
  })
  const app = new Hono()
  const no = new Error('no')
  app.get('/', async (c) => {
    const events = await limited((): SocketEvents => ({
      onMessage: () => {
        throw no
      },
    }))(c)
    expect(() => events.onMessage?.({ data: 'x' }, { readyState: 1, send: () => undefined, close: () => undefined })).toThrow(no)
    return c.text('ok')
  })
  expect(await (await app.request('/')).text()).toBe('ok')
  expect(infos).toEqual([[no, undefined]])
  expect(limited.limiter.peek('ann')).toMatchObject({ remaining: 100 })
})

function fail(): never {
  throw new Error('away')
}
