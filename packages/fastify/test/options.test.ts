import fastify, { type FastifyInstance } from 'fastify'
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
    ['limit: 0', { limit: 0 }, 'ERR_OPTION_INVALID', 'got 0'],
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
      expect(message).toContain(`(${code}, see docs/errors.md)`)
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

  test('options of a route that would leave out a function of the plugin', async () => {
    const app = await registered({ limit: () => 5 })
    const [code, message] = await refusalOf(() => app.get('/', { config: { rateLimit: { cost: () => 2 } } }, () => 'no'))
    expect([code, message.includes('functions')]).toEqual(['ERR_OPTION_CONFLICT', true])
    app.get('/own', { config: { rateLimit: { limit: 5, cost: () => 2 } } }, () => 'yes')
    expect((await app.inject('/own')).headers['x-ratelimit-remaining']).toBe('3')
  })

  test('two routes that would share a name in one store', async () => {
    const app = await registered({ store: memoryStore() })
    app.get('/a/b', { config: { rateLimit: { limit: 5 } } }, () => 'yes')
    expect((await refusalOf(() => app.get('/a.b', { config: { rateLimit: { limit: 6 } } }, () => 'no')))[0]).toBe('ERR_NAME_TAKEN')
    app.get('/a_b', { config: { rateLimit: { name: 'other', limit: 6 } } }, () => 'yes')
    expect((await app.inject('/a_b')).headers['ratelimit-policy']).toBe('"other";q=6;w=60')
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
