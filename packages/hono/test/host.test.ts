import { request } from 'node:http'
import { createRequire } from 'node:module'
import { type Context, Hono } from 'hono'
import { describe, expect, test } from 'vitest'
import { body, ip, rateLimit, route } from '../src/index.ts'
import { served, stoppedStore, urlOf } from './support.ts'

describe('the address of the client', () => {
  const app = new Hono()
  app.use(rateLimit({ limit: 9, store: stoppedStore() }))
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
  ])('on %s: that of the connection, whatever cf-connecting-ip says', async (_, env) => {
    expect(await subject(env)).toBe('1.2.3.4')
  })

  test.each([
    ['nothing', undefined],
    ['a Unix socket on Node', { incoming: { socket: {} } }],
    ['a Unix socket on Bun', { requestIP: () => null }],
    ['a Unix socket on Deno', { remoteAddr: { transport: 'unix', path: '/run/app.sock' } }],
    ['bindings of a platform', { KV: {} }],
  ])('from %s: none, which is an error and not one quota for all', async (_, env) => {
    expect(await subject(env)).toBe('ERR_ADDRESS_UNKNOWN')
  })

  test('newcomer 16: the error says to pass on what the server passed, and what a test passes', async () => {
    const messages: string[] = []
    const asked = new Hono()
    asked.use(rateLimit())
    asked.get('/', (c) => c.text('ok'))
    asked.onError((error, c) => {
      messages.push(error.message)
      return c.text('failed', 500)
    })
    expect((await asked.request('/')).status).toBe(500)
    expect(messages).toEqual([
      expect.stringContaining(
        'got none; pass on what the server passed after the request, as in app.fetch(request, server); in a test, app.request(path, {}, ',
      ),
    ])
    expect((await asked.request('/', {}, { incoming: { socket: { remoteAddress: '127.0.0.1' } } })).status).toBe(200)
  })

  test('on Cloudflare: cf-connecting-ip, which Cloudflare overwrites', async () => {
    expect(await subject({}, { cf: { colo: 'FRA' } })).toBe('6.6.6.6')
  })

  test('on a workerd outside of Cloudflare: that of the connection, and no header', async () => {
    expect(await subject({}, { cf: { clientIp: '1.2.3.4:5' } })).toBe('1.2.3.4')
    expect(await subject({}, { cf: { clientIp: '[2001:db8:0:100::1]:5' } })).toBe('2001:db8:0:100::/56')
  })

  test('within workerd, in a request from another Worker: none, because any header may be forwarded', async () => {
    expect(await subject({}, { cf: undefined })).toBe('ERR_ADDRESS_UNKNOWN')
  })

  test('within workerd no binding is read: reading one may call it', async () => {
    const binding = new Proxy(() => undefined, {
      get() {
        throw new Error('touched')
      },
    })
    expect(await subject({ server: binding, incoming: binding }, { cf: { clientIp: '1.2.3.4:5' } })).toBe('1.2.3.4')
  })

  test('ip(read): from where the platform puts it', async () => {
    const own = new Hono<{ Bindings: { readonly platform: { readonly address: string } } }>()
    own.use(
      rateLimit({ limit: 9, key: ip((c: Context) => (c.env as { readonly platform: { readonly address: string } }).platform.address) }),
    )
    own.get('/', (c) => c.json(c.get('rateLimit')?.charges[0]?.subject))
    const response = await own.fetch(new Request('http://sluice.test/'), { platform: { address: '::ffff:1.2.3.4' } })
    expect(await response.json()).toBe('1.2.3.4')
  })
})

test('route() is the pattern of the matching route, wherever the limiter is mounted; F01: without a match it is *', async () => {
  const subjectOf = (c: Context) => c.json(c.get('rateLimit')?.charges[0]?.subject)
  const app = new Hono()
  app.use(rateLimit({ limit: 1_000, key: route(), store: stoppedStore() }))
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
  expect(await subject('/late/1', { method: 'POST' })).toBe('POST *')
})

test('trap: the CommonJS build of Hono, which `require` loads, is limited as well', async () => {
  const { Hono: Required } = createRequire(import.meta.url)('hono') as { readonly Hono: typeof Hono }
  expect(Required).not.toBe(Hono)
  const app = new Required()
  app.use(rateLimit({ limit: 9, key: [ip(), route()], settle: () => 1, store: stoppedStore() }))
  app.get('/users/:id', (c) => c.json(c.get('rateLimit')?.charges[0]?.subject))
  const get = await served(app)
  expect(await (await get('/users/1')).json()).toBe('127.0.0.1:GET /users/\\:id')
})

test('body() reads JSON and forms, and the handler can read them again; a body that cannot be parsed has no fields', async () => {
  const app = new Hono()
  app.use(rateLimit({ limit: 9, key: body('email'), store: stoppedStore() }))
  app.post('/', async (c) => c.json([c.get('rateLimit')?.charges[0]?.subject, await c.req.text()]))
  const get = await served(app)
  const sent = async (type: string, text: string) =>
    (await get('/', { method: 'POST', headers: { 'content-type': type }, body: text })).json()
  expect(await sent('application/json; charset=utf-8', '{"email":"a@x"}')).toEqual(['a@x', '{"email":"a@x"}'])
  expect(await sent('application/x-www-form-urlencoded', 'email=b%40x')).toEqual(['b@x', expect.any(String)])
  expect(await sent('application/json', '{"email":')).toEqual(['~ip:127.0.0.1', '{"email":'])
  expect(await sent('text/plain', 'email=c')).toEqual(['~ip:127.0.0.1', 'email=c'])
})

test('F18: a target of which no Request can be made is counted, by its address', async () => {
  const app = new Hono()
  app.use(rateLimit({ limit: 1, key: body('email'), store: stoppedStore() }))
  app.all('*', (c) => c.text('ok'))
  const url = await urlOf(app)
  const statusOf = (type: string) =>
    new Promise<number | undefined>((resolve, reject) => {
      const headers = { 'content-type': type }
      const asked = request(url, { path: 'http://user:secret@sluice.test/', headers, agent: false }, (response) => {
        response.resume()
        resolve(response.statusCode)
      })
      asked.on('error', reject).end()
    })
  expect([await statusOf('application/json'), await statusOf('multipart/form-data; boundary=x')]).toEqual([200, 429])
})
