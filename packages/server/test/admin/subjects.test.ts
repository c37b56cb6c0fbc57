import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileSource } from '@sluice/policies'
import { expect, onTestFinished, test } from 'vitest'
import { ask as askGrpc, clientOf, ownProto } from '../grpc/protos.ts'
import { sourceOf } from '../grpc/sources.ts'
import { adminService, tokenOf } from './admin-client.ts'
import { newFolder } from './new-folder.ts'

const DOCUMENT = `apiVersion: sluice/v1
namespace: shop
revision: 1
subjects: { client: { parts: [{ attribute: client }] } }
tier: { attribute: plan, default: free }
policies:
  # the only one
  - name: api
    rules:
      - name: all
        tiers:
          free: [{ name: minute, algorithm: fixedWindow, limit: 5, window: 1h, subject: client }]
          paid: [{ name: minute, algorithm: fixedWindow, limit: 50, window: 1h, subject: client }]
`

async function shop() {
  const file = join(newFolder(), 'sluice.yaml')
  writeFileSync(file, DOCUMENT)
  const { token, entry } = tokenOf('ada', ['admin:*'])
  const admin = await adminService({ policies: fileSource(file), admin: { tokens: [entry], publishTo: `file:${file}` } })
  const ask = (method: string, path: string, body?: unknown) => admin.ask(method, path, body, token)
  const check = async (client: string, more = '') => (await fetch(`${admin.url}/check?client=${client}${more}`)).status
  return { ...admin, ask, check }
}

test('a subject is shown with what each limit counts, and looked at without a charge', async () => {
  const { ask, check } = await shop()
  for (let i = 0; i < 3; i++) await check('acme')
  const now = Date.now()
  const { status, body } = await ask('GET', 'subjects/shop?subject=acme')
  expect(status).toBe(200)
  const row = {
    policy: 'api',
    rule: 'all',
    limit: 'minute',
    algorithm: 'fixedWindow',
    subjectName: 'client',
    used: 3,
    windowMs: 3_600_000,
    mode: 'enforce',
    source: 'memory',
  }
  expect(body.limits).toEqual([
    expect.objectContaining({ ...row, tier: 'free', max: 5, remaining: 2 }),
    expect.objectContaining({ ...row, tier: 'paid', max: 50, remaining: 47 }),
  ])
  expect(body.limits[0].resetAt).toBeGreaterThan(now)
  expect(body.limits[0].resetAt).toBeLessThanOrEqual(now + 3_601_000)
  expect(body).toMatchObject({ namespace: 'shop', subject: 'acme', block: null, overrides: [] })
  expect(body.history.reduce((sum: number, each: any) => sum + each.allowed, 0)).toBe(3)
  expect((await ask('GET', 'subjects/shop?subject=acme')).body.limits[0].used).toBe(3)
  expect((await ask('GET', 'subjects/shop?subject=nobody')).body.limits[0]).toMatchObject({ used: 0, remaining: 5, resetAt: null })
  expect((await ask('GET', 'subjects/shop')).status).toBe(422)
  expect((await ask('GET', 'subjects/other?subject=a')).status).toBe(404)
})

test('a reset forgets what was counted, and the audit log has what that was', async () => {
  const { ask, check } = await shop()
  for (let i = 0; i < 6; i++) await check('acme')
  expect(await check('acme')).toBe(429)
  expect((await ask('POST', 'subjects/shop/reset', { subject: 'acme' })).body).toEqual({
    namespace: 'shop',
    subject: 'acme',
    wasCounted: true,
  })
  expect(await check('acme')).toBe(200)
  expect((await ask('POST', 'subjects/shop/reset', { subject: 'nobody' })).body.wasCounted).toBe(false)
  expect((await ask('GET', 'audit')).body.rows[1]).toMatchObject({
    who: 'ada',
    action: 'subjects.reset',
    target: 'acme',
    before: expect.arrayContaining([{ limit: 'api.minute', used: 5 }]),
    after: [],
  })
})

