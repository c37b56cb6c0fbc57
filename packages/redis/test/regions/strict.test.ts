// Mode `strict` over real servers: never more than the limit in total, and a busy region gets what the others can spare.
import {
  type Charge,
  concurrency,
  fixedWindow,
  type Limit,
  type Outcome,
  slidingLog,
  slidingWindow,
  type Store,
  tokenBucket,
} from '@sluice/core'
import { redisStore, type RedisStoreOptions } from '@sluice/redis'
import { type RegionMode, regions, type RegionsOptions } from '@sluice/regions'
import { type RedisServer, startRedis, waitUntil } from '@sluice/testing/redis'
import { describe, expect, onTestFinished, test } from 'vitest'
import { take } from '../support.ts'
import { InProcess } from './in-process.ts'

const ALL = ['eu', 'us', 'ap']
const FIXED = fixedWindow({ name: 'day', limit: 60, window: '1d' }).limit
const SLIDING = slidingWindow({ name: 'hour', limit: 60, window: '1h' }).limit

const chargeOf = (limit: Limit, cost = 1, subject = 'user:1', policy = 'api'): Charge => ({
  limit,
  scope: `${policy}+${limit.name}.${limit.algorithm}`,
  subject,
  cost,
})

async function start(
  all: readonly string[],
  given: Partial<RegionsOptions> = {},
  options: RedisStoreOptions = {},
  running?: readonly RedisServer[],
) {
  const network = new InProcess()
  const servers = await Promise.all(
    all.map(async (_, i) => {
      const found = running?.[i]
      if (found !== undefined) return found
      const server = await startRedis()
      onTestFinished(() => server.stop())
      return server
    }),
  )
  const stores = all.map((self, i) => {
    const transport = network.of(self)
    const described = regions({ self, all, transport, interval: 100, mode: 'strict', ...given })
    const store = redisStore(servers[i]?.client() as never, { failover: false, denyCache: false, regions: described, ...options })
    onTestFinished(() => store.close?.())
    return store
  })
  for (const store of stores)
    await waitUntil('the region has read its share', async () => (await peek(store, chargeOf(FIXED, 1, 'nobody'))).remaining > 0)
  return { network, servers, stores }
}

const peek = async (store: Store, charge: Charge): Promise<Outcome> =>
  (await take(store, charge, { how: 'peek', failMode: 'closed' }))[0] as Outcome
const decide = async (store: Store, charge: Charge): Promise<Outcome> => (await take(store, charge))[0] as Outcome

/** Asks until the others have said that they have nothing, or until `isOver`. Returns the units that were admitted. */
async function exhaust(store: Store, charge: Charge, isOver: () => boolean = () => false): Promise<number> {
  let units = 0
  let isHeld = true
  await waitUntil('the others have nothing to give', async () => {
    for (;;) {
      const { allowed, held } = await decide(store, charge)
      if (!allowed) {
        isHeld = held === true
        return !isHeld || isOver()
      }
      units += charge.cost
    }
  })
  return units
}

test.each([
  ['a fixed window', FIXED],
  ['a sliding window', SLIDING],
])('one busy region gets nearly all of the limit, and all together never more: %s', { timeout: 60_000 }, async (_, limit) => {
  const { stores } = await start(ALL)
  const [busy, ...others] = stores as [Store, Store, Store]
  const first = await exhaust(busy, chargeOf(limit))
  expect(first).toBe(60)
  expect(busy.health?.().regions?.transfers).toBeGreaterThan(2)
  let sum = first
  for (const store of others) sum += await exhaust(store, chargeOf(limit))
  expect(sum).toBe(60)
})

test('regions that compete never admit more than the limit', { timeout: 60_000 }, async () => {
  const { stores } = await start(ALL)
  const sums = await Promise.all(stores.map((store, i) => exhaust(store, chargeOf(FIXED, i + 1))))
  const sum = sums.reduce((total, units) => total + units, 0)
  expect(sum).toBeGreaterThanOrEqual(48)
  expect(sum).toBeLessThanOrEqual(60)
})

