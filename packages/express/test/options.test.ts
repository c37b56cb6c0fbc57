import { fakeClock } from '@sluice/testing'
import express from 'express'
import supertest from 'supertest'
import { describe, expect, test } from 'vitest'
import { type Code, fixedWindow, ip, isSluiceError, memoryStore, rateLimit } from '../src/index.ts'

const minute = fixedWindow({ name: 'minute', limit: 1, window: '1m' })

/** Made from untyped code: a configuration file, the environment. */
function refusalOf(options: object): readonly [Code, string] {
  try {
    rateLimit(options as never)
  } catch (error) {
    if (isSluiceError(error)) return [error.code, error.message]
    throw error
  }
  throw new Error('expected a refusal')
}

describe('trap: invalid options are refused when the limiter is made', () => {
  test.each<readonly [string, object, Code, string]>([
    ['limit: -1', { limit: -1 }, 'ERR_OPTION_INVALID', 'got -1'],
    ['limit: negative', { limit: -1 }, 'ERR_OPTION_INVALID', 'got -1'],
    ['limit: NaN', { limit: Number.NaN }, 'ERR_OPTION_INVALID', 'got NaN'],
    ['limit: Infinity', { limit: Number.POSITIVE_INFINITY }, 'ERR_OPTION_INVALID', 'got Infinity'],
    ['limit: a fraction', { limit: 1.5 }, 'ERR_OPTION_INVALID', 'got 1.5'],
    ['limit: a string from the environment', { limit: '100' }, 'ERR_OPTION_INVALID', 'got the string "100"'],
    ['window: 1 m', { window: '1 m' }, 'ERR_OPTION_INVALID', 'got the string "1 m"'],
    ['window: 0', { window: 0 }, 'ERR_OPTION_INVALID', 'got 0'],
    ['window: longer than a year', { window: '400d' }, 'ERR_OPTION_INVALID', 'got the string "400d"'],
    ['an unknown name', { foo: 1 }, 'ERR_OPTION_UNKNOWN', '"foo" is not an option'],
    ['a misspelt name', { limmit: 1 }, 'ERR_OPTION_UNKNOWN', 'use limit'],
    [
      'two limits with one name, ignoring case',
      { limits: [minute, fixedWindow({ name: 'Minute', limit: 2, window: '1m' })] },
      'ERR_NAME_DUPLICATE',
      '"Minute"',
    ],
    ['a name with a space', { name: 'my api' }, 'ERR_NAME_INVALID', 'got the string "my api"'],
    ['limits beside limit', { limits: [minute], limit: 1 }, 'ERR_OPTION_CONFLICT', 'limit'],
    ['tier without tiers', { tier: () => 'free' }, 'ERR_OPTION_CONFLICT', 'tiers'],
    ['limiter beside limits', { limiter: rateLimit().limiter, limits: [minute] }, 'ERR_OPTION_CONFLICT', 'limits'],
    ['limiter: not one', { limiter: {} }, 'ERR_OPTION_INVALID', 'an object'],
    ['store: not one', { store: {} }, 'ERR_OPTION_INVALID', 'a Store'],
    ['mode', { mode: 'dry' }, 'ERR_OPTION_INVALID', 'got the string "dry"'],
    ['failMode', { failMode: 'maybe' }, 'ERR_OPTION_INVALID', 'got the string "maybe"'],
    ['standard', { standard: 'draft-5' }, 'ERR_OPTION_INVALID', 'got the string "draft-5"'],
    ['legacy', { legacy: true }, 'ERR_OPTION_INVALID', 'got true'],
    ['trustProxy: true', { trustProxy: true }, 'ERR_OPTION_INVALID', 'got true'],
    ['trustProxy: no address', { trustProxy: ['10.0.0.0/33'] }, 'ERR_OPTION_INVALID', '10.0.0.0/33'],
    ['ipv6Prefix', { ipv6Prefix: 128 }, 'ERR_OPTION_INVALID', 'got 128'],
    ['missing', { missing: 'ignore' }, 'ERR_OPTION_INVALID', 'got the string "ignore"'],
    ['key', { key: 'x-api-key' }, 'ERR_OPTION_INVALID', 'got the string "x-api-key"'],
    ['statusCode', { statusCode: 200 }, 'ERR_OPTION_INVALID', 'got 200'],
    ['message', { message: 1 }, 'ERR_OPTION_INVALID', 'got 1'],
    ['handler', { handler: 'no' }, 'ERR_OPTION_INVALID', 'got the string "no"'],
    ['skip', { skip: true }, 'ERR_OPTION_INVALID', 'got true'],
    ['strict', { strict: 'yes' }, 'ERR_OPTION_INVALID', 'got the string "yes"'],
    ['exposeHeaders', { exposeHeaders: 1 }, 'ERR_OPTION_INVALID', 'got 1'],
    ['on', { on: { decided: () => undefined } }, 'ERR_OPTION_UNKNOWN', '"decided" is not an option'],
    ['strict and a proxy that is everybody', { strict: true, trustProxy: ['0.0.0.0/0'] }, 'WARN_TRUST_PERMISSIVE', '0.0.0.0/0'],
  ])('%s', (_, options, code, text) => {
    const [got, message] = refusalOf(options)
    expect(got).toBe(code)
    expect(message).toContain(text)
    expect(message).toMatch(new RegExp(`\\(${code}, see (https:\\S+/)?docs/errors\\.md\\)$`))
  })

  test('a secret that is too short is not shown', () => {
    const [code, message] = refusalOf({ partitionKey: { secret: 'hunter2' } })
    expect([code, message.includes('hunter2')]).toEqual(['ERR_OPTION_INVALID', false])
  })

  test('null in place of options', () => {
    expect(refusalOf(null as never)[0]).toBe('ERR_OPTION_INVALID')
  })
})

