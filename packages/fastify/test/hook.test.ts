import { createRequire } from 'node:module'
import fastify, { type FastifyInstance, type FastifyPluginAsync, type FastifyRequest, type InjectOptions } from 'fastify'
import { describe, expect, test } from 'vitest'
import { body, createHook, fixedWindow, type FastifyOptions, rateLimit, type Stage, type StoreEvent } from '../src/index.ts'

// Without its types: it declares the names that this package declares.
const require = createRequire(import.meta.url)
const theirs = require('@fastify/rate-limit') as FastifyPluginAsync<{ max: number; timeWindow: string }>
const minute = (limit: number) => fixedWindow({ name: 'minute', limit, window: '1m' })

async function statuses(app: FastifyInstance, ...asks: readonly (string | InjectOptions)[]): Promise<readonly number[]> {
  const all: number[] = []
  for (const ask of asks) all.push((await app.inject(ask as InjectOptions)).statusCode)
  return all
}

describe('createHook()', () => {
  test('a dropped client gets 403 where there is no connection to close, as from inject()', async () => {
    const app = fastify()
    const until = Date.now() + 60_000
    app.addHook('onRequest', createHook({ limits: [minute(3)], blockList: { check: () => ({ until, rule: 'default', action: 'drop' }) } }))
    app.get('/', () => 'reached')
    const { statusCode, headers, payload } = await app.inject('/')
    expect([statusCode, headers['content-type'], headers['retry-after']]).toEqual([403, 'application/problem+json', '60'])
    expect(payload).toContain('Requests are blocked for a time.')
  })

  test.each<Stage>(['onRequest', 'preParsing', 'preValidation', 'preHandler'])('as %s of the app, and of a route', async (stage) => {
    const app = fastify()
    app.addHook(stage as 'onRequest', createHook({ name: 'app', limits: [minute(3)] }))
    app.post('/', (request) => ({ left: request.rateLimit?.remaining, got: request.body }))
    app.post('/own', { [stage]: [createHook({ name: 'own', limits: [minute(1)] })] }, () => 'own')
    const post = (url: string) => ({ method: 'POST', url, payload: { a: 1 } }) as const
    expect((await app.inject(post('/'))).body).toBe('{"left":2,"got":{"a":1}}')
    expect(await statuses(app, post('/own'), post('/own'), post('/'))).toEqual([200, 429, 429])
  })

  test('has the limiter, and refuses options that only the plugin has', async () => {
    const hook = createHook({ limits: [minute(1)] })
    const app = fastify()
    app.get('/', { onRequest: hook }, () => 'ok')
    expect(await statuses(app, '/', '/')).toEqual([200, 429])
    await hook.limiter.reset('127.0.0.1')
    expect(await statuses(app, '/')).toEqual([200])
    for (const option of ['hook', 'global', 'decorator', 'configKey', 'close'])
      expect(() => createHook({ [option]: true })).toThrow(`"${option}" is not an option`)
  })
})

test('newcomer 14: body() in a hook before the body is parsed is reported once, with the cure', async () => {
  const warnings: StoreEvent[] = []
  const on = { warning: (event: StoreEvent) => void warnings.push(event) }
  const options = { limits: [minute(9)], key: body('email'), on }
  const app = fastify()
  await app.register(rateLimit, { ...options, strict: true })
  app.post('/plugin', () => 'ok')
  app.post('/hook', { config: { rateLimit: false }, onRequest: createHook(options) }, () => 'ok')
  const post = (url: string) => app.inject({ method: 'POST', url, payload: { email: 'a@b.test' } })
  for (const _ of [1, 2]) await post('/plugin')
  expect(warnings).toEqual([])
  for (const _ of [1, 2]) await post('/hook')
  expect(warnings).toMatchObject([
    { code: 'WARN_BODY_UNPARSED', message: expect.stringContaining("; decide after the body is parsed: hook: 'preValidation'") as string },
  ])
})

