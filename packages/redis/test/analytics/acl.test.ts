// The ACL rules in docs/analytics.md are sufficient, and a reader cannot write.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { analyticsReader } from '@sluice/redis'
import { type RedisServer, startRedis } from '@sluice/testing/redis'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { analyticsOn, consume, limiterOf } from './support.ts'

const page = readFileSync(join(import.meta.dirname, '../../../../docs/analytics.md'), 'utf8')

let server: RedisServer
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())

async function user(name: string, without?: string): Promise<{ url: string }> {
  const rules = new RegExp(`^user ${name} (.+)$`, 'm').exec(page)?.[1]?.split(' ') ?? []
  await server.call('ACL', 'SETUSER', name, 'reset', ...rules.filter((rule) => rule !== without))
  await server.call('SCRIPT', 'FLUSH')
  return { url: `redis://${name}:secret@${server.host}:${server.port}` }
}

test('the rules are sufficient, and allow no key outside the prefix', async () => {
  const analytics = analyticsOn(await user('analytics'))
  const { limiter, name } = limiterOf(0)
  // More than a board keeps, so that it is trimmed.
  for (let i = 0; i < 11; i++) {
    for (let j = 0; j < 950; j++) await limiter.consume(`s${i}-${j}`)
    await consume(limiter, 'bot', 5)
    await analytics.flush()
  }
  expect(analytics.health()).toMatchObject({ reason: undefined, lost: 0 })
  const reader = analyticsReader(await user('analytics-reader'))
  onTestFinished(() => reader.close())
  for (const each of [analytics, reader]) {
    expect((await each.topViolators({ namespace: name }))[0]?.violations).toBe(55)
    expect(await each.usage({ namespace: name, step: '1h' })).toHaveLength(1)
  }
  expect(await analytics.violations('bot')).toMatchObject([{ violations: 55 }])
  const log = (await server.call('ACL', 'LOG')) as unknown[]
  expect(log.map(String).filter((entry) => !/\bclient\b/i.test(entry))).toEqual([])
  const other = analyticsOn(await user('analytics'), { prefix: 'other' })
  await consume(limiter, 'bot', 1)
  await other.flush()
  expect(other.health().reason).toMatch(/NOPERM|ACL|permission|can't run/i)
})

test('a reader cannot write', async () => {
  const analytics = analyticsOn(await user('analytics-reader'))
  await consume(limiterOf(0).limiter, 'bot', 1)
  await analytics.flush()
  expect(analytics.health().reason).toMatch(/NOPERM|ACL|permission|can't run/i)
})

test.each(['+get', '+zadd', '+zmscore', '+hmget'])('without %s nothing is counted, and it is reported', async (rule) => {
  const before = (await server.call('DBSIZE')) as number
  const analytics = analyticsOn(await user('analytics', rule))
  await consume(limiterOf(0, `without-${rule.slice(1)}`).limiter, 'bot', 1)
  await analytics.flush()
  expect(analytics.health().reason).toMatch(/NOPERM|ACL|permission|can't run/i)
  const boards = ((await server.call('KEYS', `*{without-${rule.slice(1)}}:top:*`)) as string[]).length
  expect({ before: before >= 0, boards }).toEqual({ before: true, boards: 0 })
})
