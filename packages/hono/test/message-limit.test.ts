import { waitUntil } from '@sluice/testing'
import { expect, test } from 'vitest'
import { minute, stoppedStore } from './support.ts'
import { limitedSockets } from './message-support.ts'

test('all connections of a client share its limit; key and cost get the message and the context of the handshake', async () => {
  const { open } = await limitedSockets({
    limits: [minute(10)],
    key: ({ c }) => c.req.header('x-user'),
    cost: ({ event }) => (event.data as string).length,
    message: (_, { decision }) => `wait ${decision.retryAfter}`,
    store: stoppedStore(),
  })
  const [one, two, other] = [await open({ 'x-user': 'ann' }), await open({ 'x-user': 'ann' }), await open({ 'x-user': 'bob' })]
  one.send('12345678')
  await waitUntil('one message', () => one.got.length === 1)
  two.send('123')
  other.send('12345678')
  await waitUntil('two messages', () => two.got.length + other.got.length === 2)
  expect([two.got, other.got]).toEqual([['wait 60000'], ['12345678']])
})

test('the client is the address behind trusted proxies, from the headers of the handshake', async () => {
  const { open, limiter } = await limitedSockets({ limits: [minute(2)], trustProxy: 1, store: stoppedStore() })
  const client = await open({ 'X-Forwarded-For': '1.2.3.4' })
  client.send('1')
  await waitUntil('one message', () => client.got.length === 1)
  expect((await limiter.peek('1.2.3.4')).remaining).toBe(1)
})

test('createEvents may be async, and its other events are not changed', async () => {
  const heard: string[] = []
  const { open } = await limitedSockets({ limits: [minute(9)], store: stoppedStore() }, (async () => ({
    onOpen: () => void heard.push('open'),
    onMessage: (event: MessageEvent) => void heard.push(event.data as string),
    onClose: () => void heard.push('close'),
  })) as never)
  const client = await open()
  client.send('1')
  await waitUntil('two events', () => heard.length === 2)
  client.leave()
  await waitUntil('three events', () => heard.length === 3)
  expect(heard).toEqual(['open', '1', 'close'])
})
