import { createLimiter, fixedWindow } from '@sluice/core'
import { durableObjectStore, DurableObjectStoreError, type ObjectAnswer, type ObjectNamespace } from '@sluice/cloudflare'
import { expect, test } from 'vitest'
import { charge } from './lab.ts'

/** A namespace whose objects do what a test needs of the runtime: to fail. */
function failing(fail: () => Promise<ObjectAnswer>): ObjectNamespace {
  return { idFromName: (name) => name, get: () => ({ fetch: fail }) }
}
const broken = (message: string, flags: object = {}): ObjectNamespace =>
  failing(() => Promise.reject(Object.assign(new Error(message), flags)))
const answering = (status: number, body: string): ObjectNamespace => failing(() => Promise.resolve(new Response(body, { status })))

const namespace = answering(200, '[]')

test.each([
  ['the string "x"', () => durableObjectStore('x' as never)],
  ['undefined', () => durableObjectStore(undefined as never)],
  ['name', () => durableObjectStore(namespace, { name: '' })],
  ['name', () => durableObjectStore(namespace, { name: 'a/b' })],
  ['objects', () => durableObjectStore(namespace, { objects: 3 })],
  ['objects', () => durableObjectStore(namespace, { objects: 0 })],
  ['objects', () => durableObjectStore(namespace, { objects: 8_192 })],
  ['objects', () => durableObjectStore(namespace, { objects: '64' as never })],
  ['locationHint', () => durableObjectStore(namespace, { locationHint: 'Western Europe' })],
  ['clock', () => durableObjectStore(namespace, { clock: {} as never })],
])('an option that makes no sense is refused: %s', (told, make) => {
  expect(make).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID', message: expect.stringContaining(told) as string }))
})

test("a peer's option is refused, naming ours", () => {
  expect(() => durableObjectStore(namespace, { prefix: 'a' } as never)).toThrow(/"prefix" is not an option; use name/)
})

test.each([
  ['a lost connection: it may have run', broken('Network connection lost.', { retryable: true }), { unknown: true, overloaded: false }],
  [
    'still in the queue: it has not run',
    broken('Durable Object is overloaded. Too many requests queued.', { overloaded: true }),
    { unknown: false, overloaded: true },
  ],
  ['reset in the middle', broken('Durable Object exceeded its memory limit.', { overloaded: true }), { unknown: true, overloaded: true }],
  ['another class under the binding', answering(404, 'Not Found'), { unknown: true, overloaded: false }],
  ['an answer too few', answering(200, '[]'), { unknown: true, overloaded: false }],
  ['an error of one decision', answering(200, '[{"error":"SQLITE_FULL"}]'), { unknown: false, overloaded: false }],
])('what cannot be decided rejects, once: %s', async (_, broken, fields) => {
  const store = durableObjectStore(broken, { objects: 1 })
  const [first, second] = await Promise.allSettled([store.consume([charge('a')]), store.reset([charge('a')])])
  for (const one of [first, second]) {
    const { reason } = one as PromiseRejectedResult
    if (one === second && fields.unknown === false && !fields.overloaded) continue
    expect(reason).toBeInstanceOf(DurableObjectStoreError)
    expect(reason).toMatchObject({ code: 'ERR_STORE_UNAVAILABLE', shard: 'sluice.1/0', ...fields })
  }
})

test('decisions of one turn are one request to an object; those of another object, and of a later turn, are others', async () => {
  const sent: { object: string; decisions: number; hint: unknown }[] = []
  const watched: ObjectNamespace = {
    idFromName: (name) => name,
    get: (id, options) => ({
      fetch: (_url, { body }) => {
        const { decisions } = JSON.parse(body) as { decisions: unknown[] }
        sent.push({ object: String(id), decisions: decisions.length, hint: options?.locationHint })
        return Promise.resolve(new Response(JSON.stringify(decisions.map(() => ({ outcomes: [] })))))
      },
    }),
  }
  const store = durableObjectStore(watched, { objects: (subject) => subject, locationHint: 'weur' })
  await Promise.all([store.consume([charge('a')]), store.consume([charge('b')]), store.consume([charge('a')]), store.reset([charge('a')])])
  await store.consume([charge('a')])
  expect(sent).toEqual([
    { object: 'sluice/a', decisions: 3, hint: 'weur' },
    { object: 'sluice/b', decisions: 1, hint: 'weur' },
    { object: 'sluice/a', decisions: 1, hint: 'weur' },
  ])
})

test('after close() nothing is asked', async () => {
  const store = durableObjectStore(broken('asked'))
  void store.close?.()
  await expect(store.consume([charge('a')])).rejects.toMatchObject({ code: 'ERR_STORE_UNAVAILABLE', unknown: false })
  await expect(store.reset([charge('a')])).rejects.toThrow('the store is closed')
})

test('shardOf() names the object, the same for the same subject', () => {
  const store = durableObjectStore(namespace)
  const objects = new Set(Array.from({ length: 2_000 }, (_, i) => store.shardOf?.(charge(`user:${i}`))))
  expect(objects.size).toBe(64)
  expect(store.shardOf?.(charge('user:1'))).toBe(store.shardOf?.(charge('user:1')))
})

test('a limiter hears that its store could not decide', async () => {
  const limiter = createLimiter({ store: broken_store(), limits: [fixedWindow({ name: 'a', limit: 1, window: '1m' })] })
  await expect(limiter.consume('a')).rejects.toMatchObject({ code: 'ERR_STORE_UNAVAILABLE', unknown: true })
})

function broken_store() {
  return durableObjectStore(broken('Internal error in Durable Object storage caused object to be reset.'))
}