test('an override is a revision: it holds at once, replaces the last one, and leaves the comments', async () => {
  const { ask, check } = await shop()
  for (let i = 0; i < 6; i++) await check('acme')
  const until = new Date(Date.now() + 3_600_000).toISOString()
  const override = { policy: 'api', subjectName: 'client', is: 'acme', until }
  const numbers = { ...override, limits: { minute: { limit: 7 } } }
  expect((await ask('POST', 'subjects/shop/override', numbers)).body).toMatchObject({ revision: 2, inForce: true })
  expect([await check('acme'), await check('acme'), await check('acme')]).toEqual([200, 200, 429])
  const { body } = await ask('GET', 'subjects/shop?subject=acme')
  expect(body.overrides).toEqual([{ policy: 'api', subject: 'client', is: 'acme', limits: { minute: { limit: 7 } }, until }])
  expect(body.limits[0]).toMatchObject({ max: 7, used: 7, remaining: 0 })
  await ask('POST', 'subjects/shop/override', { ...override, tier: 'paid' })
  expect(await check('acme')).toBe(200)
  const { text } = (await ask('GET', 'policies/shop')).body
  expect(text).toContain('  # the only one\n')
  expect(text.match(/is: acme/g)).toHaveLength(1)
  expect((await ask('POST', 'subjects/shop/override', { ...override, exempt: true })).body.revision).toBe(4)
  expect((await ask('GET', 'audit')).body.rows[0]).toMatchObject({ action: 'subjects.override', target: 'acme', after: { revision: 4 } })
  // What is not valid is refused with its reason, and changes nothing.
  expect((await ask('POST', 'subjects/shop/override', { ...numbers, until: undefined })).body.detail).toMatch(/^until: /)
  expect((await ask('POST', 'subjects/shop/override', { ...numbers, tier: 'paid' })).body.detail).toMatch(/exactly one/)
  expect((await ask('POST', 'subjects/shop/override', { ...numbers, policy: 'other' })).body.detail).toMatch(/^policy: expected one of api/)
  expect((await ask('POST', 'subjects/shop/override', { ...numbers, limits: { hour: { limit: 1 } } })).body).toMatchObject({
    status: 422,
    problems: [{ line: expect.any(Number) }],
  })
  expect((await ask('GET', 'policies/shop')).body.revision).toBe(4)
})

test('who was refused most, and who is near to a limit', async () => {
  const { ask, check } = await shop()
  for (let i = 0; i < 8; i++) await check('acme')
  for (let i = 0; i < 4; i++) await check('bob')
  await check('cy', '&plan=paid')
  expect((await ask('GET', 'violators?since=15m')).body).toEqual({
    rows: [{ namespace: 'shop', policy: 'api', limit: 'minute', subject: 'acme', refused: 3, lastAt: expect.any(Number) }],
    from: 'instance',
    minutes: 15,
  })
  const { rows } = (await ask('GET', 'nearest?namespace=shop&limit=2')).body
  expect(rows).toEqual([
    expect.objectContaining({ subject: 'acme', used: 5, max: 5, remaining: 0 }),
    expect.objectContaining({ subject: 'bob', used: 4, max: 5, remaining: 1, resetAt: expect.any(Number) }),
  ])
  expect((await ask('GET', 'nearest?namespace=other')).body.rows).toEqual([])
  expect((await ask('GET', 'violators?since=soon')).status).toBe(422)
})

test('the impact of a document is what it would have refused of the last requests', async () => {
  const { ask, check } = await shop()
  for (let i = 0; i < 8; i++) await check('acme')
  for (let i = 0; i < 4; i++) await check('bob')
  const stricter = DOCUMENT.replace('revision: 1', 'revision: 2').replace('limit: 5,', 'limit: 3,')
  const { body } = await ask('POST', 'policies/shop/impact', { text: stricter })
  expect(body).toMatchObject({
    requests: 12,
    refusedBefore: 3,
    refusedAfter: 6,
    limits: [{ limit: 'api.minute', refusedBefore: 3, refusedAfter: 6 }],
    subjects: [
      { limit: 'api.minute', subject: 'acme', refusedBefore: 3, refusedAfter: 5 },
      { limit: 'api.minute', subject: 'bob', refusedBefore: 0, refusedAfter: 1 },
    ],
    basis: expect.stringContaining('empty counters'),
  })
  expect(body.to).toBeGreaterThanOrEqual(body.from)
  expect((await ask('POST', 'policies/shop/impact', { text: stricter.replace('shop', 'other') })).body.problems).toEqual([
    expect.objectContaining({ path: 'namespace' }),
  ])
})

