// Blocks in Redis: what they cost, where they are kept, and that every process sees them at once. The contract itself:
// packages/testing/src/conformance/blocks.ts.
import {
  type BlockChange,
  type Charge,
  concurrency,
  createLimiter,
  fixedWindow,
  type Limit,
  slidingLog,
  slidingWindow,
  type Store,
  tokenBucket,
} from '@sluice/core'
import { redisStore, type RedisStoreOptions } from '@sluice/redis'
import { waitUntil } from '@sluice/testing'
import { type RedisServer, startRedis } from '@sluice/testing/redis'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { connect } from '../src/client/connect.ts'
import { Replica } from '../src/client/replica.ts'
import { Keys } from '../src/keys.ts'
import { charge, keptForTest, rawStore, scanAfterEach, SIX, take, took } from './support.ts'

const HOUR = 3_600_000
let server: RedisServer
let prefix: string
let prefixes = 0

beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())
beforeEach(() => {
  prefix = `blocks${++prefixes}`
})
const kept = keptForTest()
scanAfterEach(() => server.client())

const raw = (options: RedisStoreOptions = {}): Store => kept(rawStore({ url: server.url }, { prefix, ...options }))
async function block(store: Store, charges: readonly Charge[], ms: number): Promise<BlockChange> {
  return (await store.block?.(charges, ms)) as BlockChange
}
const keys = async (): Promise<readonly string[]> => (await server.client().keys(`${prefix}:*`)).filter((key) => !key.endsWith('{meta}'))

test('every process refuses at once, with scripts and without', async () => {
  const [one, two, three] = [raw(), raw(), raw({ scripting: false })]
  for (const store of [one, two, three]) expect(await took(store, charge('ann'))).toMatchObject({ allowed: true })
  for (const by of [one, three]) {
    await block(by, [charge('ann')], HOUR)
    for (const store of [one, two, three]) expect(await took(store, charge('ann'))).toMatchObject({ allowed: false, blocked: true })
    expect(await block(two, [charge('ann')], 0)).toEqual({ until: 0, wasBlocked: true })
    for (const store of [one, two, three]) expect(await took(store, charge('ann'))).toMatchObject({ allowed: true })
  }
})

test('decisions of one turn see the blocks before them, on the fast path too', async () => {
  for (const store of [raw(), raw({ scripting: false })]) {
    const one = charge('turn')
    const before = took(store, one)
    const blocking = block(store, [one], HOUR)
    const during = took(store, one)
    const ending = block(store, [one], 0)
    const after = took(store, one)
    expect((await Promise.all([before, during, after])).map(({ allowed }) => allowed)).toEqual([true, false, true])
    expect((await Promise.all([blocking, ending])).map(({ wasBlocked }) => wasBlocked)).toEqual([false, true])
  }
})

test('takes one entry of the value, first, and leaves nothing behind', async () => {
  const store = raw()
  await took(store, charge('ann'))
  const client = server.client()
  const [key] = (await keys()) as [string]
  const before = (await client.getBuffer(key)) as Buffer
  expect(before).toHaveLength(28)
  await block(store, [charge('ann')], HOUR)
  const during = (await client.getBuffer(key)) as Buffer
  expect(during.subarray(28)).toEqual(before)
  expect(during.readUInt32BE(0)).toBe(0xffffffff)
  expect(await client.pttl(key)).toBeGreaterThan(HOUR - 60_000)
  await block(store, [charge('ann')], 0)
  expect(await client.getBuffer(key)).toEqual(before)
  expect(await client.pttl(key)).toBeLessThanOrEqual(60_000)
  await block(store, [charge('bob')], HOUR)
  await block(store, [charge('bob')], 0)
  expect(await keys()).toEqual([key])
})

test('an entry that ends later keeps its key, and the block ends by itself', async () => {
  const store = raw()
  const day = fixedWindow({ name: 'day', limit: 10, window: '1d', anchor: 'first' }).limit
  await took(store, charge('ann', day))
  await block(store, [charge('ann', day)], 1_000)
  expect(await took(store, charge('ann', day))).toMatchObject({ blocked: true })
  await waitUntil('the block to end', async () => (await take(store, charge('ann', day), { how: 'peek' }))[0]?.blocked !== true)
  expect(await took(store, charge('ann', day))).toMatchObject({ allowed: true, remaining: 8 })
  expect(await server.client().pttl((await keys())[0] as string)).toBeGreaterThan(80_000_000)
})

