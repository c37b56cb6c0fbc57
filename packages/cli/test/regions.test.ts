// Two real Redis, each with a store of a region, and streams between them.
import { setImmediate as turn } from 'node:timers/promises'
import { createLimiter, slidingWindow, type Store } from '@sluice/core'
import { redisStore, streamTransport } from '@sluice/redis'
import { regions } from '@sluice/regions'
import { waitUntil } from '@sluice/testing'
import { type RedisServer, startRedis } from '@sluice/testing/redis'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { sluice } from './sluice.ts'

const NAMES = ['eu', 'us'] as const
const DAY = 86_400_000
const from = new Date(Date.now() + DAY).toISOString()
const shares = { version: 7, from, of: { eu: 0.7, us: 0.3 } }
const servers: Record<string, RedisServer> = {}
const stores: Record<string, Store> = {}

function open(self: (typeof NAMES)[number]): Store {
  const urls = Object.fromEntries(NAMES.map((name) => [name, { url: servers[name]?.url ?? '' }]))
  const { [self]: own, ...others } = urls
  const transport = streamTransport({ self: own!, others, on: { warning: () => undefined } })
  return redisStore({ url: servers[self]?.url ?? '' }, { regions: regions({ self, all: NAMES, transport, silence: 1_000, shares }) })
}

beforeAll(async () => {
  for (const name of NAMES) servers[name] = await startRedis()
  for (const name of NAMES) stores[name] = open(name)
})
afterAll(async () => {
  for (const store of Object.values(stores)) await store.close?.()
  for (const server of Object.values(servers)) await server.stop()
})

const run = (name: string, ...args: readonly string[]) => sluice(['regions', ...args], { env: { REDIS_URL: servers[name]?.url ?? '' } })

test('status shows what a region hears, and 1 when another is silent', async () => {
  await waitUntil('each to hear the other', async () => {
    const texts = await Promise.all(NAMES.map(async (name) => (await run(name, 'status')).out))
    return texts.every((text) => / heard$/m.test(text))
  })
  const { status, out, err } = await run('eu', 'status')
  expect({ status, err }).toEqual({ status: 0, err: '' })
  expect(out).toMatch(/^eu: last call of a process \ds ago\n\nregion +last message +it took +state\nus +\ds ago +\d+ ms +heard\n$/)
  expect(JSON.parse((await run('eu', 'status', '--json')).out)).toMatchObject({
    self: 'eu',
    all: ['eu', 'us'],
    peers: [{ region: 'us', isSilent: false, lag: expect.any(Number) }],
  })
  const { us } = stores
  await us?.close?.()
  await waitUntil('the silence', async () => (await run('eu', 'status', '--silence', '1')).status === 1)
  expect((await run('eu', 'status', '--silence', '1')).out).toMatch(/^us +\ds ago +\d+ ms +silent$/m)
  expect((await run('us', 'status', '--silence', '1')).status).toBe(1)
  stores['us'] = open('us')
})

test('shares shows the tables, and who has promised them', async () => {
  await waitUntil('both promises', async () => (await run('eu', 'shares')).status === 0 && (await run('eu', 'shares')).out.includes('70 %'))
  const day = from.slice(0, 19).replace('T', ' ')
  expect((await run('eu', 'shares')).out).toMatch(new RegExp(`^ +7 +${day} UTC +eu 70 %, us 30 % +all$`, 'm'))
  expect(JSON.parse((await run('us', 'shares', '--json')).out)).toMatchObject({
    self: 'us',
    shares: [{ version: 7, from: Date.parse(from), of: { eu: 0.7, us: 0.3 } }],
  })
})

test('resend fills a region again that has lost counts', async () => {
  const limits = [slidingWindow({ name: 'hour', limit: 100, window: '1h' })]
  const limiters = NAMES.map((name) => createLimiter({ name: 'api', limits, store: stores[name]! }))
  onTestFinished(async () => {
    await turn()
    for (const limiter of limiters) await limiter.close()
  })
  const [eu, us] = limiters as [(typeof limiters)[0], (typeof limiters)[0]]
  await us.consume('user:1', { cost: 60 })
  const left = async (): Promise<number> => (await eu.peek('user:1')).outcomes[0]?.remaining ?? -1
  await waitUntil('the count in the other region', async () => (await left()) === 40)
  const admin = servers['eu']!.client()
  const keys = (await admin.keys('sluice:*')).filter((key) => !key.includes('{meta}'))
  await admin.del(...keys)
  expect(await left()).toBe(100)
  expect(await run('eu', 'resend')).toMatchObject({ status: 0, err: '', out: expect.stringContaining('next beat') })
  await waitUntil('the count again', async () => (await left()) === 40, 30_000)
})

test('data of no region, a wrong option, and a server that is away', async () => {
  for (const command of ['status', 'shares', 'resend'])
    expect(await run('eu', command, '--prefix', 'other')).toMatchObject({
      status: 2,
      err: expect.stringContaining('no store with the option regions has written under the prefix "other"'),
    })
  expect(await run('eu', 'status', '--silence', '0')).toMatchObject({
    status: 2,
    err: expect.stringContaining('--silence: expected a whole number'),
  })
  expect(await sluice(['regions', 'status', '--redis', 'redis://127.0.0.1:1'])).toMatchObject({
    status: 2,
    err: expect.stringContaining('127.0.0.1:1'),
  })
})
