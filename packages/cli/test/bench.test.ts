// Loads of a few hundred requests on a real service and a real Redis: what is counted, and not how fast it is.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type RunningService, serve } from '@sluice/server'
import { type RedisServer, startRedis } from '@sluice/testing/redis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { sluice } from './sluice.ts'

let service: RunningService
let redis: RedisServer
beforeAll(async () => {
  service = await serve({ http: { port: 0 }, drain: { delay: 0 } })
  redis = await startRedis()
})
afterAll(async () => {
  await service.close()
  await redis.stop()
})

test('a service: every request is counted by its verdict', async () => {
  const args = ['bench', '--url', service.http?.url ?? '', '--count', '150', '--subjects', '1', '--at-once', '4', '--json']
  const { status, out, err } = await sluice(args)
  expect({ status, err }).toEqual({ status: 0, err: '' })
  // One request before the others finds out whether the service is there.
  expect(JSON.parse(out)).toMatchObject({ answered: 150, admitted: 99, refused: 51, unavailable: 0, errors: 0, atOnce: 4, subjects: 1 })
  const { p50, p99, max } = (JSON.parse(out) as { latencyMs: Record<'p50' | 'p99' | 'max', number> }).latencyMs
  expect(p50).toBeGreaterThan(0)
  expect(max).toBeGreaterThanOrEqual(p99)
})

test('a Redis: keys of the bench alone, which expire', async () => {
  const { status, out, err } = await sluice(['bench', '--redis', redis.url, '--count', '200', '--subjects', '50'])
  expect({ status, err }).toEqual({ status: 0, err: '' })
  expect(out).toMatch(/\n200 decisions, [\d,]+ a second\n/)
  expect(out).toMatch(/^admitted +200 +100 %$/m)
  const keys = (await redis.call('KEYS', '*')) as string[]
  expect(keys.filter((key) => !key.startsWith('sluice-bench:'))).toEqual([])
  for (const key of keys.filter((key) => !key.endsWith('{meta}'))) expect(Number(await redis.call('PTTL', key))).toBeGreaterThan(0)
})

test('the time ends it', async () => {
  const { out } = await sluice(['bench', '--redis', redis.url, '--seconds', '1', '--json'])
  const { seconds } = JSON.parse(out) as { seconds: number }
  expect(seconds).toBeGreaterThanOrEqual(1)
})

test('requests without an answer are findings', async () => {
  let asked = 0
  const server = createServer((_, response) => response.writeHead(++asked > 3 ? 500 : 200).end())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const { status, out, err } = await sluice(['bench', '--url', url, '--count', '10'])
  server.closeAllConnections()
  server.close()
  expect(status).toBe(1)
  expect(out).toMatch(/^admitted +2 /m)
  expect(out).toMatch(/^no answer +8$/m)
  expect(err).toContain('the first request without an answer: status 500')
})

test.each([
  [['--url', 'http://limits.internal'], 'limits.internal is another machine, whose clients would wait; add --yes if it is meant'],
  [['--redis', 'redis://:geheim@10.0.0.1'], '10.0.0.1 is another machine'],
  [['--redis', 'redis://127.0.0.1:1'], 'redis://127.0.0.1:1 cannot be reached'],
  [['--url', 'http://127.0.0.1:1'], 'http://127.0.0.1:1 cannot be measured: connect ECONNREFUSED'],
  [['--url', 'http://127.0.0.1:1', '--redis', 'redis://127.0.0.1:1'], '--redis and --url exclude each other'],
  [['--seconds', '61'], '--seconds: expected a whole number, 1 to 60, got 61'],
])('sluice bench %j has status 2', async (args, message) => {
  const { status, err } = await sluice(['bench', ...args])
  expect(status).toBe(2)
  expect(err).toContain(message)
  expect(err).not.toContain('geheim')
})
