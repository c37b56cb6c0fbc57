import { expect, test } from 'vitest'
import { startRedis, ttlViolations } from '../../src/redis/index.ts'
import { stopAfterTest } from './support.ts'

test('ttlViolations() finds keys that live longer than their bound, and no others', async () => {
  const server = await stopAfterTest(startRedis())
  const redis = server.client({ keyPrefix: 'p:' })
  for (let i = 0; i < 2500; i += 1) void redis.set(`ok${i}`, '1', 'PX', 60_000)
  await redis.set('meta', '1')
  await redis.set('long', '1', 'PX', 120_000)
  await redis.set('for ever', '1')
  const found = await ttlViolations(redis, { bound: () => 60_000, ignore: (key) => key === 'p:meta' })
  expect(found.map(({ key }) => key).toSorted()).toEqual(['p:for ever', 'p:long'])
  expect(found.find(({ key }) => key === 'p:for ever')).toEqual({ key: 'p:for ever', pttl: -1, bound: 60_000 })
})
