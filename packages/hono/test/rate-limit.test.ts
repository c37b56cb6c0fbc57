import { request } from 'node:http'
import { createRequire } from 'node:module'
import { fakeClock } from '@sluice/testing'
import { type Context, Hono } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { body, concurrency, fixedWindow, header, type HonoOptions, ip, memoryStore, rateLimit, route, type Store } from '../src/index.ts'
import { isPromise } from '@sluice/core/adapter-kit'
import { serveOnNode } from './on-node.ts'

const START = 1_800_000_000_000
const minute = (limit: number) => fixedWindow({ name: 'minute', limit, window: '1m' })
const standing = () => memoryStore({ clock: fakeClock(START) })
const ended: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of ended.splice(0)) await end()
})

/** On a real socket; the function returned sends a request. */
async function served(app: Hono<any>): Promise<(path?: string, init?: RequestInit) => Promise<Response>> {
  const { url, close } = await serveOnNode(app)
  ended.push(close)
  return (path = '/', init = {}) => fetch(url + path, { redirect: 'manual', ...init })
}

const left = (response: Response) => response.headers.get('x-ratelimit-remaining')

describe('rateLimit', () => {
  test('without options: 100 a minute per client address, in memory', async () => {
    const app = new Hono()
    app.use(rateLimit())
    app.get('/', (c) => c.json({ remaining: c.var.rateLimit?.remaining }))
    const get = await served(app)
    const response = await get()
    expect([response.status, await response.json(), left(response)]).toEqual([200, { remaining: 99 }, '99'])
    expect(response.headers.get('ratelimit-policy')).toBe('"default";q=100;w=60')
  })

  test('without options: the 101st is refused', async () => {
    const app = new Hono()
    app.use(rateLimit({ store: standing() }))
    app.get('/', (c) => c.body(null, 204))
    const get = await served(app)
    for (let i = 0; i < 100; i++) expect((await get()).status).toBe(204)
    const refused = await get()
    expect([refused.status, refused.headers.get('retry-after'), refused.headers.get('content-type')]).toEqual([
      429,
      '61',
      'application/problem+json',
    ])
  })

  describe('every kind of response has the headers', () => {
    const app = new Hono()
    app.use(rateLimit({ limit: 1_000, store: standing() }))
    app.get('/json', (c) => c.json({}))
    app.get('/raw', () => new Response('raw'))
    app.get('/redirect', () => Response.redirect('https://sluice.test/'))
    app.get('/fetched', () => fetch('data:text/plain,fetched'))
    app.get('/thrown', () => {
      throw new HTTPException(418, { message: 'teapot' })
    })
    app.get('/thrown-response', () => {
      throw new HTTPException(401, { res: new Response('who?', { status: 401, headers: { 'www-authenticate': 'Bearer' } }) })
    })
    app.get('/error', () => {
      throw new Error('mapped')
    })
    app.onError((error) => (error instanceof HTTPException ? error.getResponse() : new Response(error.message, { status: 503 })))
    app.notFound(() => new Response('nothing', { status: 404 }))
    test.each([
      ['/json', 200, '{}'],
      ['/raw', 200, 'raw'],
      ['/redirect', 302, ''],
      ['/fetched', 200, 'fetched'],
      ['/thrown', 418, 'teapot'],
      ['/thrown-response', 401, 'who?'],
      ['/error', 503, 'mapped'],
      ['/nowhere', 404, 'nothing'],
    ])('%s', async (path, status, text) => {
      const get = await served(app)
      const response = await get(path)
      expect([response.status, await response.text()]).toEqual([status, text])
      expect(response.headers.get('ratelimit-policy')).toBe('"default";q=1000;w=60')
    })
  })

  test('what is thrown without being an Error, which Hono answers nothing to, frees what it held', async () => {
    const limiter = rateLimit({ limits: [concurrency({ name: 'slots', limit: 1, ttl: '1h' })], store: standing() })
    const app = new Hono()
    app.use(limiter)
    app.get('/', () => {
      throw 'a text'
    })
    const get = await served(app)
    expect((await get()).status).toBe(500)
    expect((await limiter.limiter.peek('127.0.0.1')).remaining).toBe(1)
  })

  test('trap: HEAD frees what it held, though nobody reads the body of its answer', async () => {
    const limiter = rateLimit({ limits: [concurrency({ name: 'slots', limit: 1, ttl: '1h' })], store: standing() })
    const app = new Hono()
    app.use(limiter)
    app.get('/', (c) => c.text('body'))
    const get = await served(app)
    for (const _ of [1, 2, 3]) expect((await get('/', { method: 'HEAD' })).status).toBe(200)
  })

  test('sub-apps: limiters of both apps write one header set, and the error handler of each is its own', async () => {
    const sub = new Hono()
    sub.use(rateLimit({ name: 'sub', limits: [minute(5)], store: standing() }))
    sub.get('/ok', (c) => c.text('ok'))
    sub.get('/error', () => {
      throw new Error('of sub')
    })
    sub.onError((error, c) => c.text(`sub: ${error.message}`, 502))
    const app = new Hono()
    app.use(rateLimit({ name: 'app', limits: [minute(9)], store: standing() }))
    app.route('/sub', sub)
    app.get('/free', (c) => c.text('free'))
    const get = await served(app)
    const ok = await get('/sub/ok')
    expect([ok.headers.get('ratelimit-policy'), left(ok)]).toEqual(['"app.minute";q=9;w=60, "sub.minute";q=5;w=60', '4'])
    const failed = await get('/sub/error')
    expect([failed.status, await failed.text(), left(failed)]).toEqual([502, 'sub: of sub', '3'])
    expect((await get('/free')).headers.get('ratelimit-policy')).toBe('"app.minute";q=9;w=60')
  })

  test('route(): the pattern of the route that answers, wherever the limiter is mounted; the path where none does', async () => {
    const subjectOf = (c: Context) => c.json(c.get('rateLimit')?.charges[0]?.subject)
    const app = new Hono()
    app.use(rateLimit({ limit: 1_000, key: route(), store: standing() }))
    app.get('/users/:id', subjectOf)
    app.all('/any/:id', subjectOf)
    app.get('/files/*', subjectOf)
    const sub = new Hono().get('/:item', subjectOf)
    app.route('/things', sub)
    app.use('/late/*', async (_c, next) => next())
    app.get('*', subjectOf)
    app.notFound(subjectOf)
    const get = await served(app)
    const subject = async (path: string, init?: RequestInit) => (await get(path, init)).json()
    expect(await subject('/users/1?x=1')).toBe('GET /users/:id')
    expect(await subject('/any/1', { method: 'PUT' })).toBe('PUT /any/:id')
    expect(await subject('/files/a/b')).toBe('GET /files/*')
    expect(await subject('/things/1')).toBe('GET /things/:item')
    expect(await subject('/late/1', { method: 'POST' })).toBe('POST /late/1')
  })

  test('trap: two builds of Hono: the one that `require` gets is served as well', async () => {
    const { Hono: Required } = createRequire(import.meta.url)('hono') as { readonly Hono: typeof Hono }
    expect(Required).not.toBe(Hono)
    const app = new Required()
    app.use(rateLimit({ limit: 9, key: [ip(), route()], settle: () => 1, store: standing() }))
    app.get('/users/:id', (c) => c.json(c.get('rateLimit')?.charges[0]?.subject))
    const get = await served(app)
    expect(await (await get('/users/1')).json()).toBe('127.0.0.1:GET /users/\\:id')
  })

  test('body(): JSON and forms, read once and left for the handler; what cannot be parsed has no fields', async () => {
    const app = new Hono()
    app.use(rateLimit({ limit: 9, key: body('email'), store: standing() }))
    app.post('/', async (c) => c.json([c.get('rateLimit')?.charges[0]?.subject, await c.req.text()]))
    const get = await served(app)
    const sent = async (type: string, text: string) =>
      (await get('/', { method: 'POST', headers: { 'content-type': type }, body: text })).json()
    expect(await sent('application/json; charset=utf-8', '{"email":"a@x"}')).toEqual(['a@x', '{"email":"a@x"}'])
    expect(await sent('application/x-www-form-urlencoded', 'email=b%40x')).toEqual(['b@x', expect.any(String)])
    expect(await sent('application/json', '{"email":')).toEqual(['~ip:127.0.0.1', '{"email":'])
    expect(await sent('text/plain', 'email=c')).toEqual(['~ip:127.0.0.1', 'email=c'])
  })

  test('a handler without a status of its own answers with that of the refusal, and the next error with its own', async () => {
    const app = new Hono()
    const handler: HonoOptions['handler'] = (c) => {
      if (c.req.query('fail') !== undefined) throw new Error('no answer')
      return c.text('slow down')
    }
    app.use(rateLimit({ limits: [minute(1)], handler, store: standing() }))
    app.get('/', (c) => c.text('ok'))
    app.onError((error, c) => c.text(error.message))
    const get = await served(app)
    await get()
    const refused = await get()
    expect([refused.status, await refused.text(), refused.headers.get('retry-after')]).toEqual([429, 'slow down', '60'])
    const failed = await get('/?fail')
    expect([failed.status, await failed.text(), failed.headers.get('retry-after')]).toEqual([200, 'no answer', '60'])
  })

  test('headers of middleware before it stay on a refusal: CORS', async () => {
    const app = new Hono()
    app.use(async (c, next) => {
      c.header('Access-Control-Allow-Origin', '*')
      await next()
    })
    app.use(rateLimit({ limits: [minute(1)], store: standing() }))
    app.get('/', (c) => c.text('ok'))
    const get = await served(app)
    for (const status of [200, 429]) {
      const response = await get()
      expect([response.status, response.headers.get('access-control-allow-origin')]).toEqual([status, '*'])
    }
  })

  test('several cookies of a response stay several, with something to settle too', async () => {
    const app = new Hono()
    app.use(rateLimit({ limit: 9, settle: () => 1, store: standing() }))
    app.get(
      '/',
      () =>
        new Response('ok', {
          headers: [
            ['set-cookie', 'a=1'],
            ['set-cookie', 'b=2'],
          ],
        }),
    )
    const get = await served(app)
    expect((await get()).headers.getSetCookie()).toEqual(['a=1', 'b=2'])
  })

  test('the limiter of the middleware works on the same state, at once', async () => {
    const limiter = rateLimit({ limits: [minute(2)], store: standing() })
    const app = new Hono()
    app.get('/', limiter, (c) => c.text('ok'))
    const get = await served(app)
    expect(left(await get())).toBe('1')
    const decision = limiter.limiter.consume('127.0.0.1')
    expect(isPromise(decision)).toBe(false)
    expect((await get()).status).toBe(429)
    await limiter.limiter.reset('127.0.0.1')
    expect(left(await get())).toBe('1')
  })

  test.each(['at once', 'later'])(
    'a client that is gone before the limiter runs leaves no holder behind (store answers %s)',
    async (when) => {
      const memory = standing()
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
      // The address of a closed connection is not known, and nobody is there to hear of that.
      app.use(rateLimit({ name: 'address', store: standing() }))
      app.onError((error, c) => {
        errors.push(error)
        return c.body(null, 500)
      })
      const { url, close } = await serveOnNode(app)
      ended.push(close)
      const client = request(url, { headers: { 'x-user': 'ann' } })
      client.on('error', () => undefined)
      client.end()
      await vi.waitUntil(() => arrived)
      client.destroy()
      await vi.waitUntil(() => passed === 1)
      await vi.waitUntil(async () => (await limiter.limiter.peek('ann')).remaining === 1)
      expect(errors).toEqual([])
    },
  )
})