test('the impact of a document also counts what Envoy asked', async () => {
  const { ask, service } = await adminService({ policies: sourceOf(DOCUMENT), grpc: { port: 0 } })
  const client = clientOf(
    ownProto('envoy/service/ratelimit/v3/rls.proto'),
    'envoy.service.ratelimit.v3.RateLimitService',
    service.grpc?.url ?? '',
  )
  onTestFinished(() => client.close())
  const entries = [{ key: 'client', value: 'acme' }]
  for (let i = 0; i < 8; i++) await askGrpc(client, 'ShouldRateLimit', { domain: 'shop', descriptors: [{ entries }] })
  // A descriptor of no hits takes nothing.
  await askGrpc(client, 'ShouldRateLimit', { domain: 'shop', descriptors: [{ entries, hits_addend: { value: 0 } }] })
  const stricter = DOCUMENT.replace('revision: 1', 'revision: 2').replace('limit: 5,', 'limit: 3,')
  expect((await ask('POST', 'policies/shop/impact', { text: stricter })).body).toMatchObject({
    requests: 8,
    refusedBefore: 3,
    refusedAfter: 5,
    subjects: [{ limit: 'api.minute', subject: 'acme', refusedBefore: 3, refusedAfter: 5 }],
  })
})

test('the schema is that of the documents', async () => {
  const { ask } = await shop()
  const { body } = await ask('GET', 'schema')
  expect(body).toMatchObject({
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Sluice policy document',
    required: expect.arrayContaining(['namespace']),
  })
})

test('a client is blocked, shown with its reason, exempted and let in again', async () => {
  const { ask, check } = await shop()
  const from = (ip: string) => check('x', `&ip=${ip}`)
  expect((await ask('GET', 'blocks')).body).toEqual({ rows: [], total: 0, isOn: true })
  const { status, body } = await ask('POST', 'blocks', { target: '203.0.113.7', for: '1h', reason: 'ticket 7' })
  expect(status).toBe(200)
  expect(body).toMatchObject({ kind: 'address', name: '203.0.113.7/32', effect: 'refuse', rule: 'manual', reason: 'ticket 7' })
  expect(await from('203.0.113.7')).toBe(403)
  expect(await from('203.0.113.8')).toBe(200)
  expect((await ask('GET', 'blocks')).body).toMatchObject({ total: 1, rows: [{ name: '203.0.113.7/32', until: body.until }] })
  expect((await ask('GET', 'blocks/why?target=203.0.113.7')).body).toMatchObject({
    blocked: { reason: 'ticket 7' },
    allowed: null,
    level: 0,
  })
  expect((await ask('DELETE', 'blocks?target=203.0.113.7')).body).toEqual({ target: '203.0.113.7', wasThere: true })
  expect((await ask('DELETE', 'blocks?target=203.0.113.7')).status).toBe(404)
  expect(await from('203.0.113.7')).toBe(200)
  expect((await ask('POST', 'blocks/allow', { target: '203.0.113.7' })).body).toMatchObject({ effect: 'allow', until: null })
  expect((await ask('POST', 'blocks', { target: '203.0.113.7', for: '1h' })).body).toMatchObject({ status: 409, code: 'ERR_BLOCK_ALLOWED' })
  expect((await ask('DELETE', 'blocks/allow?target=203.0.113.7')).status).toBe(200)
  expect((await ask('POST', 'blocks', { target: '203.0.113.7' })).body.detail).toMatch(/^for: expected a time/)
  const actions = (await ask('GET', 'audit?namespace=*')).body.rows.map((each: any) => `${each.action} ${each.outcome}`)
  expect(actions.toReversed()).toEqual([
    'blocks.block done',
    'blocks.unblock done',
    'blocks.unblock refused',
    'blocks.allow done',
    'blocks.block refused',
    'blocks.disallow done',
    'blocks.block refused',
  ])
})
