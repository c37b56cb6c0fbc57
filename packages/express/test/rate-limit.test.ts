import { createHook } from 'node:async_hooks'
import { once } from 'node:events'
import { createServer, request } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { fakeClock, observedStore, waitUntil } from '@sluice/testing'
import express5, { type Request, type Response } from 'express'
import express4 from 'express4'
import expressWs from 'express-ws'
import supertest from 'supertest'
import { describe, expect, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import {
  body,
  concurrency,
  type ExpressOptions,
  fixedWindow,
  header,
  memoryStore,
  rateLimit,
  SluiceError,
  route,
  slidingWindow,
  type Store,
  type StoreEvent,
} from '../src/index.ts'
import { isPromise } from '@sluice/core/adapter-kit'

const START = 1_800_000_000_000
const minute = (limit: number) => fixedWindow({ name: 'minute', limit, window: '1m' })
const raise = (error: Error): never => {
  throw error
}
const standing = () => memoryStore({ clock: fakeClock(START) })

describe.each([
  ['Express 5', express5],
  ['Express 4', express4],
])('rateLimit on %s', (_, express) => {
  const appWith = (options: ExpressOptions) => {
    const app = express()
    app.use(rateLimit(options))
    app.get('/', (_req, res) => res.end())
    return app
  }

  test('newcomer 14: body() before the parser is reported once, with the cure', async () => {
    const warnings: StoreEvent[] = []
    const options = { limits: [minute(9)], key: body('email'), on: { warning: (event: StoreEvent) => void warnings.push(event) } }
    const post = (app: express5.Express) => supertest(app).post('/').send({ email: 'a@b.test' })
    const before = appWith(options).use(express.json())
    for (const _ of [1, 2]) await post(before)
    expect(warnings).toEqual([
      {
        type: 'warning',
        code: 'WARN_BODY_UNPARSED',
        message: new SluiceError(
          'WARN_BODY_UNPARSED',
          'limiter "default": body() was read before a parser had run, so the key of a request with a body is missing; add the parser before the limiter, such as app.use(express.json())',
        ).message,
      },
    ])
    const after = express().use(express.json({ type: 'application/vnd.api+json' }), rateLimit({ ...options, strict: true }))
    for (const type of ['application/vnd.api+json', 'application/json']) await post(after).type(type)
    await supertest(after).get('/').set('content-type', 'application/json')
    expect(warnings).toHaveLength(1)
  })

  test('without options: 100 a minute per client address, in memory', async () => {
    const before = Math.ceil(Date.now() / 1000)
    const app = express()
    app.use(rateLimit())
    app.get('/', (req, res) => res.json({ remaining: req.rateLimit?.remaining }))
    const response = await supertest(app).get('/')
    expect(response.status).toBe(200)
    expect(response.body).toEqual({ remaining: 99 })
    expect(response.headers).toMatchObject({
      'ratelimit-policy': '"default";q=100;w=60',
      ratelimit: expect.stringMatching(/^"default";r=99;t=\d+$/) as string,
      'x-ratelimit-limit': '100',
      'x-ratelimit-remaining': '99',
    })
    const [, t] = /t=(\d+)$/.exec(response.headers['ratelimit'] ?? '') ?? []
    expect(Number(t)).toBeGreaterThanOrEqual(60)
    expect(Number(t)).toBeLessThanOrEqual(120)
    expect(Number(response.headers['x-ratelimit-reset'])).toBeGreaterThanOrEqual(before + Number(t))
    expect(Number(response.headers['x-ratelimit-reset'])).toBeLessThanOrEqual(Math.ceil(Date.now() / 1000) + Number(t))
  })

  test('F23: limiters that follow one response share one listener', async () => {
    const app = express()
    let before = 0
    app.use((_req, res, next) => {
      before = res.listenerCount('close')
      next()
    })
    let refunded = 0
    for (let i = 0; i < 12; i++) app.use(rateLimit({ name: `l${i}`, refundWhen: () => (refunded += 1) > 0 }))
    app.get('/', (_req, res) => {
      res.json({ added: res.listenerCount('close') - before })
    })
    expect((await supertest(app).get('/')).body).toEqual({ added: 1 })
    await waitUntil('12 refunds', () => refunded === 12)
  })

  test.each(['at once', 'later'])('P6: on a simulated request without a socket, next gets the error (%s)', async (when) => {
    const mine = new Error('mine')
    const key = when === 'at once' ? () => raise(mine) : () => Promise.reject(mine)
    const error = await new Promise((resolve) => {
      rateLimit({ key, store: standing() })({ headers: {}, method: 'GET', url: '/' } as never, {} as never, resolve)
    })
    expect(error).toBe(mine)
    const unknown = await new Promise((resolve) => {
      rateLimit({ store: standing() })({ headers: {}, method: 'GET', url: '/' } as never, {} as never, resolve)
    })
    expect(unknown).toMatchObject({ code: 'ERR_ADDRESS_UNKNOWN' })
  })

  test('P6: a simulated request and response are decided', () => {
    const set: Record<string, string> = {}
    const next = vi.fn<() => void>()
    const res = { setHeader: (name: string, value: string) => void (set[name] = value) }
    rateLimit({ limit: 2, store: standing() })({ headers: {}, method: 'GET', url: '/', ip: '192.0.2.1' } as never, res as never, next)
    expect(next.mock.calls).toEqual([[]])
    expect(set['X-RateLimit-Remaining']).toBe('1')
  })

  test('F15: refundWhen refunds in a test by supertest', async () => {
    const app = express()
    app.use(rateLimit({ limits: [minute(1)], refundWhen: (_req, { status }) => status < 400, store: standing() }))
    app.get('/', (_req, res) => res.end())
    const statuses: number[] = []
    for (const path of ['/', '/', '/nowhere', '/']) statuses.push((await supertest(app).get(path)).status)
    expect(statuses).toEqual([200, 200, 404, 429])
  })

  test('F11: WebSockets by express-ws hold their place until they close', async () => {
    const app = express()
    const { app: withSockets } = expressWs(app)
    const clock = fakeClock(START)
    let renewals = 0
    const store = observedStore(memoryStore({ clock }), (change) => (renewals += change === 'renew' ? 1 : 0))
    const limiter = rateLimit({ limits: [concurrency({ name: 'sockets', limit: 2, ttl: '90ms' })], key: () => 'all', store })
    app.use('/chat', limiter)
    withSockets.ws('/chat', (socket) => socket.on('message', () => socket.send('pong')))
    const server = withSockets.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/chat`
    /** Whether a connection stays open. */
    const open = async () => {
      const socket = new WebSocket(url)
      const isOpen = await new Promise<boolean>((resolve) => {
        socket.on('open', () => socket.send('ping'))
        socket.on('message', () => resolve(true))
        socket.on('close', () => resolve(false))
      })
      return { socket, isOpen }
    }
    const left = async () => (await limiter.limiter.peek('all')).remaining
    for (const _ of [1, 2]) {
      const sockets = [await open(), await open()]
      expect(sockets.map(({ isOpen }) => isOpen)).toEqual([true, true])
      // Twice the ttl: their places are renewed.
      for (const _step of [1, 2, 3]) {
        clock.advance(60)
        const before = renewals
        await waitUntil('both places to be renewed, twice', () => renewals >= before + 4)
      }
      expect((await open()).isOpen).toBe(false)
      for (const { socket } of sockets) socket.terminate()
      await waitUntil('both places to be free', async () => (await left()) === 2)
    }
    server.close()
  })

  test('F11: a response that is detached from its socket holds its place until the connection closes', async () => {
    const app = express()
    const limiter = rateLimit({ limits: [concurrency({ name: 'slots', limit: 1, ttl: '1h' })], key: () => 'all' })
    app.get('/', limiter, (req, res) => {
      res.detachSocket(req.socket)
      req.socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: mine\r\n\r\n')
    })
    const server = app.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1', () => {
      client.write('GET / HTTP/1.1\r\nHost: sluice.test\r\n\r\n')
    })
    await once(client, 'data')
    expect((await limiter.limiter.peek('all')).remaining).toBe(0)
    client.destroy()
    await waitUntil('the place to be free', async () => (await limiter.limiter.peek('all')).remaining === 1)
    server.close()
  })

  test('without options: the 101st is refused', async () => {
    const app = express()
    app.use(rateLimit({ store: standing() }))
    app.get('/', (_req, res) => res.end())
    const agent = supertest(app)
    for (let i = 0; i < 100; i++) expect((await agent.get('/')).status).toBe(200)
    const refused = await agent.get('/')
    expect(refused.status).toBe(429)
    expect(refused.headers['retry-after']).toBe('61')
    expect(refused.headers['content-type']).toBe('application/problem+json')
  })

  test('on a router: its path is the whole path, and only its routes are limited', async () => {
    const app = express()
    const router = express.Router()
    router.get('/items/:id', rateLimit({ limits: [minute(1)], key: route(), store: standing() }), (req, res) => {
      res.json(req.rateLimit?.charges.map(({ subject }) => subject))
    })
    app.use('/api', router)
    app.get('/free', (_req, res) => res.json('free'))
    const agent = supertest(app)
    expect((await agent.get('/api/items/1')).body).toEqual(['GET /api/items/:id'])
    expect((await agent.get('/api/items/2')).status).toBe(429)
    expect((await agent.get('/free')).headers['ratelimit']).toBeUndefined()
  })

  test('F01: mounted under a path, the key route() has no text of it', async () => {
    const app = express()
    app.use('/api', rateLimit({ limits: [minute(9)], key: route(), store: standing(), on: { warning: () => undefined } }))
    app.get('/api/items', (req, res) => res.json(req.rateLimit?.charges[0]?.subject))
    expect((await supertest(app).get('/api/items?x=1')).body).toBe('GET *')
  })

  test('M2: the limiter takes a request of Node alone, as Socket.IO and `ws` have it', async () => {
    const app = express()
    const { limiter } = rateLimit({ limits: [minute(2)], trustProxy: 1, store: standing() })
    app.get('/', rateLimit({ limiter, trustProxy: 1 }), (_req, res) => res.send('ok'))
    const server = createServer(app).listen(0, '127.0.0.1')
    const seen: unknown[] = []
    server.on('upgrade', (req, socket) => {
      void (async () => {
        seen.push(limiter.clientAddress(req), await limiter.subjectOf(req), (await limiter.peek(req)).remaining)
        await limiter.reset(req)
        seen.push((await limiter.peek(req)).remaining)
        socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')
      })()
    })
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const headers = { 'x-forwarded-for': '2001:db8:0:1ff::1' }
    await supertest(`http://127.0.0.1:${port}`).get('/').set(headers).expect(200)
    const upgrade = request({ port, host: '127.0.0.1', headers: { ...headers, connection: 'Upgrade', upgrade: 'websocket' } })
    upgrade.end()
    await once(upgrade, 'response')
    expect(seen).toEqual(['2001:db8:0:1ff::1', '2001:db8:0:100::/56', 1, 2])
    server.close()
  })

  const broken: readonly (readonly [string, ExpressOptions])[] = [
    ['a store that throws', { store: storeOf(() => fail()) }],
    ['a store that rejects', { store: storeOf(() => Promise.reject(new Error('away'))) }],
    ['a key that throws', { key: () => fail() }],
    ['a key that rejects', { key: () => Promise.reject(new Error('away')) }],
  ]
  test.each(broken)('%s: next gets the error, once', async (_name, options) => {
    const app = express()
    const errors: unknown[] = []
    app.use(rateLimit(options))
    app.use(((error: unknown, _req: Request, res: Response, _next: () => void) => {
      errors.push(error)
      res.status(503).end()
    }) as express5.ErrorRequestHandler)
    expect((await supertest(app).get('/')).status).toBe(503)
    expect(errors).toEqual([new Error('away')])
  })

  test('nothing is asynchronous unless the store or an option is: next has been called when the middleware returns, and no promise was made', async () => {
    const limiter = rateLimit({
      limits: [minute(1_000)],
      key: header('x-api-key'),
      tier: () => undefined,
      tiers: { free: [] },
      store: standing(),
    })
    const seen: { readonly at: 'before' | 'after'; readonly promises: number }[] = []
    const app = express()
    app.use((req, res, next) => {
      let promises = 0
      let called = false
      const hook = createHook({ init: (_id, type) => void (promises += type === 'PROMISE' ? 1 : 0) })
      hook.enable()
      limiter(req, res, () => {
        called = true
      })
      hook.disable()
      seen.push({ at: called ? 'before' : 'after', promises })
      next()
    })
    app.get('/', (req, res) => res.json(req.rateLimit?.verdict))
    for (const _request of [1, 2]) expect((await supertest(app).get('/').set('X-Api-Key', 'a')).body).toBe('allowed')
    expect(seen).toEqual([
      { at: 'before', promises: 0 },
      { at: 'before', promises: 0 },
    ])
  })

  test('a refusal is synchronous too', async () => {
    const limiter = rateLimit({ limits: [minute(1)], store: standing() })
    await limiter.limiter.consume('127.0.0.1')
    let ended: boolean | undefined
    const app = express()
    app.use((req, res, next) => {
      limiter(req, res, next)
      ended = res.writableEnded
    })
    expect((await supertest(app).get('/')).status).toBe(429)
    expect(ended).toBe(true)
  })

  test("Express's own trust proxy says who the client is", async () => {
    const warnings: string[] = []
    const app = express()
    app.set('trust proxy', 1)
    app.use(rateLimit({ limits: [minute(1)], store: standing(), on: { warning: (event) => warnings.push(codeOf(event)) } }))
    app.get('/', (_req, res) => res.end())
    const from = async (list: string) => (await supertest(app).get('/').set('X-Forwarded-For', list)).status
    expect([await from('1.1.1.1'), await from('9.9.9.9, 1.1.1.1'), await from('1.1.1.1, 2.2.2.2')]).toEqual([200, 429, 200])
    expect(warnings).toEqual([])
  })

  test('trust proxy: true trusts every address, with one warning', async () => {
    const warnings: string[] = []
    const app = express()
    app.set('trust proxy', true)
    app.use(rateLimit({ limits: [minute(1)], store: standing(), on: { warning: (event) => warnings.push(codeOf(event)) } }))
    app.get('/', (_req, res) => res.end())
    for (const _request of [1, 2]) await supertest(app).get('/').set('X-Forwarded-For', '1.1.1.1')
    expect(warnings).toEqual(['WARN_TRUST_PERMISSIVE'])
  })

  test('with the option trustProxy the forwarded headers are read from the socket on, whatever Express is set to', async () => {
    const app = express()
    app.set('trust proxy', true)
    app.use(rateLimit({ limits: [minute(1)], trustProxy: 1, store: standing() }))
    app.get('/', (req, res) => res.json([req.ip, req.rateLimit?.charges[0]?.subject]))
    const response = await supertest(app).get('/').set('X-Forwarded-For', '6.6.6.6, 1.1.1.1')
    expect(response.body).toEqual(['6.6.6.6', '1.1.1.1'])
  })

  test.each(['at once', 'later'])(
    'a client that is gone before the middleware runs leaves no holder behind (store answers %s)',
    async (when) => {
      const memory = standing()
      const store = when === 'at once' ? memory : storeOf(async (...args) => memory.consume(...args))
      // A socket that is closed knows its peer's address no more.
      const limiter = rateLimit({ limits: [concurrency({ name: 'slots', limit: 1, ttl: '1h' })], key: header('x-user'), store })
      const app = express()
      let passed = 0
      app.use((_req, res, next) => {
        res.once('close', () => setImmediate(next))
      })
      app.use(limiter)
      app.use(() => {
        passed += 1
      })
      const server = createServer(app).listen(0, '127.0.0.1')
      await once(server, 'listening')
      const client = request({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', headers: { 'x-user': 'ann' } })
      client.on('error', () => undefined)
      client.end()
      await once(server, 'request')
      client.destroy()
      await waitUntil('the request to pass', () => passed === 1)
      await waitUntil('the holder to be released', async () => (await limiter.limiter.peek('ann')).remaining === 1)
      server.close()
    },
  )

  test('the limiter of the middleware works on the same state', async () => {
    const limiter = rateLimit({ limits: [minute(2)], store: standing() })
    const app = express()
    app.use(limiter)
    app.get('/', (req, res) => res.json(req.rateLimit?.remaining))
    const agent = supertest(app)
    expect((await agent.get('/')).body).toBe(1)
    const decision = limiter.limiter.consume('127.0.0.1')
    expect(isPromise(decision)).toBe(false)
    expect(await decision).toMatchObject({ allowed: true, remaining: 0 })
    expect((await agent.get('/')).status).toBe(429)
    await limiter.limiter.reset('127.0.0.1')
    expect((await agent.get('/')).body).toBe(1)
  })

  test('one limiter in two places', async () => {
    const first = rateLimit({ name: 'shared', limits: [minute(2)], store: standing() })
    const app = express()
    app.get('/a', first, (req, res) => res.json(req.rateLimit?.remaining))
    app.get('/b', rateLimit({ limiter: first.limiter, statusCode: 420 }), (req, res) => res.json(req.rateLimit?.remaining))
    const agent = supertest(app)
    expect([(await agent.get('/a')).body, (await agent.get('/b')).body]).toEqual([1, 0])
    const [a, b] = [await agent.get('/a'), await agent.get('/b')]
    expect([a.status, b.status]).toEqual([429, 420])
    expect(a.headers['ratelimit-policy']).toBe('"shared.minute";q=2;w=60')
    expect(b.headers['ratelimit-policy']).toBe(a.headers['ratelimit-policy'])
  })

  test('one shorthand limiter in two places has one name', async () => {
    const first = rateLimit({ name: 'api', limit: 9, window: '1m', store: standing() })
    const app = express()
    app.get('/a', first, (_req, res) => res.end())
    app.get('/b', rateLimit({ limiter: first.limiter }), (_req, res) => res.end())
    const agent = supertest(app)
    const policies = [await agent.get('/a'), await agent.get('/b')].map(({ headers }) => headers['ratelimit-policy'] as string)
    expect(policies).toEqual(['"api";q=9;w=60', '"api";q=9;w=60'])
  })

  test('option functions get the request, with its response on it', async () => {
    const app = express()
    app.use(
      rateLimit({
        limits: [slidingWindow({ name: 'minute', limit: 1, window: '1m', key: (req: Request) => req.get('x-user') })],
        handler: (req) => req.res.status(420).json({ query: req.query }),
        store: standing(),
      }),
    )
    app.get('/', (_req, res) => res.end())
    await supertest(app).get('/')
    const response = await supertest(app).get('/?a=1')
    expect([response.status, response.body]).toEqual([420, { query: { a: '1' } }])
    expect(response.headers['retry-after']).toBe('120')
  })

  test('a handler that sets no status answers with that of the refusal', async () => {
    const app = appWith({ limits: [minute(1)], handler: (req) => req.res.json('slow down'), store: standing() })
    await supertest(app).get('/')
    const response = await supertest(app).get('/')
    expect([response.status, response.body]).toEqual([429, 'slow down'])
  })
})

function storeOf(consume: Store['consume']): Store {
  return { name: 'custom', consume, reset: () => undefined }
}

function fail(): never {
  throw new Error('away')
}

function codeOf(event: object): string {
  return 'code' in event ? String(event.code) : ''
}