describe('who the client is', () => {
  const app = new Hono()
  app.use(rateLimit({ limit: 9, store: standing() }))
  app.get('/', (c) => c.json(c.get('rateLimit')?.charges[0]?.subject))
  app.onError((error, c) => c.json((error as Error & { readonly code?: string }).code, 500))
  const subject = async (env: unknown, init: RequestInit & { readonly cf?: unknown } = {}) => {
    const asked = new Request('http://sluice.test/', { headers: { 'cf-connecting-ip': '6.6.6.6' }, ...init })
    if ('cf' in init) Object.defineProperty(asked, 'cf', { value: init.cf })
    return (await app.fetch(asked, env)).json()
  }

  test.each([
    ['Node', { incoming: { socket: { remoteAddress: '1.2.3.4' } } }],
    ['Node, its bindings under server', { server: { incoming: { socket: { remoteAddress: '1.2.3.4' } } } }],
    ['Bun', { requestIP: () => ({ address: '1.2.3.4' }) }],
    ['Bun, its server under server', { server: { requestIP: () => ({ address: '::ffff:1.2.3.4' }) } }],
    ['Deno', { remoteAddr: { transport: 'tcp', hostname: '1.2.3.4', port: 5 } }],
  ])('on %s: its connection, whatever cf-connecting-ip says', async (_, env) => {
    expect(await subject(env)).toBe('1.2.3.4')
  })

  test.each([
    ['nothing', undefined],
    ['a Unix socket on Node', { incoming: { socket: {} } }],
    ['a Unix socket on Bun', { requestIP: () => null }],
    ['a Unix socket on Deno', { remoteAddr: { transport: 'unix', path: '/run/app.sock' } }],
    ['bindings of a platform', { KV: {} }],
  ])('from %s, there is none: an error, and no bucket for all', async (_, env) => {
    expect(await subject(env)).toBe('ERR_ADDRESS_UNKNOWN')
  })

  test('on Cloudflare: cf-connecting-ip, which it overwrites', async () => {
    expect(await subject({}, { cf: { colo: 'FRA' } })).toBe('6.6.6.6')
  })

  test('on a workerd of your own: its connection, and no header', async () => {
    expect(await subject({}, { cf: { clientIp: '1.2.3.4:5' } })).toBe('1.2.3.4')
    expect(await subject({}, { cf: { clientIp: '[2001:db8:0:100::1]:5' } })).toBe('2001:db8:0:100::/56')
  })

  test('within workerd, from a worker that says nothing of it: none, since any header may be passed on', async () => {
    expect(await subject({}, { cf: undefined })).toBe('ERR_ADDRESS_UNKNOWN')
  })

  test('within workerd, bindings are left alone: touching one may call it', async () => {
    const binding = new Proxy(() => undefined, {
      get() {
        throw new Error('touched')
      },
    })
    expect(await subject({ server: binding, incoming: binding }, { cf: { clientIp: '1.2.3.4:5' } })).toBe('1.2.3.4')
  })

  test('ip(read): from wherever the platform has it', async () => {
    const own = new Hono<{ Bindings: { readonly platform: { readonly address: string } } }>()
    own.use(
      rateLimit({ limit: 9, key: ip((c: Context) => (c.env as { readonly platform: { readonly address: string } }).platform.address) }),
    )
    own.get('/', (c) => c.json(c.get('rateLimit')?.charges[0]?.subject))
    const response = await own.fetch(new Request('http://sluice.test/'), { platform: { address: '::ffff:1.2.3.4' } })
    expect(await response.json()).toBe('1.2.3.4')
  })
})

describe('waitUntil', () => {
  const settling = (app: Hono, options: HonoOptions) => {
    app.use(rateLimit({ limit: 9, key: () => 'all', store: standing(), ...options }))
    app.get('/', (c) => c.text('ok'))
    return app
  }
  const executed = (app: Hono) => {
    const work: Promise<unknown>[] = []
    const context = { waitUntil: (each: Promise<unknown>) => void work.push(each), passThroughOnException: () => undefined, props: {} }
    return { work, response: app.fetch(new Request('http://sluice.test/'), {}, context) }
  }

  test('is given what is left after the response, from before it is out until it is done', async () => {
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

  test('is left alone when nothing is left', async () => {
    const { work, response } = executed(settling(new Hono(), {}))
    await (await response).text()
    expect(work).toEqual([])
  })

  test('a context that cannot wait is not needed', async () => {
    const app = settling(new Hono(), { settle: () => 1 })
    expect(await (await app.request('/')).text()).toBe('ok')
  })
})

function storeOf(consume: Store['consume']): Store {
  return { name: 'custom', consume, reset: () => undefined }
}
