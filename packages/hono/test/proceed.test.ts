import { request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { upgradeWebSocket } from '@hono/node-server'
import { Hono } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { timeout } from 'hono/timeout'
import { fakeClock, observedStore, waitUntil } from '@sluice/testing'
import { describe, expect, test } from 'vitest'
import { concurrency, header, type HonoOptions, memoryStore, rateLimit, type Store } from '../src/index.ts'
import { connect } from './socket-client.ts'
import { served, START, stoppedStore, storeOf, urlOf } from './support.ts'

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

test.each([
  ['before the limiter', true],
  ['after it', false],
])('F13: timeout() %s: whatever the handler does later, nothing is held or renewed, and no error is reported', async (_, isBefore) => {
  const clock = fakeClock(START)
  const changes: number[] = []
  const memory = memoryStore({ clock })
  const consume: Store['consume'] = (charges, options) => {
    changes.push(...charges.map(({ cost }) => cost))
    return memory.consume(charges, options)
  }
  const limiter = rateLimit({
    limits: [concurrency({ name: 'slots', limit: 1, ttl: '3s' })],
    key: () => 'all',
    store: { ...storeOf(consume), clock },
  })
  const app = new Hono()
  const errors: string[] = []
  const ends: (() => void)[] = []
  let ended = 0
  app.get('/alive', (c) => c.text('yes'))
  app.use(...(isBefore ? [timeout(30), limiter] : [limiter, timeout(30)]))
  app.get('/:how', async (c) => {
    await new Promise<void>((resolve) => ends.push(resolve))
    ended += 1
    if (c.req.param('how') === 'throws') throw new Error('late')
    return c.text('late')
  })
  app.onError((error, c) => {
    errors.push(error.message)
    return error instanceof HTTPException ? error.getResponse() : c.text('failed', 500)
  })
  const get = await served(app)
  for (const how of ['returns', 'throws']) {
    expect((await get(`/${how}`)).status).toBe(504)
    await waitUntil('the holder to be released', () => changes.at(-1) === -1)
    clock.advance(10_000)
  }
  for (const end of ends) end()
  await waitUntil('both handlers to end', () => ended === 2)
  // When another request has been answered, Hono has done with what the handlers returned.
  await get('/alive')
  // Longer than a third of the ttl, after which a timer of the process would renew a holder: nothing may come, so no condition says when.
  await sleep(1_200)
  // Hono reports the error of the late handler where it was thrown.
  expect(errors.filter((message) => !['Gateway Timeout', 'late'].includes(message))).toEqual([])
  expect(changes).toEqual([1, -1, 1, -1])
  expect(clock.pending).toBe(0)
})

test('F13: an error in the limiter itself, after the handlers, releases at once', async () => {
  const limiter = rateLimit({ limits: [concurrency({ name: 'slots', limit: 1, ttl: '1h' })], key: () => 'all', store: stoppedStore() })
  const app = new Hono()
  app.use(limiter)
  app.get('/', async (c) => {
    const response = c.text('ok')
    Object.defineProperty(response, 'body', {
      get: () => {
        throw new Error('no body')
      },
    })
    return response
  })
  app.onError((error, c) => c.text(error.message, 500))
  expect((await app.request('/')).status).toBe(500)
  expect((await limiter.limiter.peek('all')).remaining).toBe(1)
})

test('F11: WebSockets on Node hold their place until they close, one that is refused holds none', async () => {
  const clock = fakeClock(START)
  let renewals = 0
  const store = observedStore(memoryStore({ clock }), (change) => (renewals += change === 'renew' ? 1 : 0))
  const limiter = rateLimit({ limits: [concurrency({ name: 'sockets', limit: 2, ttl: '90ms' })], key: () => 'all', store })
  const app = new Hono()
  app.get(
    '/',
    limiter,
    upgradeWebSocket(() => ({ onMessage: (event, ws) => ws.send(event.data as string) })),
  )
  const left = async () => (await limiter.limiter.peek('all')).remaining
  const url = await urlOf(app)
  for (const _ of [1, 2]) {
    const [one, two] = [await connect(url), await connect(url)]
    // Twice the ttl: their places are renewed.
    for (const _step of [1, 2, 3]) {
      clock.advance(60)
      const before = renewals
      await waitUntil('both places to be renewed, twice', () => renewals >= before + 4)
    }
    expect(await left()).toBe(0)
    await expect(connect(url)).rejects.toThrow('429')
    one.leave()
    await waitUntil('one place to be free', async () => (await left()) === 1)
    two.leave()
    await waitUntil('both places to be free', async () => (await left()) === 2)
  }
})

test('D7: with app.request() the settlement runs when the test has read the body', async () => {
  const limiter = rateLimit({ limit: 2, key: () => 'all', refundWhen: (_c, { status }) => status < 400, store: stoppedStore() })
  const app = new Hono()
  app.use(limiter)
  app.get('/', (c) => c.text('ok'))
  const response = await app.request('/')
  expect((await limiter.limiter.peek('all')).remaining).toBe(1)
  await response.text()
  expect((await limiter.limiter.peek('all')).remaining).toBe(2)
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
