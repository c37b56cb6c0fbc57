import { status } from '@grpc/grpc-js'
import { afterEach, describe, expect, test } from 'vitest'
import { blockList } from '@sluice/blocklist'
import { serve, type ServeOptions } from '../../src/index.ts'
import { ask, clientOf, envoyProto, ownProto } from './protos.ts'
import { failureOf } from './raw-client.ts'
import { sourceOf } from './sources.ts'

const SERVICE = 'envoy.service.ratelimit.v3.RateLimitService'
const FILE = 'envoy/service/ratelimit/v3/rls.proto'

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

interface Answer {
  readonly overall_code: string
  readonly statuses: readonly Status[]
  readonly response_headers_to_add: readonly { readonly key: string; readonly value: string }[]
  readonly raw_body: Uint8Array
  readonly dynamic_metadata: { readonly fields: Readonly<Record<string, unknown>> } | null
}

interface Status {
  readonly code: string
  readonly current_limit: { readonly name: string; readonly requests_per_unit: number; readonly unit: string } | null
  readonly limit_remaining: number
  readonly duration_until_reset: { readonly seconds: number } | null
}

/** A descriptor: its entries, and its other fields. */
function of(entries: Readonly<Record<string, string>>, more: object = {}) {
  return { entries: Object.entries(entries).map(([key, value]) => ({ key, value })), ...more }
}

async function start(options: ServeOptions = {}, definition = ownProto(FILE)) {
  const service = await serve({ http: false, drain: { delay: 0 }, ...options, grpc: { port: 0, ...options.grpc } })
  ends.push(() => service.close())
  const client = clientOf(definition, SERVICE, service.grpc?.url as string)
  ends.push(() => client.close())
  const should = (domain: string, ...descriptors: object[]) => ask<Answer>(client, 'ShouldRateLimit', { domain, descriptors })
  const hits = (hits_addend: number, domain: string, ...descriptors: object[]) =>
    ask<Answer>(client, 'ShouldRateLimit', { domain, descriptors, hits_addend })
  return Object.assign(should, { hits })
}

const SHOP = `
apiVersion: sluice/v1
namespace: shop
revision: 7
subjects:
  user: { parts: [{ attribute: user }], missing: skip }
  address: { parts: [{ ip: true }], missing: skip }
  key: { parts: [{ header: x-api-key }], missing: skip }
policies:
  - name: users
    rules: [{ name: all, limits: [{ name: minute, algorithm: fixedWindow, limit: 3, window: 1m, subject: user }] }]
  - name: addresses
    rules:
      - name: login
        match: { methods: [POST], paths: [/login], hosts: [shop.example] }
        limits: [{ name: hour, algorithm: slidingWindow, limit: 2, window: 1h, subject: address }]
  - name: keys
    rules: [{ name: all, limits: [{ name: ten, algorithm: tokenBucket, limit: 5, window: 10s, subject: key }] }]
`
const OTHER = SHOP.replace('namespace: shop', 'namespace: other')