test('a refusal while others are asked is short, and the end of the window once they have nothing', { timeout: 60_000 }, async () => {
  const { stores, network } = await start(ALL.slice(0, 2))
  const [eu, us] = stores as [Store, Store]
  network.cut.add('us')
  expect(await decide(eu, chargeOf(FIXED, 31))).toMatchObject({ allowed: false, held: true, retryAfter: 1_000, remaining: 30 })
  expect((await decide(eu, chargeOf(FIXED, 61))).retryAfter).toBe(Infinity)
  network.cut.delete('us')
  expect((await decide(us, chargeOf(FIXED, 30))).allowed).toBe(true)
  await decide(eu, chargeOf(FIXED, 30))
  await waitUntil('the other region has said that it has nothing', async () => (await decide(eu, chargeOf(FIXED))).held !== true)
  const { retryAfter, resetAfter } = await decide(eu, chargeOf(FIXED))
  expect(retryAfter).toBe(resetAfter)
  expect(retryAfter).toBeGreaterThan(1_000)
})

test('a reset forgets what was used, and not what was given', { timeout: 60_000 }, async () => {
  const { stores } = await start(ALL.slice(0, 2))
  const [eu, us] = stores as [Store, Store]
  const before = await exhaust(eu, chargeOf(FIXED))
  expect(before).toBe(60)
  expect(await us.reset([chargeOf(FIXED)])).toBe(false)
  expect((await peek(us, chargeOf(FIXED))).remaining).toBe(0)
  expect(await eu.reset([chargeOf(FIXED)])).toBe(true)
  expect((await peek(eu, chargeOf(FIXED))).remaining).toBe(60)
})

test('a give-back is bounded by its receipt', async () => {
  const { stores } = await start(ALL.slice(0, 2))
  const [eu] = stores as [Store]
  const { receipt } = await decide(eu, chargeOf(FIXED, 5))
  await take(eu, { ...chargeOf(FIXED, -9), receipt })
  expect((await peek(eu, chargeOf(FIXED))).remaining).toBe(30)
})

test.each([
  ['a bucket', tokenBucket({ name: 'b', limit: 31, window: '1h', burst: 10 }).limit, [5, 5]],
  ['a log', slidingLog({ name: 'l', limit: 31, window: '1h' }).limit, [15, 16]],
  ['a window from the first charge', fixedWindow({ name: 'f', limit: 31, window: '1h', anchor: 'first' }).limit, [15, 16]],
  ['concurrency', concurrency({ name: 'c', limit: 3, ttl: '1m' }).limit, [1, 2]],
])('each region has its share of %s', async (_, limit, shares) => {
  const { stores } = await start(ALL.slice(0, 2))
  const left = await Promise.all(stores.map(async (store) => (await peek(store, chargeOf(limit))).remaining))
  expect(left).toEqual(shares)
})

test('slack is above the limit, and each policy has its own', async () => {
  const { stores } = await start(ALL.slice(0, 2), { policies: { api: { mode: 'strict', slack: 0.1 } } })
  const [eu] = stores as [Store]
  expect((await peek(eu, chargeOf(FIXED))).remaining).toBe(33)
  expect((await peek(eu, chargeOf(FIXED, 1, 'user:1', 'other'))).remaining).toBe(30)
})

test.each([
  ['leases', { leases: { hot: 10, maxPart: 0.5 } }],
  ['the deny cache', { denyCache: true }],
])('with %s: never more than the limit, and what comes from other regions is used', { timeout: 60_000 }, async (_, options) => {
  const { stores } = await start(ALL.slice(0, 2), {}, options)
  const large = fixedWindow({ name: 'large', limit: 600, window: '1d' }).limit
  const [eu, us] = stores as [Store, Store]
  const sum = (await exhaust(eu, chargeOf(large))) + (await exhaust(us, chargeOf(large)))
  expect(sum).toBeLessThanOrEqual(600)
  expect(sum).toBeGreaterThan(500)
})

