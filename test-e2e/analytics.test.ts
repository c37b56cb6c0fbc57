// Analytics of an Express app: endpoints are routes, and nothing that a client sent is in Redis in the clear.
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { header, rateLimit } from '@sluice/express'
import { redisAnalytics, redisStore } from '@sluice/redis'
import { type RedisServer, startRedis } from '@sluice/testing/redis'
import express from 'express'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'

const SECRET = 'a secret of sixteen or more'
const KEY = 'sk-live-0123456789'

let boards: RedisServer
let counters: RedisServer
beforeAll(async () => {
  ;[boards, counters] = await Promise.all([startRedis(), startRedis()])
})
afterAll(() => Promise.all([boards.stop(), counters.stop()]))

test('refusals of a key by route, and no key, address or path in Redis', async () => {
  const analytics = redisAnalytics({ url: boards.url }, { secret: SECRET })
  const store = redisStore({ url: counters.url })
  const app = express()
  const limit = rateLimit({ name: 'api', limit: 2, window: '1h', key: header('x-api-key'), store })
  for (const route of ['/orders/:id', '/users/:id/cards']) app.get(route, limit, (_req, res) => void res.send('ok'))
  const server = app.listen(0)
  await once(server, 'listening')
  onTestFinished(async () => {
    server.close()
    server.closeAllConnections()
    await analytics.close()
    await store.close?.()
  })
  const { port } = server.address() as AddressInfo
  const ask = async (path: string, times: number): Promise<void> => {
    for (let i = 0; i < times; i++) await (await fetch(`http://127.0.0.1:${port}${path}`, { headers: { 'x-api-key': KEY } })).text()
  }
  await ask('/orders/4711', 5)
  await ask('/users/alice/cards?token=geheim', 4)
  await analytics.flush()

  const endpoints = [
    { endpoint: '/users/:id/cards', violations: 4 },
    { endpoint: '/orders/:id', violations: 3 },
  ]
  expect(await analytics.violations(KEY)).toEqual([{ namespace: 'api', policy: 'api', mode: 'enforce', violations: 7, endpoints }])
  const rows = await analytics.usage({ namespace: 'api', by: ['endpoint', 'verdict'], step: '1h' })
  expect(rows.map(({ endpoint, verdict, requests }) => [endpoint, verdict, requests])).toEqual([
    ['/orders/:id', 'allowed', 2],
    ['/orders/:id', 'refused', 3],
    ['/users/:id/cards', 'refused', 4],
  ])
  const keys = (await boards.call('KEYS', '*')) as string[]
  const values = await Promise.all(keys.map((key) => boards.call('DUMP', key)))
  const hashes = await Promise.all(keys.map((key) => boards.call('HGETALL', key).catch(() => [])))
  const text = [...keys, ...values, ...hashes.flat()].map(String).join('\n')
  expect(text).toContain('/orders/:id')
  expect(text).not.toMatch(/sk-live|127\.0\.0\.1|4711|alice|geheim|sixteen/)
})
