// Only `npm run test:all` runs it: a failover takes 10 s.
import type { RedisSource } from '@sluice/redis'
import { startSentinel } from '@sluice/testing/redis'
import { expect, onTestFinished, test } from 'vitest'
import { closeAfterEach, LIBRARIES } from '../clients/clients.ts'
import { replicated } from '../support.ts'
import { analyticsOn, consume, limiterOf } from './support.ts'

closeAfterEach()

test('Sentinels: after a failover, counts go on at the new primary', async () => {
  const redis = await startSentinel()
  onTestFinished(() => redis.stop())
  const { name, sentinels } = redis
  const clients: readonly RedisSource[] = [
    { sentinels, name },
    await LIBRARIES['node-redis 6'].sentinel!(redis),
    await LIBRARIES.iovalkey.sentinel!(redis),
  ]
  const writers = clients.map((source) => analyticsOn(source))
  const limiter = limiterOf(0)
  const flushed = async (): Promise<void> => {
    for (const writer of writers) {
      await expect
        .poll(async () => {
          await writer.flush()
          return writer.health().reason
        })
        .toBeUndefined()
    }
  }
  await consume(limiter.limiter, 'bot', 3)
  await flushed()
  await redis.settled()
  // A failover loses what no replica has: that is no matter of analytics.
  await replicated(redis.client(), 2)
  await redis.killPrimary()
  await redis.settled()
  await consume(limiter.limiter, 'bot', 4)
  await flushed()
  // Each of the three hears every refusal.
  expect(await writers[0]?.topViolators()).toMatchObject([{ violations: 21 }])
}, 120_000)
