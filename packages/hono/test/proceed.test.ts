import { request } from 'node:http'
import { Hono } from 'hono'
import { waitUntil } from '@sluice/testing'
import { describe, expect, test } from 'vitest'
import { concurrency, header, type HonoOptions, rateLimit, type Store } from '../src/index.ts'
import { served, stoppedStore, storeOf, urlOf } from './support.ts'

test('a thrown value that is not an Error, which Hono does not answer, releases concurrency', async () => {
  const limiter = rateLimit({ limits: [concurrency({ name: 'slots', limit: 1, ttl: '1h' })], store: stoppedStore() })
  const app = new Hono()
  app.use(limiter)
  app.get('/', () => {
    throw 'a text'
  })
  const get = await served(app)
  expect((await get()).status).toBe(500)
  expect((await limiter.limiter.peek('127.0.0.1')).remaining).toBe(1)
})

test('trap: HEAD releases concurrency, although no one reads the body of its response', async () => {
  const limiter = rateLimit({ limits: [concurrency({ name: 'slots', limit: 1, ttl: '1h' })], store: stoppedStore() })
  const app = new Hono()
  app.use(limiter)
  app.get('/', (c) => c.text('body'))
  const get = await served(app)
  for (const _ of [1, 2, 3]) expect((await get('/', { method: 'HEAD' })).status).toBe(200)
})

test.each(['at once', 'later'])(
  'a client that has left before the limiter runs holds no concurrency (the store answers %s)',
  async (when) => {
    const memory = stoppedStore()
    const store: Store = when === 'at once' ? memory : storeOf(async (...args) => memory.consume(...args))
    const limiter = rateLimit({ limits: [concurrency({ name: 'slots', limit: 1, ttl: '1h' })], key: header('x-user'), store })
    const app = new Hono()
    let arrived = false
    let passed = 0
    const errors: unknown[] = []
    app.use(async (c, next) => {
      arrived = true
      await new Promise<void>((resolve) => c.req.raw.signal.addEventListener('abort', () => resolve()))
      await next()
      passed += 1
    })
    app.use(limiter)
    // The address of a closed connection is unknown. That is no error, because there is no client to answer.
    app.use(rateLimit({ name: 'address', store: stoppedStore() }))
    app.onError((error, c) => {
      errors.push(error)
      return c.body(null, 500)
    })
    const url = await urlOf(app)
    const client = request(url, { headers: { 'x-user': 'ann' } })
    client.on('error', () => undefined)
    client.end()
    await waitUntil('the request to arrive', () => arrived)
    client.destroy()
    await waitUntil('the request to pass', () => passed === 1)
    await waitUntil('the holder to be released', async () => (await limiter.limiter.peek('ann')).remaining === 1)
    expect(errors).toEqual([])
  },
)

describe('waitUntil', () => {
  const settling = (app: Hono, options: HonoOptions) => {
    app.use(rateLimit({ limit: 9, key: () => 'all', store: stoppedStore(), ...options }))
    app.get('/', (c) => c.text('ok'))
    return app
  }
  const executed = (app: Hono) => {
    const work: Promise<unknown>[] = []
    const context = { waitUntil: (each: Promise<unknown>) => void work.push(each), passThroughOnException: () => undefined, props: {} }
    return { work, response: app.fetch(new Request('http://sluice.test/'), {}, context) }
  }

  test('waits for the work after the response, from before the response is sent until the work is done', async () => {
    const steps: string[] = []
    let finish = (): void => undefined
    const gate = new Promise<void>((resolve) => (finish = resolve))
    const settle = async () => {
      await gate
      steps.push('settled')
      return 1
    }
    const { work, response } = executed(settling(new Hono(), { settle }))
    const answer = await response
    expect(work).toHaveLength(1)
    void work[0]?.then(() => steps.push('work'))
    await answer.text()
    expect(steps).toEqual([])
    finish()
    await work[0]
    expect(steps).toEqual(['settled', 'work'])
  })

  test('is not called without work after the response', async () => {
    const { work, response } = executed(settling(new Hono(), {}))
    await (await response).text()
    expect(work).toEqual([])
  })

  test('is not required: a runtime without it is served', async () => {
    const app = settling(new Hono(), { settle: () => 1 })
    expect(await (await app.request('/')).text()).toBe('ok')
  })
})
