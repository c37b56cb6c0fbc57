// The layers of a store compare whole limits, so a change of a policy reaches them: what they know of the limit before is not used.
import { createPipeline, type Host } from '@sluice/core/adapter-kit'
import { redisStore, type RedisStoreOptions } from '@sluice/redis'
import { type RedisServer, startRedis, waitUntil } from '@sluice/testing/redis'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { documentPolicies, parseDocument } from '@sluice/policies'

let server: RedisServer
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())

const host: Host<object> = {
  id: (request) => request,
  method: () => 'GET',
  target: () => '/',
  address: () => '203.0.113.7',
  header: () => undefined,
}

function documentOf(limit: number, revision: number) {
  return parseDocument(`
apiVersion: sluice/v1
namespace: shop
revision: ${revision}
subjects: { address: { parts: [{ ip: true }] } }
policies: [{ name: api, rules: [{ name: all, limits: [{ name: hour, algorithm: fixedWindow, window: 1h, limit: ${limit}, subject: address }] }] }]`)
}

function started(limit: number, options: RedisStoreOptions) {
  const store = redisStore({ url: server.url }, options)
  const policies = documentPolicies(documentOf(limit, 1), { store })
  onTestFinished(async () => store.close?.())
  const decide = createPipeline<object>(host, { policies, trustProxy: 0 })
  return { policies, get: async () => decide({}), isAdmitted: async () => (await decide({})).pass }
}

test('the deny cache: a higher number admits at once what the number before refused, and a lower one refuses', async () => {
  const { policies, get, isAdmitted } = started(2, { prefix: 'deny' })
  for (const expected of [true, true, false, false]) expect(await isAdmitted()).toBe(expected)
  expect((await get()).decision?.source).toBe('deny-cache')
  policies.use(documentOf(4, 2))
  for (const expected of [true, true, false]) expect(await isAdmitted()).toBe(expected)
  policies.use(documentOf(3, 3))
  expect(await isAdmitted()).toBe(false)
  expect((await get()).decision?.revision).toBe(3)
})

test('leases: what is on lease under the number before comes back, and no more is admitted than the looser number', async () => {
  const processes = ['a', 'b'].map(() => started(2_000, { prefix: 'leases', leases: { hot: 10, ttl: 1_000 } }))
  let admitted = 0
  const burst = async (times: number) => {
    for (let i = 0; i < times; i++) if (await processes[i % 2]!.isAdmitted()) admitted += 1
  }
  await burst(600)
  for (const { policies } of processes) policies.use(documentOf(1_000, 2))
  await burst(600)
  expect(admitted).toBeGreaterThan(900)
  expect(admitted).toBeLessThanOrEqual(2_000)
  // The units that nobody spent are given back, so that the whole of the new number can be used.
  await waitUntil('the units on lease to come back', async () => {
    await burst(50)
    return admitted >= 1_000
  })
  await burst(200)
  expect(admitted).toBe(1_000)
})
