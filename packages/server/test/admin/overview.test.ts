import { memoryStore, type Store, type StoreHealth } from '@sluice/core'
import { expect, test } from 'vitest'
import { serve } from '../../src/index.ts'
import { adminService, eventsOf } from './admin-client.ts'

test('a token that was made at the start may do everything', async () => {
  const { ask, service } = await adminService()
  expect(service.adminToken).toMatch(/^sluice_[\w-]{43}$/)
  expect(await ask('GET', 'whoami')).toMatchObject({ status: 200, body: { name: 'start', scopes: ['admin:*'], by: 'token' } })
})

test('without the option, the paths are not there', async () => {
  const service = await serve({ http: { port: 0 } })
  const { status } = await fetch(`${service.http?.url}/admin/v1/whoami`)
  await service.close()
  expect(status).toBe(404)
  expect(service.adminToken).toBeUndefined()
})

test('the overview has the instance, the store and the namespaces', async () => {
  const { ask } = await adminService()
  const { status, body } = await ask('GET', 'overview')
  expect(status).toBe(200)
  expect(body).toMatchObject({
    instance: { host: expect.any(String), version: '0.0.0' },
    store: { name: 'memory', state: 'up', shards: [] },
    instances: [{ id: body.instance.id, revisions: { default: 1 } }],
    namespaceCount: 1,
    namespaces: [{ namespace: 'default', revision: 1, from: 'source', inSource: 'same', mode: 'enforce' }],
    region: null,
    regions: [],
  })
  expect(body.instance.startedAt).toBeLessThanOrEqual(Date.now())
})

test('the overview has what the store knows of other regions', async () => {
  const store: Store = Object.assign(memoryStore(), {
    health: (): StoreHealth => ({
      tier: 'memory',
      breaker: 'closed',
      regions: {
        id: 'one',
        self: 'eu',
        peers: { us: { heardAt: 1_000, lag: 150, silent: false }, ap: { silent: true } },
        unpublished: 3,
        sent: 10,
        applied: 9,
        late: 2,
        over: 40,
        forgiven: 1,
        transfers: 5,
      },
    }),
  })
  const { ask } = await adminService({ store })
  expect((await ask('GET', 'overview')).body).toMatchObject({
    region: { self: 'eu', unpublished: 3, sent: 10, applied: 9, late: 2, over: 40, forgiven: 1, transfers: 5, cause: null },
    regions: [
      { name: 'us', lagMs: 150, heardAt: 1_000, isSilent: false },
      { name: 'ap', lagMs: null, heardAt: null, isSilent: true },
    ],
  })
})

test('policies are listed by name, and read with their text', async () => {
  const { ask } = await adminService()
  expect((await ask('GET', 'policies')).body).toEqual({
    rows: [
      { namespace: 'default', revision: 1, policies: 1, from: 'source', inSource: 'same', publishedAt: null, by: null, killSwitch: null },
    ],
    next: null,
  })
  const { body, headers } = await ask('GET', 'policies/default')
  expect(body).toMatchObject({ namespace: 'default', revision: 1, format: 'yaml', text: expect.stringContaining('name: minute') })
  expect(headers.get('etag')).toBe(body.etag)
  expect(await ask('GET', 'policies/other')).toMatchObject({ status: 404, body: { code: 'ERR_NAMESPACE_UNKNOWN', title: 'Not found' } })
})

test('what is decided is in the samples of the next second', async () => {
  const { ask, url, service } = await adminService()
  const events = eventsOf(url, '/admin/v1/live', service.adminToken ?? '')
  expect((await events.next()).value).toMatchObject({ event: 'overview', data: { store: { state: 'up' } } })
  for (let i = 0; i < 102; i++) await fetch(`${url}/check?user_id=ada`)
  const seen = new Set<string>()
  let last: any
  for await (const { event, data } of events) {
    if (event !== 'sample') continue
    for (const { verdict, perSecond, ...row } of data.decisions) {
      expect(row).toEqual({ namespace: 'default', policy: 'api', limit: 'minute' })
      expect(perSecond).toBeGreaterThan(0)
      seen.add(verdict)
    }
    if (data.perSecond > 0) last = data
    if (seen.has('refused')) break
  }
  expect([...seen]).toEqual(['allowed', 'refused'])
  expect(last).toMatchObject({ store: { state: 'up' }, instances: 1, latencyMs: { p50: expect.any(Number), p99: expect.any(Number) } })
  const { body } = await ask('GET', 'live/history?minutes=15')
  expect(body.samples.some((sample: any) => sample.perSecond > 0)).toBe(true)
})