describe.each([
  ['the protocol of Envoy', () => envoyProto(FILE)],
  ['our part of it', () => ownProto(FILE)],
])('ShouldRateLimit with %s', (_name, definition) => {
  test('without documents, each set of entries has 100 a minute', async () => {
    const should = await start({}, definition())
    const first = await should('anything', of({ user: 'ada' }))
    expect(first).toMatchObject({ overall_code: 'OK', response_headers_to_add: [] })
    expect(first.statuses).toMatchObject([
      { code: 'OK', current_limit: { name: 'api.minute', requests_per_unit: 100, unit: 'MINUTE' }, limit_remaining: 99 },
    ])
    expect((await should.hits(99, '', of({ user: 'ada' }))).overall_code).toBe('OK')
    // Many units: while a slow machine calls, the window moves on.
    const refused = await should.hits(90, 'anything', of({ user: 'ada' }))
    expect(refused).toMatchObject({ overall_code: 'OVER_LIMIT', statuses: [{ code: 'OVER_LIMIT' }] })
    const headers = Object.fromEntries(refused.response_headers_to_add.map(({ key, value }) => [key, value]))
    expect(Number(headers['Retry-After'])).toBe(refused.statuses[0]?.duration_until_reset?.seconds)
    expect(headers).toMatchObject({ 'Content-Type': 'application/problem+json', 'Cache-Control': 'no-store' })
    expect(JSON.parse(Buffer.from(refused.raw_body).toString())).toMatchObject({ status: 429, retry_after: Number(headers['Retry-After']) })
    expect(headers['RateLimit-Policy']).toBe('"api.minute";q=100;w=60')
    expect((await should('anything', of({ user: 'bob' }))).overall_code).toBe('OK')
  })

  test('all descriptors are one decision, with a status for each in order', async () => {
    const should = await start({ policies: sourceOf(SHOP) }, definition())
    const login = of({ remote_address: '203.0.113.7', ':method': 'POST', ':path': '/login?a=b', ':authority': 'shop.example' })
    for (const left of [1, 0]) {
      const { overall_code, statuses } = await should('shop', of({ user: 'ada' }), of({ nothing: 'x' }), login)
      expect(overall_code).toBe('OK')
      expect(statuses.map(({ code }) => code)).toEqual(['OK', 'OK', 'OK'])
      expect(statuses[1]?.current_limit).toBeNull()
      expect(statuses[2]).toMatchObject({
        current_limit: { name: 'addresses.hour', requests_per_unit: 2, unit: 'HOUR' },
        limit_remaining: left,
      })
    }
    const refused = await should('shop', of({ user: 'ada' }), of({ nothing: 'x' }), login)
    expect(refused.overall_code).toBe('OVER_LIMIT')
    expect(refused.statuses.map(({ code }) => code)).toEqual(['OK', 'OK', 'OVER_LIMIT'])
    // Nothing was taken of the user.
    expect((await should('shop', of({ user: 'ada' }))).statuses[0]?.limit_remaining).toBe(0)
  })

  test('a window without a unit of Envoy has none, and a header can be a subject', async () => {
    const should = await start({ policies: sourceOf(SHOP) }, definition())
    const { statuses } = await should('shop', of({ 'x-api-key': 'k' }))
    expect(statuses[0]).toMatchObject({ current_limit: { name: 'keys.ten', requests_per_unit: 5, unit: 'UNKNOWN' }, limit_remaining: 4 })
  })

  test('the revision is in dynamic_metadata', async () => {
    const should = await start({ policies: sourceOf(SHOP) }, definition())
    const { dynamic_metadata } = await should('shop', of({ user: 'ada' }))
    expect(dynamic_metadata?.fields).toMatchObject({ namespace: { stringValue: 'shop' }, revision: { numberValue: 7 } })
  })

  test('an unknown domain is not found', async () => {
    const should = await start({ policies: sourceOf(SHOP, OTHER) }, definition())
    for (const domain of ['nowhere', '']) expect((await failureOf(should(domain, of({ user: 'a' })))).code).toBe(status.NOT_FOUND)
    expect((await should('other', of({ user: 'ada' }))).statuses[0]?.limit_remaining).toBe(2)
  })

  test('a call without descriptors, or with too many, is invalid', async () => {
    const should = await start({}, definition())
    expect((await failureOf(should('shop'))).code).toBe(status.INVALID_ARGUMENT)
    const many = Array.from({ length: 65 }, (_, i) => of({ user: String(i) }))
    expect(await failureOf(should('shop', ...many))).toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: 'descriptors: expected 1 to 64, got 65',
    })
  })
})

test('the keys of a descriptor are the attribute descriptor_keys, whatever an entry says', async () => {
  const exact = SHOP.replace('rules: [{ name: all,', 'rules: [{ name: all, match: { attributes: { descriptor_keys: "plan,user" } },')
  const should = await start({ policies: sourceOf(exact) })
  const left = async (entries: Readonly<Record<string, string>>) => (await should('shop', of(entries))).statuses[0]?.current_limit?.name
  expect(await left({ plan: 'gold', user: 'ada' })).toBe('users.minute')
  expect(await left({ user: 'ada', plan: 'gold' })).toBeUndefined()
  expect(await left({ user: 'ada' })).toBeUndefined()
  expect(await left({ plan: 'gold', user: 'ada', more: 'x' })).toBeUndefined()
  expect(await left({ user: 'ada', descriptor_keys: 'plan,user' })).toBeUndefined()
})

