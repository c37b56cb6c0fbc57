import { setTimeout as sleep } from 'node:timers/promises'
import { createLimiter, fixedWindow, type Limiter, memoryStore } from '@sluice/core'
import { redisAnalytics, type RedisAnalytics, type RedisAnalyticsOptions, type RedisSource } from '@sluice/redis'
import { fakeClock } from '@sluice/testing'
import { type RedisServer, ttlViolations } from '@sluice/testing/redis'
import { afterEach, expect, onTestFinished } from 'vitest'

export const SECRET = 'a secret of sixteen or more'

let names = 0

/** A limiter in memory with a name of its own: a limit of `limit` an hour. */
export function limiterOf(limit: number, name = `l${++names}`): { readonly limiter: Limiter; readonly name: string } {
  const limits = [fixedWindow({ name: 'hour', limit, window: '1h' })]
  return { limiter: createLimiter({ name, limits, store: memoryStore() }), name }
}

/** Analytics that send when a test says so, and end after it. All that a test does is in one minute, on whatever clock it runs. */
export function analyticsOn(source: RedisSource, options: Partial<RedisAnalyticsOptions> = {}): RedisAnalytics {
  const clock = fakeClock(Math.floor(Date.now() / 60_000) * 60_000)
  const analytics = redisAnalytics(source, { secret: SECRET, interval: '60s', clock, on: { warning: () => undefined }, ...options })
  onTestFinished(() => analytics.close())
  return analytics
}

/** Observers hear a decision in a microtask after it. */
export async function heard(): Promise<void> {
  await sleep(0)
}

/** Consumes `times` times, then waits until it is heard. */
export async function consume(limiter: Limiter, subject: string, times: number): Promise<void> {
  for (let i = 0; i < times; i++) await limiter.consume(subject)
  await heard()
}

/** Checks after each test that every key expires within the 48 hours that boards live, then deletes all keys. */
export function checkKeysAfterEach(server: () => RedisServer): void {
  afterEach(async () => {
    const violations = await ttlViolations(server().client(), { bound: () => 48 * 3_600_000 })
    expect(violations).toEqual([])
    await server().call('FLUSHALL')
  })
}
