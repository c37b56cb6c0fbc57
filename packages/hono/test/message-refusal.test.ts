import { fakeClock, waitUntil } from '@sluice/testing'
import { expect, test } from 'vitest'
import { memoryStore } from '../src/index.ts'
import { minute, START, stoppedStore, storeOf } from './support.ts'
import { limitedSockets } from './message-support.ts'

test('messages over the limit are not delivered; one answer says when to retry, and the client is admitted then', async () => {
  const clock = fakeClock(START)
  const { open } = await limitedSockets({ limits: [minute(2)], store: memoryStore({ clock }) })
  const client = await open()
  for (const text of ['1', '2', '3', '4', '5']) client.send(text)
  await waitUntil('three messages', () => client.got.length === 3)
  expect(client.got.slice(0, 2)).toEqual(['1', '2'])
  expect(JSON.parse(client.got[2] ?? '')).toEqual({
    type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
    title: 'Quota Exceeded',
    status: 429,
    detail: 'Limit "minute" allows 2 units per 60 seconds. Retry in 60 seconds.',
    'violated-policies': ['minute'],
    retry_after: 60,
  })
  clock.advance(60_000)
  client.send('6')
  await waitUntil('four messages', () => client.got.length === 4)
  expect(client.got[3]).toBe('6')
})

test('a client on the block list gets one answer; `drop` closes its connection', async () => {
  const clock = fakeClock(START)
  const options = { limits: [minute(2)], key: () => 'bot', store: memoryStore({ clock }) }
  const block = { until: START + 60_000, rule: 'default' }
  const refused = await (await limitedSockets({ ...options, blockList: { clock, check: () => ({ ...block, action: 'refuse' }) } })).open()
  for (const text of ['1', '2']) refused.send(text)
  await waitUntil('an answer', () => refused.got.length === 1)
  expect(JSON.parse(refused.got[0] ?? '')).toMatchObject({ title: 'Forbidden', status: 403, retry_after: 60 })
  const name = 'dropping'
  const dropped = await (await limitedSockets({ ...options, name, blockList: { check: () => ({ ...block, action: 'drop' }) } })).open()
  dropped.send('1')
  expect((await dropped.closed)[0]).toBe(1008)
  expect([refused.got.length, dropped.got]).toEqual([1, []])
})

test('`handler` answers each refused message itself', async () => {
  const { open } = await limitedSockets({
    limits: [minute(1)],
    handler: ({ event, ws }, { decision, status }) => ws.send(`${event.data as string}: ${status} ${decision.retryAfter}`),
    store: stoppedStore(),
  })
  const client = await open()
  for (const text of ['1', '2', '3']) client.send(text)
  await waitUntil('three messages', () => client.got.length === 3)
  expect(client.got).toEqual(['1', '2: 429 60000', '3: 429 60000'])
})

test('`closeAfter` refusals in a row close the connection, and later messages are not charged', async () => {
  const clock = fakeClock(START)
  const { open, limiter } = await limitedSockets({ limits: [minute(1)], closeAfter: 2, key: () => 'all', store: memoryStore({ clock }) })
  const client = await open()
  for (const text of ['1', '2']) client.send(text)
  await waitUntil('two messages', () => client.got.length === 2)
  clock.advance(60_000)
  for (const text of ['3', '4', '5', '6']) client.send(text)
  expect(await client.closed).toEqual([1008, 'Too many messages; retry in 60 s'])
  expect(client.got).toHaveLength(4)
  clock.advance(60_000)
  expect((await limiter.peek('all')).remaining).toBe(1)
})

test('a blocked subject: one answer with the end of the block, then a close that says so', async () => {
  const clock = fakeClock(START)
  const { open, limiter } = await limitedSockets({ limits: [minute(9)], closeAfter: 2, key: () => 'all', store: memoryStore({ clock }) })
  await limiter.block('all', '5m')
  const client = await open()
  for (const text of ['1', '2']) client.send(text)
  expect(await client.closed).toEqual([1008, 'Messages are blocked for a time; retry in 300 s'])
  expect(client.got.map((text) => JSON.parse(text) as unknown)).toEqual([
    {
      type: 'about:blank',
      title: 'Too Many Requests',
      status: 429,
      detail: 'Requests are blocked for a time. Retry in 300 seconds.',
      retry_after: 300,
    },
  ])
  await limiter.unblock('all')
  expect((await limiter.peek('all')).remaining).toBe(9)
})

test('an unavailable store under failMode closed: one answer, then a close with the code to try again later', async () => {
  const away = storeOf((charges) =>
    charges.map(() => ({
      allowed: false,
      remaining: 0,
      used: 0,
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
  const { open } = await limitedSockets({ limits: [minute(1)], closeAfter: 2, store: away })
  const client = await open()
  for (const text of ['1', '2']) client.send(text)
  expect(await client.closed).toEqual([1013, 'Messages cannot be counted; retry in 3 s'])
  expect(JSON.parse(client.got[0] ?? '')).toMatchObject({ status: 503, retry_after: 3 })
})
