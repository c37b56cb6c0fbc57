import { type Charge, concurrency, createLimiter, fixedWindow, slidingLog, slidingWindow, tokenBucket } from '@sluice/core'
import { redisStore, storedStates } from '@sluice/redis'
import { type RedisServer, startRedis } from '@sluice/testing/redis'
import { afterAll, beforeAll, expect, test } from 'vitest'

const MINUTE = slidingWindow({ name: 'minute', limit: 100, window: '1m' })
const DAY = fixedWindow({ name: 'day', limit: 1_000, window: '1d' })

let server: RedisServer
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())

test('states of the charges have the name of their limit, states of another version have none', async () => {
  const options = { prefix: 'shop', partitions: 4 }
  const store = redisStore({ url: server.url }, options)
  const limits = [MINUTE, DAY, concurrency({ name: 'running', limit: 5, ttl: '1m' })]
  const old = createLimiter({ name: 'api', store, limits: [tokenBucket({ name: 'bucket', limit: 10, window: '1h' })] })
  await old.consume('a', { cost: 4 })
  await old.close()
  const limiter = createLimiter({ name: 'api', store, limits })
  await limiter.consume('a', { cost: 3 })
  await limiter.consume('b')
  const { charges, outcomes } = await limiter.peek('a')
  const before = await server.call('INFO', 'commandstats')
  const states = await storedStates(server.client(), charges, options)
  expect(writesIn(await server.call('INFO', 'commandstats'))).toEqual(writesIn(before))
  expect(states.map(({ limit }) => limit)).toEqual([undefined, 'minute', 'day'])
  const [key] = (await server.call('KEYS', 'shop:{*}:api:a')) as string[]
  expect(new Set(states.map((state) => state.key))).toEqual(new Set([key]))
  expect(states[2]).toMatchObject({ id: expect.any(Number), numbers: [states[2]!.until * 1000, 3, 0] })
  expect(states[2]!.until).toBe(Math.floor((outcomes[1]?.at ?? 0) / 86_400_000_000 + 1) * 86_400_000)
  await store.close?.()
})

test('the entry of a blocked subject is shown as a block, with its end', async () => {
  const store = redisStore({ url: server.url }, { prefix: 'blocked' })
  const limiter = createLimiter({ name: 'api', store, limits: [MINUTE] })
  const { charges } = await limiter.consume('a')
  const until = await limiter.block('a', '1h')
  const states = await storedStates(server.client(), charges, { prefix: 'blocked' })
  expect(states.map(({ kind, limit }) => [kind, limit])).toEqual([
    ['block', undefined],
    ['state', 'minute'],
  ])
  expect(Math.abs(states[0]!.until - until)).toBeLessThanOrEqual(1)
  expect(states[0]!.numbers.slice(1)).toEqual([0, 0])
  const log = createLimiter({ name: 'log', store, limits: [slidingLog({ name: 'log', limit: 5, window: '1m' })] })
  await log.block('a', '1h')
  expect(await storedStates(server.client(), (await log.peek('a')).charges, { prefix: 'blocked' })).toMatchObject([{ kind: 'block' }])
  await store.close?.()
})

test('no state, no charges, and a value that is none', async () => {
  const charge: Charge = { limit: DAY.limit, scope: 'p+day.fixedWindow', subject: 'none', cost: 1 }
  expect(await storedStates(server.client(), [charge])).toEqual([])
  expect(await storedStates(server.client(), [])).toEqual([])
  expect(await storedStates({ getBuffer: () => Promise.resolve(Buffer.alloc(27)) }, [charge])).toEqual([])
  await expect(storedStates(server.client(), [charge], { partitions: 3 })).rejects.toMatchObject({ code: 'ERR_OPTION_INVALID' })
})

/** The counts of the commands that write. */
function writesIn(stats: unknown): readonly string[] {
  return String(stats).match(/cmdstat_(?:set|setrange|del|eval|evalsha|pexpire):calls=\d+/g) ?? []
}
