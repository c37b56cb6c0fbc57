import { isPromise } from '@sluice/core/adapter-kit'
import { Hono } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { describe, expect, test } from 'vitest'
import { type Code, fixedWindow, type HonoOptions, rateLimit } from '../src/index.ts'
import { minute, remainingOf, served, stoppedStore } from './support.ts'
import { thrownBy } from './thrown-error.ts'

test('without options: 100 requests a minute per client address, in memory', async () => {
  const app = new Hono()
  app.use(rateLimit())
  app.get('/', (c) => c.json({ remaining: c.var.rateLimit?.remaining }))
  const get = await served(app)
  const response = await get()
  expect([response.status, await response.json(), remainingOf(response)]).toEqual([200, { remaining: 99 }, '99'])
  expect(response.headers.get('ratelimit-policy')).toBe('"default";q=100;w=60')
})

test('without options: the 101st request is refused', async () => {
  const app = new Hono()
  app.use(rateLimit({ store: stoppedStore() }))
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

describe('every kind of response gets the headers', () => {
  const app = new Hono()
  app.use(rateLimit({ limit: 1_000, store: stoppedStore() }))
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

test('sub-apps: limiters of both apps write one set of headers, and each app keeps its error handler', async () => {
  const sub = new Hono()
  sub.use(rateLimit({ name: 'sub', limits: [minute(5)], store: stoppedStore() }))
  sub.get('/ok', (c) => c.text('ok'))
  sub.get('/error', () => {
    throw new Error('of sub')
  })
  sub.onError((error, c) => c.text(`sub: ${error.message}`, 502))
  const app = new Hono()
  app.use(rateLimit({ name: 'app', limits: [minute(9)], store: stoppedStore() }))
  app.route('/sub', sub)
  app.get('/free', (c) => c.text('free'))
  const get = await served(app)
  const ok = await get('/sub/ok')
  expect([ok.headers.get('ratelimit-policy'), remainingOf(ok)]).toEqual(['"app.minute";q=9;w=60, "sub.minute";q=5;w=60', '4'])
  const failed = await get('/sub/error')
  expect([failed.status, await failed.text(), remainingOf(failed)]).toEqual([502, 'sub: of sub', '3'])
  expect((await get('/free')).headers.get('ratelimit-policy')).toBe('"app.minute";q=9;w=60')
})

test('`handler` answers with the status of the refusal; an error from it gets the status of the error handler', async () => {
  const app = new Hono()
  const handler: HonoOptions['handler'] = (c) => {
    if (c.req.query('fail') !== undefined) throw new Error('no answer')
    return c.text('slow down')
  }
  app.use(rateLimit({ limits: [minute(1)], handler, store: stoppedStore() }))
  app.get('/', (c) => c.text('ok'))
  app.onError((error, c) => c.text(error.message))
  const get = await served(app)
  await get()
  const refused = await get()
  expect([refused.status, await refused.text(), refused.headers.get('retry-after')]).toEqual([429, 'slow down', '60'])
  const failed = await get('/?fail')
  expect([failed.status, await failed.text(), failed.headers.get('retry-after')]).toEqual([200, 'no answer', '60'])
})

test("a header that earlier middleware set on the response does not replace the limiter's on a refusal", async () => {
  const app = new Hono()
  app.use(async (c, next) => {
    c.res.headers.set('Cache-Control', 'public, max-age=60')
    c.res.headers.set('Retry-After', '1')
    c.res.headers.set('X-Kept', '1')
    await next()
  })
  app.use(rateLimit({ limits: [minute(1)], store: stoppedStore() }))
  app.get('/', (c) => c.text('ok'))
  const get = await served(app)
  expect((await get()).headers.get('cache-control')).toBe('public, max-age=60')
  const { status, headers } = await get()
  expect([status, headers.get('cache-control'), headers.get('retry-after'), headers.get('x-kept')]).toEqual([429, 'no-store', '60', '1'])
})

test('a refusal keeps the headers of earlier middleware: CORS', async () => {
  const app = new Hono()
  app.use(async (c, next) => {
    c.header('Access-Control-Allow-Origin', '*')
    await next()
  })
  app.use(rateLimit({ limits: [minute(1)], store: stoppedStore() }))
  app.get('/', (c) => c.text('ok'))
  const get = await served(app)
  for (const status of [200, 429]) {
    const response = await get()
    expect([response.status, response.headers.get('access-control-allow-origin')]).toEqual([status, '*'])
  }
})

test('a response keeps its several cookies, also with `settle`', async () => {
  const app = new Hono()
  app.use(rateLimit({ limit: 9, settle: () => 1, store: stoppedStore() }))
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

test('`limiter` of the middleware uses the same state, synchronously', async () => {
  const limiter = rateLimit({ limits: [minute(2)], store: stoppedStore() })
  const app = new Hono()
  app.get('/', limiter, (c) => c.text('ok'))
  const get = await served(app)
  expect(remainingOf(await get())).toBe('1')
  const decision = limiter.limiter.consume('127.0.0.1')
  expect(isPromise(decision)).toBe(false)
  expect((await get()).status).toBe(429)
  await limiter.limiter.reset('127.0.0.1')
  expect(remainingOf(await get())).toBe('1')
})

// Core checks options, and Express' tests cover the rules. These show that Hono applies them.
test.each<readonly [object | null, Code, string]>([
  [{ limit: -1 }, 'ERR_OPTION_INVALID', 'got -1'],
  [{ window: '1 m' }, 'ERR_OPTION_INVALID', 'got the string "1 m"'],
  [{ windowMs: 1 }, 'ERR_OPTION_UNKNOWN', 'use window'],
  [{ keyGenerator: () => 'a' }, 'ERR_OPTION_UNKNOWN', 'use key'],
  [{ handler: 'no' }, 'ERR_OPTION_INVALID', 'got the string "no"'],
  [{ limiter: rateLimit().limiter, limit: 1 }, 'ERR_OPTION_CONFLICT', 'limit'],
  [{ strict: true, trustProxy: ['0.0.0.0/0'] }, 'WARN_TRUST_PERMISSIVE', '0.0.0.0/0'],
  [null, 'ERR_OPTION_INVALID', 'null'],
])('trap: a wrong option is refused when the limiter is created: %o', (options, code, text) => {
  const [got, message] = thrownBy(() => rateLimit(options as never))
  expect(got).toBe(code)
  expect(message).toContain(text)
})

test('the options are not modified, and a later change of them has no effect', async () => {
  const options = { limits: [fixedWindow({ name: 'minute', limit: 2, window: '1m' })], standard: false as const }
  const before = JSON.stringify(options)
  const { limiter } = rateLimit(options)
  expect(JSON.stringify(options)).toBe(before)
  options.limits = []
  expect((await limiter.peek('192.0.2.1')).remaining).toBe(2)
})