describe('Ph: beside another plugin that decorates the same names', () => {
  // What @fastify/rate-limit takes: the decorators of the app, and the key in `config`.
  const standIn: FastifyPluginAsync = Object.assign(
    async (app: FastifyInstance) => {
      app.decorate('rateLimit', (() => 'theirs') as never)
      app.decorateRequest('rateLimit', 'theirs' as never)
      app.addHook('onRoute', (route) => {
        if (route.config?.rateLimit) route.config.rateLimit = false
      })
    },
    { [Symbol.for('skip-override')]: true },
  )
  const ours: FastifyOptions = { limits: [minute(2)], decorator: 'sluice', configKey: 'sluice' }
  interface Decorated extends FastifyInstance {
    sluice(options?: object): ReturnType<typeof createHook>
  }

  test.each([
    ['first', [rateLimit, standIn]],
    ['last', [standIn, rateLimit]],
  ] as const)('the plugin under other names, registered %s', async (_order, plugins) => {
    const app = fastify()
    for (const plugin of plugins) await app.register(plugin, plugin === rateLimit ? ours : {})
    app.get('/', (request) => ({
      left: (request as FastifyRequest & { sluice?: { remaining: number } }).sluice?.remaining,
      theirs: request.rateLimit,
    }))
    app.get('/own', { config: { sluice: { limit: 1 }, rateLimit: { limit: 9 } } as object }, () => 'own')
    app.get('/free', { config: { sluice: false } as object }, () => 'free')
    app.get(
      '/hook',
      { onRequest: (app as unknown as Decorated).sluice({ name: 'hook', limit: 1 }), config: { sluice: false } as object },
      () => 'hook',
    )
    expect((app.rateLimit as () => unknown)()).toBe('theirs')
    expect((await app.inject('/')).body).toBe('{"left":1,"theirs":"theirs"}')
    expect(await statuses(app, '/own', '/own', '/free', '/', '/', '/hook', '/hook')).toEqual([200, 429, 200, 200, 429, 200, 429])
  })

  test.each(['first', 'last'])('@fastify/rate-limit, which is registered %s', async (order) => {
    const app = fastify()
    if (order === 'first') await app.register(theirs, { max: 4, timeWindow: '1 minute' })
    await app.register(rateLimit, { ...ours, mode: 'shadow' })
    if (order === 'last') await app.register(theirs, { max: 4, timeWindow: '1 minute' })
    app.addHook('onRequest', createHook({ name: 'hook', mode: 'shadow', limits: [minute(1)] }))
    app.get('/', { config: { rateLimit: { max: 3 } as object } }, (request) => ({ verdict: request.rateLimit?.verdict }))
    expect(await statuses(app, '/', '/')).toEqual([200, 200])
    const third = await app.inject('/')
    expect([third.body, third.headers['x-ratelimit-limit']]).toEqual(['{"verdict":"refused"}', '3'])
    expect((await app.inject('/')).statusCode).toBe(429)
  })

  test('registrations with different keys do not take the routes of each other', async () => {
    const app = fastify()
    await app.register(rateLimit, { name: 'outer', global: false, limits: [minute(9)] })
    await app.register(async (inner) => {
      await inner.register(rateLimit, { ...ours, global: false })
      inner.get('/outer', { config: { rateLimit: { limit: 1 } } }, () => 'outer')
      inner.get('/inner', { config: { sluice: { limit: 1 } } as object }, () => 'inner')
    })
    expect(await statuses(app, '/outer', '/outer', '/inner', '/inner')).toEqual([200, 429, 200, 429])
  })

  test.each([
    [{ decorator: '' }, 'decorator: expected a name'],
    [{ configKey: 5 }, 'configKey: expected a name, got 5'],
    [{ close: 'no' }, 'close: expected true or false'],
  ])('%j is refused', async (options, message) => {
    await expect(fastify().register(rateLimit, options as object)).rejects.toThrow(message)
  })
})

describe('Ph: hooks other than onRequest run on the route, after all hooks of the app and of the route', () => {
  interface Known extends FastifyRequest {
    user?: string
  }
  const key = (request: FastifyRequest) => (request as Known).user

  test.each<Stage>(['preParsing', 'preValidation', 'preHandler'])('a key that a later %s hook sets is there', async (stage) => {
    const app = fastify()
    await app.register(rateLimit, { limits: [minute(1)], hook: stage, key, missing: 'reject' })
    app.addHook(stage as 'onRequest', (request, _reply, done: unknown, last?: () => void) => {
      if (request.url.startsWith('/app')) (request as Known).user = String(request.headers['x-user'])
      ;(last ?? (done as () => void))()
    })
    const ofRoute = (request: Known, _reply: unknown, done: unknown, last?: () => void): void => {
      request.user = 'route'
      ;(last ?? (done as () => void))()
    }
    app.get('/app', () => 'app')
    await app.register(
      (inner, _options, done) => {
        inner.get('/inner', () => 'inner')
        done()
      },
      { prefix: '/app' },
    )
    app.get('/route', { [stage]: ofRoute }, () => 'route')
    app.get('/routes', { [stage]: [ofRoute] }, () => 'routes')
    const as = (user: string, url = '/app') => ({ url, headers: { 'x-user': user } })
    expect(await statuses(app, as('a'), as('b'), as('a'), as('c', '/app/inner'), as('c', '/app/inner'))).toEqual([200, 200, 429, 200, 429])
    expect(await statuses(app, '/route', '/routes')).toEqual([200, 429])
  })

  test('a route and its HEAD share the quota, and each request is decided once', async () => {
    const app = fastify()
    await app.register(rateLimit, { limits: [minute(3)], hook: 'preHandler' })
    app.get('/', () => 'ok')
    expect((await app.inject({ method: 'HEAD', url: '/' })).headers['x-ratelimit-remaining']).toBe('2')
    expect((await app.inject('/')).headers['x-ratelimit-remaining']).toBe('1')
  })

  test('the options of a route are not changed, so that two routes may share them', async () => {
    const app = fastify()
    const preHandler = [(_request: unknown, _reply: unknown, done: () => void) => done()]
    const options = Object.freeze({
      preHandler: Object.freeze(preHandler) as typeof preHandler,
      config: Object.freeze({ rateLimit: { limit: 1 } }),
    })
    await app.register(rateLimit, { hook: 'preHandler' })
    app.get('/a', options, () => 'a')
    app.get('/b', options, () => 'b')
    expect(await statuses(app, '/a', '/a', '/b', '/b')).toEqual([200, 429, 200, 429])
    expect(preHandler).toHaveLength(1)
  })

  test('404s, and routes that were declared before the plugin has loaded, are decided where it was registered', async () => {
    const app = fastify()
    void app.register(rateLimit, { limits: [minute(3)], hook: 'preHandler' })
    app.get('/', () => 'ok')
    app.get('/own', { config: { rateLimit: { limit: 1, hook: 'preParsing' } } }, () => 'own')
    expect(await statuses(app, '/', '/nowhere', '/', '/nowhere', '/own', '/own')).toEqual([200, 404, 200, 429, 200, 429])
  })
})