test('packed states and strict policies are refused together', () => {
  const described = regions({ self: 'eu', all: ALL, transport: new InProcess().of('eu'), policies: { a: 'strict' } })
  const packed = { subjects: 1_000, secret: 'a secret that is long enough' }
  expect(() => redisStore({ url: 'redis://127.0.0.1:1' }, { regions: described, packed })).toThrow(
    expect.objectContaining({ code: 'ERR_OPTION_CONFLICT' }),
  )
})

test('a policy without failMode `closed` is warned of once', async () => {
  const { stores } = await start(ALL.slice(0, 2))
  const [eu] = stores as [Store]
  const warnings: string[] = []
  eu.subscribe?.((event) => (event.type === 'warning' ? void warnings.push(`${event.code} ${event.message}`) : undefined))
  const found = (): readonly string[] => warnings.filter((text) => text.startsWith('WARN_REGIONS_FAIL_MODE'))
  await take(eu, chargeOf(FIXED, 1, 'user:1', 'closed'), { failMode: 'closed' })
  expect(found()).toEqual([])
  await take(eu, chargeOf(FIXED, 1, 'user:1', 'local'), { failMode: 'local' })
  await take(eu, chargeOf(FIXED, 1, 'user:1', 'local'), { failMode: 'local' })
  expect(found()).toEqual([expect.stringContaining('policy "local" has mode "strict": expected failMode "closed"')])
})

// Rights of a generation that only one region knows would come from counts that the others have not used.
test('a region gives no rights to a generation of another one', async () => {
  const { stores } = await start(['eu', 'us'])
  const [eu, us] = stores as [Store, Store]
  expect((await decide(us, chargeOf(FIXED, 30))).allowed).toBe(true)
  const renewed: Charge = { ...chargeOf(FIXED), scope: 'api!other+day.fixedWindow' }
  let units = 0
  for (let i = 0; i < 40; i++) {
    if ((await decide(eu, renewed)).allowed) units += 1
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  expect(units).toBe(30)
})

// A deploy that changes the mode. What was used before counts in the running window; the next one is as the new mode promises.
describe('after a change of the mode', () => {
  const used = async (store: Store, charge: Charge): Promise<number> => (await peek(store, charge)).used
  const change = async (from: RegionMode, to: RegionMode, before: (eu: Store, us: Store) => Promise<void>) => {
    const old = await start(ALL.slice(0, 2), { mode: from, minimum: 0 })
    await before(...(old.stores as [Store, Store]))
    await Promise.all(old.stores.map((store) => store.close?.()))
    const { stores } = await start(ALL.slice(0, 2), { mode: to, minimum: 0 }, {}, old.servers)
    return stores as [Store, Store]
  }

  test('to `strict`, a region that has heard of more than its share admits nothing more', { timeout: 60_000 }, async () => {
    const [eu, us] = await change('eventual', 'strict', async (one, other) => {
      await decide(one, chargeOf(FIXED, 40))
      await waitUntil('the other region counts it', async () => (await used(other, chargeOf(FIXED))) === 40)
    })
    expect((await exhaust(eu, chargeOf(FIXED))) + (await exhaust(us, chargeOf(FIXED)))).toBe(0)
    const next = chargeOf(FIXED, 1, 'user:2')
    expect((await exhaust(eu, next)) + (await exhaust(us, next))).toBe(60)
  })

  test('to `eventual`, each region counts what both used, and rights are nobody’s units', { timeout: 60_000 }, async () => {
    const [eu, us] = await change('strict', 'eventual', async (one, other) => {
      await decide(other, chargeOf(FIXED, 5))
      let units = 0
      await waitUntil('40 units, some of them with rights of the other region', async () => {
        if ((await decide(one, chargeOf(FIXED))).allowed) units += 1
        return units === 40
      })
      expect(one.health?.().regions?.transfers).toBeGreaterThan(0)
    })
    for (const store of [eu, us]) await decide(store, chargeOf(FIXED))
    for (const store of [eu, us]) await waitUntil('the region counts all', async () => (await used(store, chargeOf(FIXED))) === 47)
    expect((await decide(us, chargeOf(FIXED, 14))).allowed).toBe(false)
    expect((await decide(us, chargeOf(FIXED, 13))).allowed).toBe(true)
  })
})
