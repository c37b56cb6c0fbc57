import fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import { describe, expect, test } from 'vitest'
import { type Code, fixedWindow, isSluiceError, memoryStore, rateLimit } from '../src/index.ts'

const minute = fixedWindow({ name: 'minute', limit: 1, window: '1m' })

/** Made from untyped code: a configuration file, the environment. */
async function refusalOf(made: () => unknown): Promise<readonly [Code, string]> {
  try {
    await made()
  } catch (error) {
    if (isSluiceError(error)) return [error.code, error.message]
    throw error
  }
  throw new Error('expected a refusal')
}
const registered = async (options: object): Promise<FastifyInstance> => {
  const app = fastify()
  await app.register(rateLimit, options)
  return app
}

describe('trap: invalid options are refused at the start', () => {
  const cases: readonly (readonly [string, object, Code, string])[] = [
    ['limit: -1', { limit: -1 }, 'ERR_OPTION_INVALID', 'got -1'],
    ['limit: a string from the environment', { limit: '100' }, 'ERR_OPTION_INVALID', 'got the string "100"'],
    ['window: 1 m', { window: '1 m' }, 'ERR_OPTION_INVALID', 'got the string "1 m"'],
    ['an unknown name', { foo: 1 }, 'ERR_OPTION_UNKNOWN', '"foo" is not an option'],
    ["a peer's: max", { max: 1 }, 'ERR_OPTION_UNKNOWN', 'use limit'],
    ["a peer's: timeWindow", { timeWindow: 1 }, 'ERR_OPTION_UNKNOWN', 'use window'],
    ['hook: one that has no reply', { hook: 'onResponse' }, 'ERR_OPTION_INVALID', 'got the string "onResponse"'],
    ['handler', { handler: 'no' }, 'ERR_OPTION_INVALID', 'got the string "no"'],
    ['limits: no list', { limits: 1 }, 'ERR_OPTION_INVALID', 'got 1'],
    ['tiers: null', { tiers: null }, 'ERR_OPTION_INVALID', 'got null'],
    ['limits beside limit', { limits: [minute], limit: 1 }, 'ERR_OPTION_CONFLICT', 'limit'],
  ]
  test.each([...cases, ['global', { global: 'yes' }, 'ERR_OPTION_INVALID', 'got the string "yes"'] as const])(
    'of the plugin, %s',
    async (_, options, code, text) => {
      const [got, message] = await refusalOf(() => registered(options))
      expect(got).toBe(code)
      expect(message).toContain(text)
      expect(message).toMatch(new RegExp(`\\(${code}, see (https:\\S+/)?docs/errors\\.md\\)$`))
    },
  )
  test.each(cases)('of a route, %s', async (_, options, code, text) => {
    const app = await registered({})
    const [got, message] = await refusalOf(() => app.get('/', { config: { rateLimit: options } }, () => 'no'))
    expect([got, message.includes(text)]).toEqual([code, true])
  })
  test.each([['global', { global: false }, 'ERR_OPTION_UNKNOWN'] as const, ['no options', 'off', 'ERR_OPTION_INVALID'] as const])(
    'of a route, %s',
    async (_, options, code) => {
      const app = await registered({})
      expect((await refusalOf(() => app.get('/', { config: { rateLimit: options as never } }, () => 'no')))[0]).toBe(code)
    },
  )

  test('called as elsewhere, it says how', async () => {
    const [code, message] = await refusalOf(() => rateLimit({ limit: 5 } as never, {}))
    expect([code, message.includes('app.register(rateLimit, options)')]).toEqual(['ERR_OPTION_INVALID', true])
  })

  test('M1: a route with other options keeps the functions of the plugin, and its quota', async () => {
    const app = await registered({ limit: ({ headers }: FastifyRequest) => Number(headers['x-limit']) })
    app.get('/plain', () => 'yes')
    app.get('/double', { config: { rateLimit: { cost: () => 2 } } }, () => 'yes')
    const left = async (url: string) => (await app.inject({ url, headers: { 'x-limit': '7' } })).headers['x-ratelimit-remaining']
    expect([await left('/double'), await left('/plain')]).toEqual(['5', '4'])
  })

  test('two routes with one given name in one store', async () => {
    const app = await registered({ store: memoryStore() })
    app.get('/a', { config: { rateLimit: { name: 'one', limit: 5 } } }, () => 'yes')
    expect((await refusalOf(() => app.get('/b', { config: { rateLimit: { name: 'one', limit: 6 } } }, () => 'no')))[0]).toBe(
      'ERR_NAME_TAKEN',
    )
    app.get('/c', { config: { rateLimit: { name: 'other', limit: 6 } } }, () => 'yes')
    expect((await app.inject('/c')).headers['ratelimit-policy']).toBe('"other";q=6;w=60')
  })

  describe('F16: names of routes', () => {
    const version = (text: string) => [{ version: text }, { 'accept-version': text }] as const
    const ROUTES: readonly (readonly [
      url: string,
      name: RegExp,
      requested?: string,
      constraints?: Record<string, string | RegExp>,
      headers?: Record<string, string>,
    ])[] = [
      ['/a/b', /^GET\.a\.b$/],
      ['/a.b', /^GET\.a\.b-[0-9a-f]{8}$/],
      ['/a/b/', /^GET\.a\.b\.-[0-9a-f]{8}$/],
      ['/a/:b', /^GET\.a\._b$/, '/a/x'],
      ['/a/_b', /^GET\.a\._b-[0-9a-f]{8}$/],
      ['/a/:b(^\\d+$)', /^GET\.a\._b_[_d]+-[0-9a-f]{8}$/, '/a/1'],
      ['/c', /^GET\.c$/],
      ['/c', /^GET\.c-1\.0\.0-[0-9a-f]{8}$/, '/c', ...version('1.0.0')],
      ['/c', /^GET\.c-2\.0\.0-[0-9a-f]{8}$/, '/c', ...version('2.0.0')],
      ['/c', /^GET\.c-admin\.test-[0-9a-f]{8}$/, '/c', { host: 'admin.test' }, { host: 'admin.test' }],
      ['/c', /^GET\.c-_+api_+\._-[0-9a-f]{8}$/, '/c', { host: /^api\./ }, { host: 'api.test' }],
      ['/files/*', /^GET\.files\._$/, '/files/x'],
      ['/files/_', /^GET\.files\._-[0-9a-f]{8}$/],
    ]
    /** The names in a new app, as another process would give them. */
    async function namesOf(): Promise<readonly string[]> {
      const app = await registered({ store: memoryStore(), global: false })
      for (const [url, , , constraints] of ROUTES)
        app.get(url, { config: { rateLimit: { limit: 5 } }, ...(constraints && { constraints }) }, () => 'ok')
      const names: string[] = []
      for (const [url, , requested = url, , headers = {}] of ROUTES) {
        const policy = (await app.inject({ url: requested, headers })).headers['ratelimit-policy']
        names.push(String(policy).split('"')[1] ?? '')
      }
      return names
    }

    test('no two routes share one, and each is the same in every process', async () => {
      const names = await namesOf()
      for (const [i, [, name]] of ROUTES.entries()) expect(names[i]).toMatch(name)
      expect(new Set(names).size).toBe(names.length)
      expect(await namesOf()).toEqual(names)
    })
  })

  test('F16: one options object on two versions of a route makes two limiters; with a trailing slash it is the same route', async () => {
    const app = fastify()
    await app.register(
      async (api) => {
        await api.register(rateLimit, { global: false })
        const strict = { config: { rateLimit: { limit: 1 } } }
        api.get('/', strict, () => 'plain')
        api.get('/', { ...strict, constraints: { version: '2.0.0' } }, () => 'two')
      },
      { prefix: '/api' },
    )
    const ask = async (url: string, version?: string) =>
      (await app.inject({ url, headers: version === undefined ? {} : { 'accept-version': version } })).statusCode
    expect([await ask('/api'), await ask('/api/'), await ask('/api', '2.0.0'), await ask('/api/', '2.0.0')]).toEqual([200, 429, 200, 429])
  })

  test('F16: the name of a long route is cut, and two such routes keep two names', async () => {
    const app = await registered({ store: memoryStore() })
    const long = '/api/v1/organizations/:organizationId/projects/:projectId/environments/:environmentId'
    const config = () => ({ config: { rateLimit: { limit: 5 } } })
    app.get(`${long}/variables`, config(), () => 'ok')
    app.get(`${long}/secrets`, config(), () => 'ok')
    const url = long.replaceAll(/:\w+/g, '1')
    const policies = await Promise.all(
      ['variables', 'secrets'].map(async (last) => (await app.inject(`${url}/${last}`)).headers['ratelimit-policy']),
    )
    for (const policy of policies)
      expect(policy).toMatch(/^"GET\.api\.v1\.organizations\._organizationId\.projects\._proj-[0-9a-f]{8}";q=5;w=60$/)
    expect(policies[0]).not.toBe(policies[1])
  })

  test("the decorator of another package is not overwritten: Fastify's error", async () => {
    const app = fastify()
    app.decorate('rateLimit', () => {
      throw new Error('theirs')
    })
    await expect(app.register(rateLimit)).rejects.toMatchObject({ code: 'FST_ERR_DEC_ALREADY_PRESENT' })
  })
})

