// Calls of `wait` in several processes, over one Redis.
import { concurrency, createLimiter, leakyBucket, tokenBucket } from '@sluice/core'
import { redisStore } from '@sluice/redis'
import { type RedisServer, startRedis } from '@sluice/testing/redis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { asAnotherProcess, keptForTest, scanAfterEach } from './support.ts'

let server: RedisServer
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())
scanAfterEach(
  () => server.client(),
  () => server.call('FLUSHALL'),
)
const kept = keptForTest()

const PATIENT = { failover: { deadline: 500 } }

function processes(count: number, limit: Parameters<typeof createLimiter>[0]['limits']) {
  return Array.from({ length: count }, () => {
    const store = kept(asAnotherProcess(() => redisStore({ url: server.url }, PATIENT)))
    return createLimiter({ name: 'api', limits: limit, store })
  })
}

test('M5: the calls of three processes are admitted at the rate of the limit, and none is forgotten', async () => {
  const limiters = processes(3, [tokenBucket({ name: 'rate', limit: 50, window: '1s', burst: 5 })])
  const began = Date.now()
  const decisions = await Promise.all(limiters.flatMap((limiter) => Array.from({ length: 10 }, () => limiter.wait('u'))))
  expect(decisions.every(({ allowed, source }) => allowed && source === 'redis')).toBe(true)
  // 30 calls, of which 5 are the burst.
  expect(Date.now() - began).toBeGreaterThanOrEqual(495)
})

test('M5: a cancelled wave costs those of another process at most one turn of the queue', async () => {
  const [first, second] = processes(2, [leakyBucket({ name: 'queue', limit: 2, window: '1s', queue: true, maxDelay: '1h' })])
  await first!.consume('u')
  const controller = new AbortController()
  const wave = Array.from({ length: 40 }, () => first!.wait('u', { signal: controller.signal }))
  for (const one of wave) one.catch(() => undefined)
  await second!.peek('u')
  const after = second!.wait('u')
  await second!.peek('u')
  controller.abort(new Error('enough'))
  await expect(wave[39]).rejects.toThrow('enough')
  // Behind the one that is running, and the first of the wave: 40 turns would be 20 s.
  const { delay } = await second!.peek('u')
  expect(delay).toBeLessThanOrEqual(1_500)
  expect(await after).toMatchObject({ allowed: true, delay: 0, source: 'redis' })
})

test('M5: a slot that another process releases is taken', async () => {
  const [first, second] = processes(2, [concurrency({ name: 'slots', limit: 1, ttl: '1m', retryHint: '20ms' })])
  const held = await first!.consume('u')
  const waits = second!.wait('u')
  await first!.release(held)
  expect(await waits).toMatchObject({ allowed: true, source: 'redis' })
})
