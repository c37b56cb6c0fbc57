// Two regions, each with a Redis server of its own: the store shares limits by its option `regions`.
import { type Charge, fixedWindow, type Limit, slidingWindow, type Store } from '@sluice/core'
import { redisStore, type RedisStoreOptions } from '@sluice/redis'
import { regions, type RegionsOptions } from '@sluice/regions'
import { startRedis, waitUntil } from '@sluice/testing/redis'
import { expect, onTestFinished, test } from 'vitest'
import { take } from '../support.ts'
import { InProcess } from './in-process.ts'

const ALL = ['eu', 'us']
const FIXED = fixedWindow({ name: 'day', limit: 20, window: '1d' }).limit
const SLIDING = slidingWindow({ name: 'hour', limit: 20, window: '1h' }).limit

const chargeOf = (limit: Limit, subject: string, cost = 1, policy = 'api'): Charge => ({
  limit,
  scope: `${policy}+${limit.name}.${limit.algorithm}`,
  subject,
  cost,
})

async function twoStores(given: Partial<RegionsOptions> = {}, options: RedisStoreOptions = {}): Promise<readonly [Store, Store]> {
  const network = new InProcess()
  const stores = await Promise.all(
    ALL.map(async (self) => {
      const server = await startRedis()
      onTestFinished(() => server.stop())
      const described = regions({ self, all: ALL, transport: network.of(self), interval: 100, minimum: 0, ...given })
      const store = redisStore(server.client(), { denyCache: false, regions: described, ...options })
      onTestFinished(() => store.close?.())
      return store
    }),
  )
  return stores as unknown as readonly [Store, Store]
}

const used = async (store: Store, one: Charge): Promise<number | undefined> => (await take(store, one, { how: 'peek' }))[0]?.used

/** Charges that are admitted while a client changes regions after each request. */
async function roam([eu, us]: readonly [Store, Store], charges: readonly Charge[]): Promise<number> {
  let admitted = 0
  for (let i = 0; i < 30; i++) {
    const [here, there] = i % 2 === 0 ? [eu, us] : [us, eu]
    const outcomes = await take(here, charges)
    if (!outcomes.every((outcome) => outcome?.allowed)) continue
    admitted += 1
    for (const charge of charges) await waitUntil('the other region counts it', async () => (await used(there, charge)) === admitted)
  }
  return admitted
}

test.each([
  ['a fixed window', [FIXED]],
  ['a sliding window', [SLIDING]],
  ['both', [FIXED, SLIDING]],
])('a client that changes regions meets one limit: %s', async (_, limits) => {
  const stores = await twoStores()
  expect(
    await roam(
      stores,
      limits.map((limit) => chargeOf(limit, 'user:1')),
    ),
  ).toBe(20)
})

test('a policy with mode `local` has its limit in each region', async () => {
  const [eu, us] = await twoStores({ policies: { login: 'local' } })
  await take(eu, chargeOf(FIXED, 'user:1', 15, 'login'))
  await take(eu, chargeOf(FIXED, 'user:1', 15))
  await waitUntil('the exchanged one arrives', async () => (await used(us, chargeOf(FIXED, 'user:1'))) === 15)
  expect(await used(us, chargeOf(FIXED, 'user:1', 1, 'login'))).toBe(0)
})

test('health() says what was heard of the other region', async () => {
  const [eu, us] = await twoStores()
  expect(us.health?.().regions).toEqual({
    self: 'us',
    peers: { eu: { silent: false } },
    unpublished: 0,
    sent: 0,
    applied: 0,
    late: 0,
    over: 0,
    forgiven: 0,
  })
  await take(eu, chargeOf(FIXED, 'user:1', 15))
  await take(us, chargeOf(FIXED, 'user:1', 15))
  await waitUntil('each counts both', async () => (await used(us, chargeOf(FIXED, 'user:1'))) === 30)
  await waitUntil('each counts both', async () => (await used(eu, chargeOf(FIXED, 'user:1'))) === 30)
  const { peers, over, sent, applied, unpublished } = us.health?.().regions ?? {}
  expect({ sent, applied, unpublished, over }).toEqual({ sent: 1, applied: 1, unpublished: 0, over: 10 })
  expect(peers?.['eu']?.heardAt).toBeGreaterThan(Date.now() - 60_000)
  expect(peers?.['eu']?.lag).toBeGreaterThanOrEqual(0)
})

test('a store without the option says nothing of regions', async () => {
  const server = await startRedis()
  onTestFinished(() => server.stop())
  const store = redisStore(server.client())
  onTestFinished(() => store.close?.())
  expect(store.health?.()).not.toHaveProperty('regions')
})