test.each<readonly [string, object, object, string | undefined]>([
  ['window is the plugin’s', { limit: 9, window: '1h' }, { limit: 5 }, '"GET";q=5;w=3600'],
  ['limits take the place of limit and window', { limit: 9, window: '1h' }, { limits: [minute] }, '"GET.minute";q=1;w=60'],
  ['limit takes the place of limits', { limits: [minute] }, { limit: 5 }, '"GET";q=5;w=60'],
  ['limit takes the place of tiers', { tiers: { free: [minute] }, tier: () => 'free' }, { limit: 5 }, '"GET";q=5;w=60'],
  ['tiers keep the tier', { tiers: { free: [minute] }, tier: () => 'gold' }, { tiers: { free: [minute], gold: [] } }, undefined],
  ['a mode of its own keeps the limits', { limits: [minute] }, { mode: 'off' }, undefined],
  ['a name of its own keeps the limits', { limits: [minute] }, { name: 'home' }, '"home.minute";q=1;w=60'],
  ['Pj: a label of its own', { limits: [minute] }, { limit: 5, label: '5-in-1min' }, '"5-in-1min";q=5;w=60'],
  ['Pj: a label of its own makes a limiter', { limit: 9, label: 'nine' }, { label: 'home' }, '"home";q=9;w=60'],
  ['Pj: the label of the plugin is not of another limiter', { limit: 9, label: 'nine' }, { limit: 5 }, '"GET";q=5;w=60'],
  ['Pj: the label of the plugin is that of its own limiter', { limit: 9, label: 'nine' }, { cost: () => 2 }, '"nine";q=9;w=60'],
  ['headers are the plugin’s', { standard: false }, { limit: 5 }, undefined],
])('a route’s options over the plugin’s: %s', async (_, plugin, own, policy) => {
  const app = await registered(plugin)
  app.get('/', { config: { rateLimit: own } }, () => 'ok')
  const { statusCode, headers } = await app.inject('/')
  expect([statusCode, headers['ratelimit-policy']]).toEqual([200, policy])
})

test('trap: the options object mutated: deeply frozen options are fine, and what the caller changes later changes nothing', async () => {
  const options = { limits: [minute], config: undefined }
  const { limits } = options
  const own = Object.freeze({ limit: 1 })
  const plugin = { limits, message: 'slow' }
  const app = await registered(plugin)
  plugin.message = 'no more'
  limits.length = 0
  app.get('/', () => 'ok')
  app.get('/own', { config: { rateLimit: own } }, () => 'ok')
  await app.inject('/')
  const refused = await app.inject('/')
  expect([refused.statusCode, refused.body]).toEqual([429, 'slow'])
  expect((await app.inject('/own')).statusCode).toBe(200)
})