test('limits of another tier, of another version, and with another window are refused too', async () => {
  const store = raw()
  await block(store, [charge('ann')], HOUR)
  const others: readonly Limit[] = [
    ...SIX,
    slidingLog({ name: 'log', limit: 5, window: '2m' }).limit,
    fixedWindow({ name: 'month', limit: 5, window: 'month' }).limit,
    concurrency({ name: 'new', limit: 5, ttl: '1m' }).limit,
  ]
  for (const limit of others) expect(await took(store, charge('ann', limit))).toMatchObject({ allowed: false, blocked: true })
  for (const limit of others) expect(await took(store, charge('bob', limit))).toMatchObject({ allowed: true })
  // All in one batch, some on the fast path and some not.
  const batch = await Promise.all(others.map((limit) => took(store, charge('ann', limit))))
  expect(batch.every(({ blocked }) => blocked === true)).toBe(true)
})

test('a policy with packed windows and a limit with a key of its own', async () => {
  const packed = raw({ packed: { subjects: 1 }, partitions: 1 })
  const limits = [
    slidingWindow({ name: 'minute', limit: 10, window: '1m' }).limit,
    concurrency({ name: 'calls', limit: 10, ttl: '1m' }).limit,
  ]
  for (const subject of ['4711', 'ann', 'a\0b']) {
    const charges = limits.map((limit) => charge(subject, limit))
    await packed.consume(charges)
    await block(packed, charges, HOUR)
    for (const one of charges) expect(await took(packed, one)).toMatchObject({ blocked: true })
    expect((await packed.consume(charges)).map((outcome) => outcome?.blocked)).toEqual([true, true])
    expect(await took(packed, charge(`${subject}1`, limits[0]))).toMatchObject({ allowed: true })
    expect(await packed.consume([charge(subject, limits[0])], { how: 'force' })).toMatchObject([{ allowed: true, remaining: 8 }])
    await packed.reset(charges)
    expect(await took(packed, charge(subject, limits[0]))).toMatchObject({ blocked: true })
    expect(await block(packed, charges, 0)).toMatchObject({ wasBlocked: true })
    expect((await packed.consume(charges)).map((outcome) => outcome?.remaining)).toEqual([9, 9])
  }
})

test('a value that is full of entries keeps its block', async () => {
  const store = raw()
  await block(store, [charge('ann')], 2_000)
  for (let i = 0; i < 33; i++) {
    const limit = fixedWindow({ name: `w${i}`, limit: 10, window: '1h' }).limit
    await store.consume([charge('ann', limit)], { how: 'force' })
  }
  expect(await took(store, charge('ann'))).toMatchObject({ allowed: false, blocked: true })
})

test('several limits of one decision on a shared value, whichever is first', async () => {
  const store = raw()
  const three = ['a', 'b', 'c'].map((name) => tokenBucket({ name, limit: 10, window: '1m' }).limit)
  for (const limit of three) await took(store, charge('ann', limit))
  await block(store, [charge('ann', three[0])], HOUR)
  for (const some of [three, three.slice(1), three.slice(2), [three[2], three[0]]]) {
    const outcomes = await store.consume(some.map((limit) => charge('ann', limit as Limit)))
    expect(outcomes.map((outcome) => outcome?.blocked)).toEqual(some.map(() => true))
  }
  await block(store, [charge('ann', three[0])], 0)
  expect((await store.consume(three.map((limit) => charge('ann', limit)))).map((outcome) => outcome?.remaining)).toEqual([8, 8, 8])
})

test('a replica shows blocks, so that an outage begins with them', async () => {
  const store = raw()
  const connection = connect({ url: server.url })
  const replica = new Replica(connection, new Keys(prefix, 16))
  const log = SIX[2] as Limit
  await block(store, [charge('ann')], HOUR)
  await expect
    .poll(() => replica.peek([charge('ann'), charge('ann', log), charge('bob')]).catch(() => []))
    .toMatchObject([{ blocked: true }, { blocked: true }, { allowed: true }])
  connection.client.disconnect()
})

test('a limiter over all layers blocks, and says until when', async () => {
  const store = kept(redisStore({ url: server.url }, { prefix, leases: true }))
  const limiter = createLimiter({ name: 'login', limits: [slidingLog({ name: 'account', limit: 5, window: '15m' })], store })
  const until = await limiter.block('ann', '1h')
  expect(Math.abs(until - Date.now() - HOUR)).toBeLessThan(60_000)
  expect(await limiter.consume('ann')).toMatchObject({ verdict: 'blocked', resetAt: expect.closeTo(until, -2) as number })
  expect(await limiter.unblock('ann')).toBe(true)
  expect(await limiter.consume('ann')).toMatchObject({ verdict: 'allowed', remaining: 4 })
})
