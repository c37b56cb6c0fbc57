// Several instances of the service on one Redis: who has which revision, and one audit log.
import { policyFeed } from '@sluice/policies'
import { instances, publishPolicy, redisSource } from '@sluice/redis'
import { type RedisServer, startRedis } from '@sluice/testing/redis'
import { waitUntil } from '@sluice/testing'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { adminService, asking, tokenOf } from './admin-client.ts'

const document = (revision: number, limit: number): string => `apiVersion: sluice/v1
namespace: shop
revision: ${revision}
subjects: { client: { parts: [{ attribute: client }] } }
policies:
  - name: api
    rules: [{ name: all, limits: [{ name: minute, algorithm: slidingWindow, limit: ${limit}, window: 1m, subject: client }] }]
`

let server: RedisServer
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())

const { token, entry } = tokenOf('ada', ['admin:*'])

async function instance() {
  const redis = { url: server.url }
  const source = redisSource(redis)
  onTestFinished(async () => source.close?.())
  const { url, service } = await adminService({ policies: source, admin: { tokens: [entry], publishTo: server.url, redis } })
  return { url, service, ask: asking(url, token) }
}

test('publish waits for every instance, in whichever process, and names those that are late', async () => {
  await server.call('FLUSHALL')
  await publishPolicy({ url: server.url }, { namespace: 'shop', revision: 1, text: document(1, 5) })
  const [one, two] = [await instance(), await instance()]
  const seen = async () =>
    (await one.ask('GET', 'overview')).body.instances as { id: string; host: string; version: string; revisions: object }[]
  await waitUntil('two instances', async () => (await seen()).length === 2)
  expect((await seen()).map(({ revisions }) => revisions)).toEqual([{ shop: 1 }, { shop: 1 }])
  expect((await seen()).every(({ host, version }) => host !== '' && version === '0.0.0')).toBe(true)
  const published = await one.ask('PUT', 'policies/shop', { text: document(2, 1), expected: 1, wait: true })
  expect(published.body).toMatchObject({ revision: 2, inForce: true, laggards: [] })
  expect((await two.ask('GET', 'policies/shop')).body.revision).toBe(2)
  // A program with the library, which follows nothing that changes.
  const stuck = { health: () => ({ namespaces: [{ namespace: 'shop', revision: 2 }] }), subscribe: () => () => undefined }
  const late = instances({ url: server.url }, { feed: stuck, host: 'late' })
  onTestFinished(() => late.close())
  await waitUntil('three instances', async () => (await seen()).length === 3)
  const { body } = await two.ask('PUT', 'policies/shop', { text: document(3, 1), expected: 2, wait: 300 })
  expect(body).toMatchObject({ revision: 3, inForce: true, laggards: [late.own?.id] })
  expect(body.waitedMs).toBeGreaterThanOrEqual(300)
})

test('any process with a feed can say what it has, and is forgotten when it leaves', async () => {
  await server.call('FLUSHALL')
  await publishPolicy({ url: server.url }, { namespace: 'shop', revision: 1, text: document(1, 5) })
  const source = redisSource({ url: server.url })
  const feed = await policyFeed({ source })
  const mine = instances({ url: server.url }, { feed, host: 'web-1', version: '1.2.3' })
  const reader = instances({ url: server.url })
  onTestFinished(async () => {
    await feed.close()
    await source.close?.()
    await reader.close()
  })
  expect(reader.own).toBeUndefined()
  await waitUntil('the first heartbeat', async () => (await reader.all()).length === 1)
  const [row] = await reader.all()
  expect(row).toEqual({
    id: mine.own?.id,
    host: 'web-1',
    version: '1.2.3',
    startedAt: mine.own?.startedAt,
    seenAt: expect.any(Number),
    revisions: { shop: 1 },
  })
  expect(Math.abs((row?.seenAt ?? 0) - Date.now())).toBeLessThan(30_000)
  await publishPolicy({ url: server.url }, { namespace: 'shop', revision: 2, text: document(2, 5) })
  expect(await reader.waitFor('shop', 2, 20_000)).toEqual([])
  expect(await reader.waitFor('shop', 3, 0)).toEqual([mine.own?.id])
  expect(await reader.waitFor('other', 3, 0)).toEqual([])
  await mine.close()
  expect(await reader.all()).toEqual([])
})

test('the audit log is one for all instances, and outlives them', async () => {
  await server.call('FLUSHALL')
  await publishPolicy({ url: server.url }, { namespace: 'shop', revision: 1, text: document(1, 5) })
  const [one, two] = [await instance(), await instance()]
  await one.ask('PUT', 'policies/shop', { text: document(2, 5), expected: 1, note: 'by one' })
  await waitUntil('revision 2', async () => (await two.ask('GET', 'policies/shop')).body.revision === 2)
  await two.ask('POST', 'subjects/shop/reset', { subject: 'acme' })
  await one.service.close()
  const { rows, from } = (await two.ask('GET', 'audit')).body
  expect(from).toBe('storage')
  expect(rows).toMatchObject([
    { action: 'subjects.reset', target: 'acme' },
    { action: 'policies.publish', note: 'by one', who: 'ada' },
  ])
  expect((await two.ask('GET', `audit?before=${rows[0].id}`)).body.rows).toEqual([rows[1]])
  const history = (await two.ask('GET', 'policies/shop/history')).body.rows
  expect(history[0]).toMatchObject({ revision: 2, by: 'ada', note: 'by one' })
})

test('while Redis is away, the service shows itself, and the audit log of its memory', async () => {
  await server.call('FLUSHALL')
  await publishPolicy({ url: server.url }, { namespace: 'shop', revision: 1, text: document(1, 5) })
  const own = await startRedis()
  const source = redisSource({ url: server.url })
  onTestFinished(async () => source.close?.())
  const { url } = await adminService({ policies: source, admin: { tokens: [entry], publishTo: server.url, redis: { url: own.url } } })
  const ask = asking(url, token)
  await own.stop()
  expect((await ask('PUT', 'policies/shop', { text: document(2, 5), expected: 1, wait: 100 })).body).toMatchObject({
    revision: 2,
    inForce: true,
    laggards: null,
    waitFailed: expect.any(String),
  })
  expect((await ask('GET', 'audit')).body).toMatchObject({ from: 'memory', rows: [{ action: 'policies.publish' }] })
  expect((await ask('GET', 'overview')).body.instances).toHaveLength(1)
})