describe('fields that Envoy has since', () => {
  test('hits of a descriptor: some, none, and given back', async () => {
    const should = await start({ policies: sourceOf(SHOP) })
    const hits = (value: number, more: object = {}) => of({ user: 'ada' }, { hits_addend: { value }, ...more })
    const left = async (descriptor: object) => (await should('shop', descriptor)).statuses[0]?.limit_remaining
    expect(await left(hits(2))).toBe(1)
    expect(await left(hits(0))).toBe(1)
    expect(await left(hits(1))).toBe(0)
    expect((await should('shop', hits(0))).overall_code).toBe('OVER_LIMIT')
    expect(await left(hits(2, { is_negative_hits: true }))).toBe(2)
    expect((await should('shop', hits(3))).overall_code).toBe('OVER_LIMIT')
    expect(await left(hits(2))).toBe(0)
  })

  test('a limit of its own is read where the namespace permits it', async () => {
    const own = of({ user: 'ada' }, { limit: { requests_per_unit: 50, unit: 'MINUTE' } })
    const strict = await start({ policies: sourceOf(SHOP) })
    expect((await strict('shop', own)).statuses[0]).toMatchObject({ current_limit: { requests_per_unit: 3 }, limit_remaining: 2 })
    const should = await start({ policies: sourceOf(SHOP, OTHER), grpc: { limitOverrides: ['shop'] } })
    expect((await should('shop', own)).statuses[0]).toMatchObject({ current_limit: { requests_per_unit: 50 }, limit_remaining: 49 })
    expect((await should('other', own)).statuses[0]).toMatchObject({ current_limit: { requests_per_unit: 3 } })
    const hourly = of({ user: 'bob' }, { limit: { requests_per_unit: 50, unit: 'HOUR' } })
    expect((await should('shop', hourly)).statuses[0]).toMatchObject({ current_limit: { requests_per_unit: 3 } })
  })
})

test('headers are on all answers, or on none, where the option says so', async () => {
  const all = await start({ policies: sourceOf(SHOP), grpc: { headers: 'all' } })
  const names = (await all('shop', of({ user: 'ada' }))).response_headers_to_add.map(({ key }) => key)
  expect(names).toEqual(['RateLimit-Policy', 'RateLimit', 'X-RateLimit-Limit', 'X-RateLimit-Remaining', 'X-RateLimit-Reset'])
  const none = await start({ policies: sourceOf(SHOP), grpc: { headers: 'none' } })
  for (let i = 0; i < 4; i++) expect((await none('shop', of({ user: 'ada' }))).response_headers_to_add).toEqual([])
})

test('the port is that of the option, and only loopback listens', async () => {
  const service = await serve({ http: false, grpc: { port: 0 }, drain: { delay: 0 } })
  ends.push(() => service.close())
  expect(service.grpc?.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
  const without = await serve({ http: false, grpc: false })
  ends.push(() => without.close())
  expect(without.grpc).toBeUndefined()
  await expect(serve({ grpc: { maxConnectionAge: '1ms' } })).rejects.toMatchObject({ code: 'ERR_OPTION_INVALID' })
})

test('a block list refuses a descriptor before anything is charged', async () => {
  const list = blockList()
  ends.push(() => list.close())
  await list.block('203.0.113.9', '1h', { reason: 'scraping' })
  const should = await start({ policies: sourceOf(SHOP), blockList: list })
  const refused = await should('shop', of({ user: 'ada' }), of({ remote_address: '203.0.113.9' }))
  expect(refused).toMatchObject({ overall_code: 'OVER_LIMIT', statuses: [{ code: 'OK' }, { code: 'OVER_LIMIT', current_limit: null }] })
  expect(refused.response_headers_to_add.find(({ key }) => key === 'Retry-After')?.value).toBe('3600')
  expect((await should('shop', of({ user: 'ada' }))).statuses[0]?.limit_remaining).toBe(2)
})

test('a limit that needs the end of a request is not asked, and counted at /metrics', async () => {
  const text = `
apiVersion: sluice/v1
namespace: jobs
revision: 1
subjects: { user: { parts: [{ attribute: user }], missing: skip } }
policies:
  - name: api
    rules: [{ name: all, limits: [{ name: open, algorithm: concurrency, limit: 1, ttl: 1m, subject: user }] }]
`
  const service = await serve({ http: { port: 0 }, grpc: { port: 0 }, drain: { delay: 0 }, policies: sourceOf(text) })
  ends.push(() => service.close())
  const client = clientOf(ownProto(FILE), SERVICE, service.grpc?.url as string)
  ends.push(() => client.close())
  for (let i = 0; i < 3; i++)
    expect(await ask<Answer>(client, 'ShouldRateLimit', { domain: 'jobs', descriptors: [of({ user: 'ada' })] })).toMatchObject({
      overall_code: 'OK',
    })
  const metrics = await (await fetch(`${service.http?.url}/metrics`)).text()
  expect(metrics).toContain('sluice_server_limits_skipped_total{namespace="jobs",limit="api.open"} 3')
})
