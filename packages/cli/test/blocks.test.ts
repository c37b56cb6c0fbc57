// A real Redis, with the list that processes follow.
import { blockList } from '@sluice/blocklist'
import { redisBlockStorage } from '@sluice/redis'
import { type RedisServer, startRedis } from '@sluice/testing/redis'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { spanOf } from '../src/blocks/block-text.ts'
import { sluice } from './sluice.ts'

let server: RedisServer
beforeAll(async () => {
  server = await startRedis()
})
beforeEach(() => server.call('FLUSHALL'))
afterAll(() => server.stop())

const run = (...args: readonly string[]) => sluice(args, { env: { REDIS_URL: server.url } })

test('a client is blocked, seen by a process, and let in again', async () => {
  const process = blockList({ storage: redisBlockStorage({ url: server.url }), rule: false })
  await process.ready()
  expect(await run('block', '203.0.113.7', '--for', '1h', '--reason', 'ticket 4711')).toMatchObject({
    status: 0,
    err: '',
    out: expect.stringMatching(/^203\.0\.113\.7 is blocked until \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC \(for (?:1h|59m 5\ds)\)\n$/),
  })
  await expect.poll(() => process.check([], '203.0.113.7')).toMatchObject({ rule: 'manual', action: 'refuse' })
  const blocks = await run('blocks')
  expect(blocks).toMatchObject({
    status: 0,
    out: expect.stringMatching(/^203\.0\.113\.7 +refuse +manual +(?:1h|59m 5\ds) +0 +ticket 4711$/m),
  })
  expect(blocks.out.split('\n').filter((line) => line.length > 80)).toEqual([])
  const why = await run('why', '203.0.113.7')
  expect(why).toMatchObject({ status: 1, out: expect.stringContaining('203.0.113.7 is blocked\n') })
  expect(why.out).toContain('by hand: ticket 4711')
  expect(await run('unblock', '203.0.113.7')).toMatchObject({ status: 0, out: '203.0.113.7 is no longer blocked\n' })
  await expect.poll(() => process.check([], '203.0.113.7')).toBeUndefined()
  expect(await run('unblock', '203.0.113.7')).toMatchObject({ status: 1, out: '203.0.113.7 was not blocked\n' })
  expect(await run('why', '203.0.113.7')).toMatchObject({ status: 0, out: '203.0.113.7 is not blocked\n' })
  expect((await run('blocks')).out).toBe('nobody is blocked\n')
  await process.close()
})

test('a network blocks its addresses, and an exemption wins', async () => {
  await run('block', '2001:db8:17::/48', '--for', '2d', '--action', 'drop')
  const why = await run('why', '2001:db8:17::5')
  expect(why).toMatchObject({ status: 1, out: expect.stringContaining('2001:db8:17::/48 is blocked: its connections are closed until') })
  expect(await run('allow', '2001:db8:17::5', '--reason', 'office')).toMatchObject({
    status: 0,
    out: '2001:db8:17::5 is exempt from blocks until sluice disallow\n',
  })
  expect(await run('why', '2001:db8:17::5')).toMatchObject({ status: 0, out: expect.stringContaining('by hand: office') })
  expect((await run('blocks')).out).toMatch(/^2001:db8:17::5 +allow +manual +never +0 +office$/m)
  expect(await run('disallow', '2001:db8:17::5')).toMatchObject({ status: 0, out: '2001:db8:17::5 is no longer exempt\n' })
  expect(await run('disallow', '2001:db8:17::5')).toMatchObject({ status: 1, out: '2001:db8:17::5 was not exempt\n' })
})

test('a subject that reads like an address', async () => {
  await run('block', '203.0.113.7', '--subject', '--for', '1h')
  expect((await run('why', '203.0.113.7')).status).toBe(0)
  expect((await run('why', '203.0.113.7', '--subject')).status).toBe(1)
  expect(await run('unblock', '203.0.113.7', '--subject')).toMatchObject({ status: 0 })
})

test('as JSON', async () => {
  const block = JSON.parse((await run('block', 'user:42', '--for', '90s', '--action', 'shadow', '--json')).out) as object
  expect(block).toMatchObject({ kind: 'subject', name: 'user:42', effect: 'shadow', rule: 'manual', level: 0, reason: '' })
  expect(JSON.parse((await run('blocks', '--json')).out)).toEqual([block])
  // A block in shadow only reports.
  expect(await run('why', 'user:42', '--json')).toMatchObject({ status: 0 })
  expect(JSON.parse((await run('why', 'user:42', '--json')).out)).toMatchObject({
    blocked: block,
    target: { kind: 'subject', name: 'user:42' },
  })
  expect(JSON.parse((await run('unblock', 'user:42', '--json')).out)).toEqual({ target: 'user:42', wasBlocked: true })
})

test('a list under another key is apart', async () => {
  await run('block', 'user:42', '--for', '1h', '--key', 'other:blocks')
  expect((await run('blocks')).out).toBe('nobody is blocked\n')
  expect((await run('blocks', '--key', 'other:blocks')).out).toContain('user:42')
})

describe('a wrong command line', () => {
  test.each([
    [['block', '203.0.113.7'], '--for is missing; every block ends:  --for 1h'],
    [['block', '203.0.113.7', '--for', 'long'], '--for: expected a time such as 30m, 6h or 2d, got long'],
    [['block', '203.0.113.7', '--for', '400d'], 'sluice block: block: duration: expected'],
    [['block', '203.0.113.7', '--for', '1h', '--action', 'ban'], '--action: expected refuse, drop, shadow, got ban'],
    [['block', '0.0.0.0/0', '--for', '1h'], 'expected a CIDR of at least 8 bits'],
    [['block', '--for', '1h'], 'expected TARGET --for TIME'],
    [['blocks', 'user:42'], 'one argument too many: user:42'],
    [['why'], 'expected TARGET'],
  ])('sluice %j', async (args, message) => {
    const { status, err } = await sluice(args, { env: { REDIS_URL: server.url } })
    expect(status).toBe(2)
    expect(err).toContain(message)
  })

  test.each(['block', 'unblock', 'allow', 'disallow', 'why', 'blocks'])(
    'sluice %s without a server, and with one that is away',
    async (name) => {
      const args = [name, ...(name === 'blocks' ? [] : ['user:42']), ...(name === 'block' ? ['--for', '1h'] : [])]
      expect(await sluice(args)).toMatchObject({ status: 2, err: expect.stringContaining('--redis is missing') })
      expect(await sluice(args, { env: { REDIS_URL: 'redis://user:geheim@127.0.0.1:1' } })).toMatchObject({
        status: 2,
        err: expect.stringMatching(/^sluice: redis:\/\/127\.0\.0\.1:1 cannot be reached: (?!.*geheim)/),
      })
    },
  )
})

test('a client that is exempt is not blocked', async () => {
  await run('allow', 'user:42')
  expect(await run('block', 'user:42', '--for', '1h')).toMatchObject({ status: 2, err: expect.stringContaining('ERR_BLOCK_ALLOWED') })
})

test.each([
  [0, '0s'],
  [-5, '0s'],
  [59_499, '59s'],
  [60_000, '1m'],
  [3_661_000, '1h 1m'],
  [3_600_000, '1h'],
  [90_000_000, '1d 1h'],
])('%d ms is %s', (ms, text) => {
  expect(spanOf(ms)).toBe(text)
})
