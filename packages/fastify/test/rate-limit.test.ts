import { createHook } from 'node:async_hooks'
import { once } from 'node:events'
import { request as send } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import websocket from '@fastify/websocket'
import { fakeClock, observedStore, waitUntil } from '@sluice/testing'
import fastify, { type FastifyInstance, type FastifyServerOptions, type InjectOptions } from 'fastify'
import { describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { body, concurrency, type FastifyOptions, fixedWindow, header, memoryStore, rateLimit, route, type Store } from '../src/index.ts'
import { isPromise } from '@sluice/core/adapter-kit'

const START = 1_800_000_000_000
const minute = (limit: number) => fixedWindow({ name: 'minute', limit, window: '1m' })
const standing = () => memoryStore({ clock: fakeClock(START) })

async function appWith(options: FastifyOptions, server: FastifyServerOptions = {}): Promise<FastifyInstance> {
  const app = fastify(server)
  await app.register(rateLimit, { store: standing(), ...options })
  app.get('/', (request) => ({ left: request.rateLimit?.remaining ?? null }))
  return app
}

function fail(): never {
  throw new Error('no answer')
}

/** The statuses of requests, one after the other. */
async function statuses(app: FastifyInstance, ...asks: readonly (string | InjectOptions)[]): Promise<readonly number[]> {
  const all: number[] = []
  for (const ask of asks) all.push((await app.inject(ask as InjectOptions)).statusCode)
  return all
}

test('without options: 100 a minute per client address, in memory', async () => {
  const app = fastify()
  await app.register(rateLimit)
  app.get('/', (request) => ({ left: request.rateLimit?.remaining }))
  const { statusCode, headers, body: text } = await app.inject('/')
  expect([statusCode, text]).toEqual([200, '{"left":99}'])
  expect(headers).toMatchObject({
    'ratelimit-policy': '"default";q=100;w=60',
    ratelimit: expect.stringMatching(/^"default";r=99;t=\d+$/) as string,
    'x-ratelimit-limit': '100',
    'x-ratelimit-remaining': '99',
  })
})

describe('which routes', () => {
  test('config.rateLimit: false is not limited, options have a limiter of their own, named after the route', async () => {
    const app = await appWith({ limits: [minute(1)] })
    app.get('/free', { config: { rateLimit: false } }, () => 'free')
    app.get('/users/:id', { config: { rateLimit: { limit: 2 } } }, () => 'user')
    expect(await statuses(app, '/', '/', '/free', '/free')).toEqual([200, 429, 200, 200])
    const first = await app.inject('/users/1')
    expect(first.headers['ratelimit-policy']).toBe('"GET.users._id";q=2;w=60')
    expect(await statuses(app, '/users/2', '/users/3')).toEqual([200, 429])
    expect((await app.inject('/free')).headers['ratelimit-policy']).toBeUndefined()
  })

  test('global: false limits the routes that ask for it', async () => {
    const app = await appWith({ limits: [minute(1)], global: false })
    app.get('/asked', { config: { rateLimit: true } }, () => 'asked')
    app.get('/own', { config: { rateLimit: { limit: 1 } } }, () => 'own')
    expect(await statuses(app, '/', '/', '/asked', '/asked', '/own', '/own', '/nowhere', '/nowhere')).toEqual([
      200, 200, 200, 429, 200, 429, 404, 404,
    ])
  })

  test('options that define no limiter spend the quota of the plugin in their own way', async () => {
    const app = await appWith({ limits: [minute(5)] })
    app.get('/export', { config: { rateLimit: { cost: () => 3, statusCode: 420 } } }, (request) => ({ left: request.rateLimit?.remaining }))
    expect((await app.inject('/export')).body).toBe('{"left":2}')
    expect(await statuses(app, '/export', '/', '/', '/')).toEqual([420, 200, 200, 429])
  })

  test('one options object on two routes makes two limiters; a route and its HEAD share one', async () => {
    const app = await appWith({ global: false })
    const strict = { config: { rateLimit: { limit: 2 } } }
    app.get('/a', strict, () => 'a')
    app.get('/b', strict, () => 'b')
    expect(await statuses(app, '/a', { method: 'HEAD', url: '/a' }, '/a', '/b', '/b', '/b')).toEqual([200, 200, 429, 200, 200, 429])
  })

  test('routes that were declared before the plugin has loaded are limited too', async () => {
    const app = fastify()
    void app.register(rateLimit, { limits: [minute(1)], store: standing() })
    app.get('/', () => 'plain')
    app.get('/own', { config: { rateLimit: { limits: [minute(2)] } } }, () => 'own')
    expect(await statuses(app, '/', '/', '/own', '/own', '/own')).toEqual([200, 429, 200, 200, 429])
  })

  test('registered in a context, it limits that context', async () => {
    const app = fastify()
    app.get('/', () => 'outside')
    await app.register(
      async (api) => {
        await api.register(rateLimit, { limits: [minute(1)], store: standing() })
        api.get('/', () => 'inside')
        api.setNotFoundHandler((_request, reply) => reply.code(404).send('not here'))
      },
      { prefix: '/api' },
    )
    expect(await statuses(app, '/api', '/api', '/api/nowhere', '/', '/', '/nowhere', '/nowhere')).toEqual([
      200, 429, 429, 200, 200, 404, 404,
    ])
  })

  test('limiters of nested contexts add up; the options of a route are over those of the nearest', async () => {
    const app = await appWith({ name: 'app', limits: [minute(9)] })
    await app.register(
      async (api) => {
        await api.register(rateLimit, { name: 'api', limits: [minute(5)], key: header('x-api-key'), store: standing() })
        api.get('/', () => 'api')
        api.get('/own', { config: { rateLimit: { limit: 1 } } }, () => 'own')
      },
      { prefix: '/api' },
    )
    expect((await app.inject('/api')).headers['ratelimit-policy']).toBe('"app.minute";q=9;w=60, "api.minute";q=5;w=60')
    const as = (key: string) => ({ url: '/api/own', headers: { 'x-api-key': key } })
    expect((await app.inject(as('a'))).headers['ratelimit-policy']).toBe('"GET.api.own";q=1;w=60')
    expect(await statuses(app, as('a'), as('b'))).toEqual([429, 200])
  })

  test('one limiter in nested contexts decides a request once', async () => {
    const app = await appWith({ limits: [minute(3)] })
    const { limiter } = app.rateLimit()
    await app.register(async (child) => {
      await child.register(rateLimit, { limiter })
      child.get('/child', { onRequest: child.rateLimit() }, (request) => ({ left: request.rateLimit?.remaining }))
    })
    const { headers, body: text } = await app.inject('/child')
    expect([headers['ratelimit-policy'], text]).toEqual(['"minute";q=3;w=60', '{"left":2}'])
  })

  test('F01: the key route() is the pattern, for every kind of mount, and * without one', async () => {
    const app = fastify()
    await app.register(rateLimit, { key: route(), limits: [minute(1)], store: standing() })
    app.get('/users/:id', (request) => request.rateLimit?.charges[0]?.subject)
    expect((await app.inject('/users/1')).body).toBe('GET /users/:id')
    expect(await statuses(app, '/users/2', '/nowhere', '/nowhere/2')).toEqual([429, 404, 429])
  })
})

describe('trap: 404s', () => {
  test('are counted, with a handler of the application too', async () => {
    const app = await appWith({ limits: [minute(2)] })
    app.setNotFoundHandler((_request, reply) => reply.code(404).send('nothing'))
    const first = await app.inject('/nowhere')
    expect([first.statusCode, first.body, first.headers['x-ratelimit-remaining']]).toEqual([404, 'nothing', '1'])
    expect(await statuses(app, '/elsewhere', '/nowhere', '/')).toEqual([404, 429, 429])
  })

  test('the same hook on the handler does not charge twice', async () => {
    const app = await appWith({ limits: [minute(2)] })
    app.setNotFoundHandler({ preHandler: app.rateLimit() }, (_request, reply) => reply.code(404).send())
    expect(await statuses(app, '/nowhere', '/nowhere', '/nowhere')).toEqual([404, 404, 429])
  })

  test('reply.callNotFound() runs preHandler again, and charges nothing', async () => {
    const app = await appWith({ limits: [minute(2)], hook: 'preHandler' })
    app.get('/gone', (_request, reply) => reply.callNotFound())
    expect(await statuses(app, '/gone', '/gone', '/gone')).toEqual([404, 404, 429])
  })
})

describe('when', () => {
  const post = (payload: string): InjectOptions => ({
    method: 'POST',
    url: '/login',
    headers: { 'content-type': 'application/json' },
    payload,
  })

  test('before the body is parsed: a request with an invalid body is refused too', async () => {
    const app = await appWith({ limits: [minute(1)] })
    app.post('/login', () => 'in')
    expect(await statuses(app, post('{'), post('{'))).toEqual([400, 429])
  })

  test.each(['a limit', 'a tier', 'the limiter', 'several parts'])('a key by body() of %s is read once there is one', async (where) => {
    const key = where === 'several parts' ? [header('x-tenant'), body('email')] : body('email')
    const rule = fixedWindow({ name: 'minute', limit: 1, window: '1m', key: body('email') })
    const options: FastifyOptions =
      where === 'a limit'
        ? { limits: [rule] }
        : where === 'a tier'
          ? { tiers: { free: [rule] }, tier: () => 'free' }
          : { limits: [minute(1)], key }
    const app = await appWith({ global: false })
    app.post('/login', { config: { rateLimit: { missing: 'skip', ...options } } }, (request) => request.rateLimit?.verdict ?? 'skipped')
    const headers = { 'content-type': 'application/json', 'x-tenant': 't' }
    const as = (email: string) => ({ ...post(JSON.stringify({ email })), headers })
    expect(await statuses(app, as('ann@x'), as('ann@x'), as('bob@x'))).toEqual([200, 429, 200])
  })

  test('hook: preHandler is after validation', async () => {
    const app = await appWith({ limits: [minute(1)], hook: 'preHandler' })
    const schema = { body: { type: 'object', required: ['email'] } }
    app.post('/login', { schema }, () => 'in')
    expect(await statuses(app, post('{}'), post('{}'), post('{"email":"a"}'), post('{"email":"a"}'))).toEqual([400, 400, 200, 429])
  })

  test('nothing is asynchronous unless the store or an option is: done has been called when the hook returns, and no promise was made', async () => {
    const app = fastify()
    await app.register(rateLimit, { global: false })
    const hook = app.rateLimit({ limits: [minute(9)], key: header('x-api-key'), store: standing() })
    const seen: unknown[] = []
    app.addHook('onRequest', (request, reply, done) => {
      let promises = 0
      let called = false
      const watch = createHook({ init: (_id, type) => void (promises += type === 'PROMISE' ? 1 : 0) })
      watch.enable()
      hook(request, reply, () => (called = true))
      watch.disable()
      seen.push({ called, promises })
      done()
    })
    app.get('/', () => 'ok')
    await app.inject('/')
    expect(seen).toEqual([{ called: true, promises: 0 }])
  })
})

describe('who', () => {
  const from = (list: string): InjectOptions => ({ url: '/', headers: { 'x-forwarded-for': list } })
  const warned = () => {
    const codes: string[] = []
    return { codes, on: { warning: (event: object) => void codes.push('code' in event ? String(event.code) : '') } }
  }

  test.each([['loopback'], ['127.0.0.1'], [(address: string) => address === '127.0.0.1']])(
    "Fastify's trustProxy says who the client is: %s",
    async (trustProxy) => {
      const { codes, on } = warned()
      const app = await appWith({ limits: [minute(1)], on }, { trustProxy })
      expect(await statuses(app, from('1.1.1.1'), from('9.9.9.9, 1.1.1.1'), from('1.1.1.1, 2.2.2.2'))).toEqual([200, 429, 200])
      expect(codes).toEqual([])
    },
  )

  test.each([[true], [() => true]])('trustProxy: %s trusts every address, with one warning', async (trustProxy) => {
    const { codes, on } = warned()
    const app = await appWith({ limits: [minute(9)], on }, { trustProxy })
    expect(await statuses(app, from('1.1.1.1'), from('2.2.2.2'))).toEqual([200, 200])
    expect(codes).toEqual(['WARN_TRUST_PERMISSIVE'])
  })

  test('trap: all clients behind a proxy in one bucket: without any trust there is a warning', async () => {
    const { codes, on } = warned()
    const app = await appWith({ limits: [minute(1)], on })
    expect(await statuses(app, from('1.1.1.1'), from('2.2.2.2'))).toEqual([200, 429])
    expect(codes).toEqual(['WARN_FORWARDED_UNTRUSTED'])
  })

  test('with the option trustProxy the forwarded headers are read from the socket on, whatever Fastify is set to', async () => {
    const app = await appWith({ limits: [minute(1)], trustProxy: 1 }, { trustProxy: true })
    app.get('/who', (request) => [request.ip, request.rateLimit?.charges[0]?.subject])
    const response = await app.inject({ url: '/who', headers: { 'x-forwarded-for': '6.6.6.6, 1.1.1.1' } })
    expect(response.json()).toEqual(['6.6.6.6', '1.1.1.1'])
  })
})

describe('WebSockets by @fastify/websocket', () => {
  test('F11: they hold their place until they close, and one that is refused holds none', async () => {
    const app = fastify()
    await app.register(websocket)
    const clock = fakeClock(START)
    let renewals = 0
    const store = observedStore(memoryStore({ clock }), (change) => (renewals += change === 'renew' ? 1 : 0))
    await app.register(rateLimit, { limits: [concurrency({ name: 'sockets', limit: 2, ttl: '90ms' })], key: () => 'all', store })
    app.get('/chat', { websocket: true }, () => undefined)
    await app.listen({ port: 0, host: '127.0.0.1' })
    const url = `ws://127.0.0.1:${(app.server.address() as AddressInfo).port}/chat`
    const open = async () => {
      const socket = new WebSocket(url)
      await once(socket, 'open')
      return socket
    }
    for (const _ of [1, 2]) {
      const sockets = [await open(), await open()]
      // Twice the ttl: their places are renewed.
      for (const _step of [1, 2, 3]) {
        clock.advance(60)
        const before = renewals
        await waitUntil('both places to be renewed, twice', () => renewals >= before + 4)
      }
      await expect(open()).rejects.toThrow('429')
      for (const socket of sockets) socket.terminate()
      await waitUntil('both places to be free', async () => (await app.rateLimit().limiter.peek('all')).remaining === 2)
    }
    await app.close()
  })

  test('P6: a simulated handshake, whose request has no socket, fails with our error', async () => {
    const app = fastify()
    await app.register(websocket)
    await app.register(rateLimit, { limits: [minute(1)], trustProxy: 1 })
    const errors: unknown[] = []
    app.setErrorHandler((error, _request, reply) => {
      errors.push(error)
      return reply.code(500).send()
    })
    app.get('/chat', { websocket: true }, () => undefined)
    await app.ready()
    await expect(app.injectWS('/chat')).rejects.toThrow('500')
    expect(errors).toMatchObject([{ code: 'ERR_ADDRESS_UNKNOWN' }])
    await app.close()
  })
})

describe('what is answered', () => {
  test('handler answers by what it returns, or by the reply', async () => {
    const app = await appWith({ global: false })
    const limits = [minute(1)]
    app.get(
      '/returned',
      { config: { rateLimit: { limits, handler: (_request, { decision: { retryAfter } }) => ({ retryAfter }) } } },
      () => 'in',
    )
    app.get(
      '/sent',
      { config: { rateLimit: { limits, handler: (_request, { response: reply }) => reply.code(420).send('calm') } } },
      () => 'in',
    )
    expect(await statuses(app, '/returned', '/sent')).toEqual([200, 200])
    const returned = await app.inject('/returned')
    expect([returned.statusCode, returned.json(), returned.headers['retry-after']]).toEqual([429, { retryAfter: 60_000 }, '60'])
    const sent = await app.inject('/sent')
    expect([sent.statusCode, sent.body]).toEqual([420, 'calm'])
  })

  test.each<readonly [string, FastifyOptions['handler']]>([
    ['throws', () => fail()],
    ['rejects', async () => fail()],
  ])('P1: after a handler that %s, the error handler chooses the status', async (_, handler) => {
    const app = fastify()
    app.setErrorHandler((error: Error, request, reply) => (request.url === '/?to=slow' ? reply.redirect('/slow') : reply.send(error)))
    await app.register(rateLimit, { limits: [minute(1)], handler, store: standing() })
    app.get('/', () => 'in')
    await app.inject('/')
    const redirected = await app.inject('/?to=slow')
    expect([redirected.statusCode, redirected.headers['location'], redirected.headers['retry-after']]).toEqual([302, '/slow', '60'])
    expect((await app.inject('/')).statusCode).toBe(500)
  })

  test('P1: a handler that redirects chooses the status', async () => {
    const app = await appWith({ limits: [minute(1)], handler: (_request, { response: reply }) => reply.redirect('/slow') })
    await app.inject('/')
    const { statusCode, headers } = await app.inject('/')
    expect([statusCode, headers['location']]).toEqual([302, '/slow'])
  })

  test('F15: with inject(), refundWhen refunds what was sent, and nothing after a request that was cut off', async () => {
    const app = await appWith({ limits: [minute(2)], refundWhen: (_, { status }) => status < 400 })
    app.get('/stream', (_request, reply) => reply.send(Readable.from(['one', 'two'])))
    app.get('/fails', (_request, reply) => reply.code(401).send())
    let arrived = (): void => undefined
    const inHandler = new Promise<void>((resolve) => (arrived = resolve))
    app.get('/never', () => {
      arrived()
      return new Promise(() => undefined)
    })
    expect(await statuses(app, '/', '/', '/stream', '/stream', '/')).toEqual([200, 200, 200, 200, 200])
    const cut = new AbortController()
    const asked = app.inject({ url: '/never', signal: cut.signal } as InjectOptions)
    await inHandler
    cut.abort()
    await expect(asked).rejects.toThrow('aborted')
    expect(await statuses(app, '/', '/fails', '/')).toEqual([200, 401, 429])
  })

  test('a hook before it that has answered ends the request there: it is not counted', async () => {
    const app = fastify()
    app.addHook('onRequest', async (_request, reply) => reply.code(204).send())
    await app.register(rateLimit, { limits: [minute(1)], store: standing() })
    app.get('/', () => 'never')
    expect(await statuses(app, '/', '/', '/')).toEqual([204, 204, 204])
    expect((await app.rateLimit().limiter.peek('127.0.0.1')).remaining).toBe(1)
  })

  test('onSend hooks see a refusal as they see any answer', async () => {
    const app = await appWith({ limits: [minute(1)] })
    app.addHook('onSend', async (_request, reply, payload) => {
      reply.header('x-sent', typeof payload)
      return payload
    })
    await app.inject('/')
    const { headers } = await app.inject('/')
    expect([headers['x-sent'], headers['content-type']]).toEqual(['object', 'application/problem+json'])
  })

  test.each(['at once', 'later'])('a client that is gone before the hook runs leaves no holder behind (store answers %s)', async (when) => {
    const memory = standing()
    const store: Store =
      when === 'at once' ? memory : { name: 'later', consume: async (...args) => memory.consume(...args), reset: () => undefined }
    const app = fastify()
    let passed = 0
    app.addHook('onRequest', (_request, reply, done) => {
      reply.raw.once('close', () => setImmediate(done))
    })
    await app.register(rateLimit, {
      limits: [concurrency({ name: 'slots', limit: 1, ttl: '1h' })],
      // A socket that is closed knows its peer's address no more.
      key: header('x-user'),
      store,
    })
    app.addHook('onRequest', (_request, _reply, done) => {
      passed += 1
      done()
    })
    app.get('/', () => 'late')
    await app.listen({ port: 0, host: '127.0.0.1' })
    const { port } = app.server.address() as AddressInfo
    const client = send({ port, host: '127.0.0.1', headers: { 'x-user': 'ann' } })
    client.on('error', () => undefined)
    client.end()
    await once(app.server, 'request')
    client.destroy()
    await waitUntil('the request to pass', () => passed === 1)
    await waitUntil('the holder to be released', async () => (await app.rateLimit().limiter.peek('ann')).remaining === 1)
    await app.close()
  })

  test('app.rateLimit() has the limiter, which works on the same state', async () => {
    const app = await appWith({ limits: [minute(2)] })
    await app.inject('/')
    const { limiter } = app.rateLimit()
    const decision = limiter.consume('127.0.0.1')
    expect(isPromise(decision)).toBe(false)
    expect(await decision).toMatchObject({ allowed: true, remaining: 0 })
    expect(await statuses(app, '/')).toEqual([429])
    await limiter.reset('127.0.0.1')
    expect(await statuses(app, '/')).toEqual([200])
  })
})
