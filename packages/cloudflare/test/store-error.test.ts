import { durableObjectStore, DurableObjectStoreError } from '@sluice/cloudflare'
import { createLimiter, fixedWindow } from '@sluice/core'
import { expect, test } from 'vitest'
import { answering, throwing } from './fake-namespace.ts'
import { charge } from './lab.ts'

test.each([
  [
    'a lost connection: the charge may have been made',
    throwing('Network connection lost.', { retryable: true }),
    { unknown: true, overloaded: false },
  ],
  [
    'an overloaded queue: the charge was not made',
    throwing('Durable Object is overloaded. Too many requests queued.', { overloaded: true }),
    { unknown: false, overloaded: true },
  ],
  [
    'an object that is reset in the middle of a decision',
    throwing('Durable Object exceeded its memory limit.', { overloaded: true }),
    { unknown: true, overloaded: true },
  ],
  ['a binding of another class', answering(404, 'Not Found'), { unknown: true, overloaded: false }],
  ['an answer with too few entries', answering(200, '[]'), { unknown: true, overloaded: false }],
  ['an error in one decision', answering(200, '[{"error":"SQLITE_FULL"}]'), { unknown: false, overloaded: false }],
])('the store rejects once, with what is known: %s', async (_, namespace, fields) => {
  const store = durableObjectStore(namespace, { objects: 1 })
  const [first, second] = await Promise.allSettled([store.consume([charge('a')]), store.reset([charge('a')])])
  for (const one of [first, second]) {
    const { reason } = one as PromiseRejectedResult
    if (one === second && fields.unknown === false && !fields.overloaded) continue
    expect(reason).toBeInstanceOf(DurableObjectStoreError)
    expect(reason).toMatchObject({ code: 'ERR_STORE_UNAVAILABLE', shard: 'sluice.1/0', ...fields })
  }
})

test('a limiter rejects with the error of its store', async () => {
  const store = durableObjectStore(throwing('Internal error in Durable Object storage caused object to be reset.'))
  const limiter = createLimiter({ store, limits: [fixedWindow({ name: 'a', limit: 1, window: '1m' })] })
  await expect(limiter.consume('a')).rejects.toMatchObject({ code: 'ERR_STORE_UNAVAILABLE', unknown: true })
})
