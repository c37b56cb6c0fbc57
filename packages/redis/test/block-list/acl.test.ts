// The ACL rules in docs/block-list.md are sufficient, and a process that only enforces cannot write.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { blockList } from '@sluice/blocklist'
import { redisBlockStorage } from '@sluice/redis'
import { blockRule, strikeReport } from '@sluice/testing'
import { type RedisServer, startRedis, waitUntil } from '@sluice/testing/redis'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'

const page = readFileSync(join(import.meta.dirname, '../../../../docs/block-list.md'), 'utf8')
const DENIED = /NOPERM|ACL|permission|can't run/i

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

test('a process counts and blocks, and another one enforces', async () => {
  const writer = blockList({ storage: redisBlockStorage(await user('blocks-writer')) })
  const reader = blockList({ storage: redisBlockStorage(await user('blocks-reader')), rule: false })
  onTestFinished(() => writer.close())
  onTestFinished(() => reader.close())
  await Promise.all([writer.ready(), reader.ready()])
  const storage = redisBlockStorage(await user('blocks-writer'))
  onTestFinished(() => storage.close?.())
  expect((await storage.report([strikeReport('a')], blockRule())).blocked).toHaveLength(1)
  expect(await storage.revisionAge('shop', 1)).toBe(Infinity)
  await writer.block('b', '1m')
  await writer.allow('c')
  expect(await writer.unblock('b')).toBe(true)
  expect(await writer.disallow('c')).toBe(true)
  await waitUntil('the block', () => reader.check('a', undefined) !== undefined)
  expect((await reader.why('a')).level).toBe(1)
  expect(await reader.list()).toHaveLength(1)
  const log = (await server.call('ACL', 'LOG')) as unknown[]
  expect(log.map(String).filter((entry) => !/\bclient\b/i.test(entry))).toEqual([])
  await expect(reader.block('x', '1m')).rejects.toThrow(DENIED)
  await expect(reader.unblock('a')).rejects.toThrow(DENIED)
})

test.each(['+xadd', '+hset', '+zadd'])('without %s nothing is written', async (rule) => {
  const state = async (): Promise<unknown> =>
    Promise.all([server.call('HGETALL', '{sluice:blocks}:entries'), server.call('XLEN', '{sluice:blocks}:changes')])
  const before = await state()
  const storage = redisBlockStorage(await user('blocks-writer', rule))
  onTestFinished(() => storage.close?.())
  await expect(storage.put({ kind: 'subject', name: 'z', effect: 'refuse', reason: '', duration: 60_000, maxEntries: 10 })).rejects.toThrow(
    DENIED,
  )
  expect(await state()).toEqual(before)
})
