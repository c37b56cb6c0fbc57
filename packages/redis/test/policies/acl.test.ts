// The ACL rules in docs/policy-sources.md are sufficient, and a reader cannot publish.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type RedisServer, startRedis } from '@sluice/testing/redis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { arrival, followed, publish } from './support.ts'

const page = readFileSync(join(import.meta.dirname, '../../../../docs/policy-sources.md'), 'utf8')

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

test('a publisher writes, and a reader follows', async () => {
  const publisher = await user('policies-publisher')
  expect(await publish(publisher, 1)).toBe(true)
  const one = await followed(await user('policies-reader'))
  expect(await arrival(one, publisher, 2)).toBeLessThan(5_000)
  const log = (await server.call('ACL', 'LOG')) as unknown[]
  expect(log.map(String).filter((entry) => !/\bclient\b/i.test(entry))).toEqual([])
})

test('a reader cannot publish, and neither reaches other keys', async () => {
  await expect(publish(await user('policies-reader'), 9)).rejects.toThrow(/NOPERM|ACL|permission|can't run/i)
  await expect(followed(await user('policies-reader'), { key: 'other' }, { startTimeout: 500 })).rejects.toThrow(
    /NOPERM|ACL|permission|can't run/i,
  )
})

test.each(['+hmget', '+xadd', '+hset'])('without %s nothing is published', async (rule) => {
  const before = await server.call('HGETALL', '{sluice:policies}:documents')
  const length = await server.call('XLEN', '{sluice:policies}:changes')
  await expect(publish(await user('policies-publisher', rule), 50)).rejects.toThrow(/NOPERM|ACL|permission|can't run/i)
  expect(await server.call('HGETALL', '{sluice:policies}:documents')).toEqual(before)
  expect(await server.call('XLEN', '{sluice:policies}:changes')).toEqual(length)
})