test.each([
  ['windowMs', 'window'],
  ['max', 'limit'],
  ['points', 'limit'],
  ['duration', 'window'],
  ['ttl', 'window'],
  ['keyGenerator', 'key'],
  ['keyPrefix', 'name'],
  ['standardHeaders', 'standard'],
  ['legacyHeaders', 'legacy'],
  ['skipFailedRequests', 'refundWhen'],
  ['skipSuccessfulRequests', 'refundWhen'],
  ['requestWasSuccessful', 'refundWhen'],
  ['requestPropertyName', 'limiter'],
  ['validate', 'strict'],
  ['allowList', 'skip'],
  ['timeWindow', 'window'],
])("a peer's option %s is refused, naming ours: %s", (theirs, ours) => {
  const [code, message] = refusalOf({ [theirs]: 1 })
  expect(code).toBe('ERR_OPTION_UNKNOWN')
  expect(message).toContain(`"${theirs}" is not an option; use ${ours}`)
})

describe('trap: the options object mutated, a policy changed under a request', () => {
  const made = () => ({
    name: 'api',
    tiers: { free: [fixedWindow({ name: 'minute', limit: 2, window: '1m' })], gold: [] },
    tier: () => 'free',
    key: [ip()],
    store: memoryStore({ clock: fakeClock(1_800_000_000_000) }),
    on: { warning: () => undefined },
    trustProxy: ['loopback'],
    partitionKey: { secret: 'sixteen characters' },
    message: { slow: 'down' },
  })
  const freeze = (value: unknown): void => {
    if (typeof value !== 'object' || value === null || 'consume' in value) return
    Object.freeze(value)
    Object.values(value).forEach(freeze)
  }
  const server = (options: Parameters<typeof rateLimit>[0]) => {
    const app = express()
    app.use(rateLimit(options))
    app.get('/', (_req, res) => res.json('ok'))
    return supertest(app)
  }

  test('deeply frozen options are fine, and left as they were', async () => {
    const options = made()
    freeze(options)
    const before = JSON.stringify({ ...options, store: undefined })
    const agent = server(options)
    expect([(await agent.get('/')).status, (await agent.get('/')).status, (await agent.get('/')).status]).toEqual([200, 200, 429])
    expect(JSON.stringify({ ...options, store: undefined })).toBe(before)
  })

  test('what the caller changes later changes nothing', async () => {
    const options = made()
    const agent = server(options)
    options.tiers.free.length = 0
    options.tier = () => 'gold'
    options.trustProxy.push('0.0.0.0/0')
    options.key.length = 0
    options.message = { slow: 'no more' }
    Object.assign(options, { skip: () => true, handler: () => undefined, statusCode: 420 })
    expect([(await agent.get('/')).status, (await agent.get('/')).status]).toEqual([200, 200])
    const refused = await agent.get('/')
    expect([refused.status, refused.body]).toEqual([429, { slow: 'down' }])
  })
})
