import { waitUntil } from '@sluice/testing'
import { expect, test } from 'vitest'
import { concurrency, leakyBucket, type MessageSocket } from '../src/index.ts'
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

function fail(): never {
  throw new Error('away')
}
