// Two regions, each with a Redis server of its own: the store shares limits by its option `regions`.
import {
  type Charge,
  concurrency,
  createLimiter,
  fixedWindow,
  leakyBucket,
  type Limit,
  slidingLog,
  slidingWindow,
  type Store,
  tokenBucket,
} from '@sluice/core'
import { type RedisSource, redisStore, type RedisStoreOptions } from '@sluice/redis'
import { regions, type RegionsOptions } from '@sluice/regions'
import { type RedisServer, startRedis, tcpProxy, waitUntil } from '@sluice/testing/redis'
import { describe, expect, onTestFinished, test } from 'vitest'
import { eventsOf, failure, take } from '../support.ts'
import { InProcess } from './in-process.ts'

const ALL = ['eu', 'us']
// Noon, so that no window ends during a test.
const NOON = Date.parse('2026-03-04T12:15:00Z')
const STARTED = Date.now()
const clock = { now: () => NOON + Date.now() - STARTED }
const FIXED = fixedWindow({ name: 'day', limit: 20, window: '1d' }).limit
const SLIDING = slidingWindow({ name: 'hour', limit: 20, window: '1h' }).limit
// One unit comes back in an hour and more.
const TOKEN = tokenBucket({ name: 'token', limit: 20, window: '1d' }).limit
const LEAKY = leakyBucket({ name: 'leaky', limit: 20, window: '1d' }).limit

const chargeOf = (limit: Limit, subject: string, cost = 1, policy = 'api'): Charge => ({
  limit,
  scope: `${policy}+${limit.name}.${limit.algorithm}`,
  subject,
  cost,
})

async function twoStores(
  given: Partial<RegionsOptions> = {},
  options: RedisStoreOptions = {},
  sourceOf = (server: RedisServer, _region: string): Promise<RedisSource> | RedisSource => server.client(),
): Promise<readonly [Store, Store]> {
  const network = new InProcess()
  const stores = await Promise.all(
    ALL.map(async (self) => {
      const server = await startRedis()
      onTestFinished(() => server.stop())
      const described = regions({ self, all: ALL, transport: network.of(self), interval: 100, minimum: 0, ...given })
      const source = await sourceOf(server, self)
      const store = redisStore(source, { failover: false, denyCache: false, clock, regions: described, ...options })
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
  ['both windows', [FIXED, SLIDING]],
  ['a token bucket', [TOKEN]],
  ['a leaky bucket', [LEAKY]],
  ['all four', [FIXED, TOKEN, SLIDING, LEAKY]],
])('a client that changes regions meets one limit: %s', async (_, limits) => {
  const stores = await twoStores()
  expect(
    await roam(
      stores,
      limits.map((limit) => chargeOf(limit, 'user:1')),
    ),
  ).toBe(20)
})

// While a policy is published, a region may have its next version before the others.
describe('two versions of a policy', () => {
  const isAllowed = async (store: Store, charge: Charge): Promise<boolean | undefined> => (await take(store, charge))[0]?.allowed
  const left = async (store: Store, one: Charge): Promise<number | undefined> => (await take(store, one, { how: 'peek' }))[0]?.remaining

  test.each([
    ['a fixed window', fixedWindow],
    ['a sliding window', slidingWindow],
  ])('each region compares the same units with its own number: %s', async (_, algorithm) => {
    const [eu, us] = await twoStores()
    const of = (limit: number, cost = 1): Charge => chargeOf(algorithm({ name: 'day', limit, window: '1d' }).limit, 'user:1', cost)
    expect(await isAllowed(eu, of(20, 15))).toBe(true)
    await waitUntil('us counts it', async () => (await left(us, of(50))) === 35)
    expect(await isAllowed(us, of(50, 10))).toBe(true)
    await waitUntil('eu counts it', async () => (await left(eu, of(20))) === 0)
    expect(await isAllowed(eu, of(20))).toBe(false)
    expect(await isAllowed(us, of(50, 26))).toBe(false)
    expect(await isAllowed(us, of(50, 25))).toBe(true)
  })

  test.each([
    ['a token bucket', tokenBucket],
    ['a leaky bucket', leakyBucket],
  ])('each region counts the same part as used: %s', async (_, algorithm) => {
    const [eu, us] = await twoStores()
    const of = (limit: number, cost = 1): Charge => chargeOf(algorithm({ name: 'bucket', limit, window: '1d' }).limit, 'user:1', cost)
    expect(await isAllowed(eu, of(20, 15))).toBe(true)
    await waitUntil('us counts three quarters', async () => (await left(us, of(100))) === 25)
    expect(await isAllowed(us, of(100, 20))).toBe(true)
    await waitUntil('eu counts a fifth more', async () => (await left(eu, of(20))) === 1)
  })
})

test('a charge whose reply is lost is published too', async () => {
  const [eu, us] = await twoStores({}, {}, async (server, region) => {
    if (region === 'us') return server.client()
    const proxy = await tcpProxy(server)
    onTestFinished(() => proxy.close())
    proxy.loseReplies({ after: (request) => request.includes('unlucky') })
    return { url: `redis://${proxy.host}:${proxy.port}` }
  })
  // Loads the script.
  await take(eu, chargeOf(FIXED, 'lucky'))
  await expect(take(eu, chargeOf(FIXED, 'unlucky', 7))).rejects.toBeInstanceOf(Error)
  await waitUntil('the other region counts it', async () => (await used(us, chargeOf(FIXED, 'unlucky'))) === 7)
})

test('a policy with mode `local` has its limit in each region', async () => {
  const [eu, us] = await twoStores({ policies: { login: 'local' } })
  await take(eu, chargeOf(FIXED, 'user:1', 15, 'login'))
  await take(eu, chargeOf(FIXED, 'user:1', 15))
  await waitUntil('the exchanged one arrives', async () => (await used(us, chargeOf(FIXED, 'user:1'))) === 15)
  expect(await used(us, chargeOf(FIXED, 'user:1', 1, 'login'))).toBe(0)
})

test('health() says what was heard of the other region, also below the failover layer', async () => {
  const [eu, us] = await twoStores({}, { failover: { deadline: 10_000 } })
  const { self, peers: known, applied: none } = us.health?.().regions ?? {}
  expect([self, Object.keys(known ?? {}), none]).toEqual(['us', ['eu'], 0])
  await take(eu, chargeOf(FIXED, 'user:1', 15))
  await take(us, chargeOf(FIXED, 'user:1', 15))
  await waitUntil('each counts both', async () => (await used(us, chargeOf(FIXED, 'user:1'))) === 30)
  await waitUntil('each counts both', async () => (await used(eu, chargeOf(FIXED, 'user:1'))) === 30)
  // The other region may apply a message before the transport has answered.
  await waitUntil('the message is counted', () => us.health?.().regions?.sent === 1)
  const { peers, over, sent, applied, unpublished } = us.health?.().regions ?? {}
  expect({ sent, applied, unpublished, over }).toEqual({ sent: 1, applied: 1, unpublished: 0, over: 10 })
  expect(peers?.['eu']?.heardAt).toBeGreaterThan(clock.now() - 60_000)
  expect(peers?.['eu']?.lag).toBeGreaterThanOrEqual(0)
})

test('a store without the option says nothing of regions', async () => {
  const server = await startRedis()
  onTestFinished(() => server.stop())
  const store = redisStore(server.client())
  onTestFinished(() => store.close?.())
  expect(store.health?.()).not.toHaveProperty('regions')
})

test.each([
  ['a sliding log', slidingLog({ name: 'log', limit: 5, window: '1h' }).limit, 'which is exact only in one place'],
  ['concurrency', concurrency({ name: 'jobs', limit: 5, ttl: '1h' }).limit, 'whose holders end without a count'],
  ['a queue', leakyBucket({ name: 'queue', limit: 5, window: '1h', queue: true }).limit, 'whose delays need one place'],
  [
    'a window from the first charge',
    fixedWindow({ name: 'first', limit: 5, window: '1h', anchor: 'first' }).limit,
    'begin at another time',
  ],
])('%s cannot be exchanged: ERR_REGIONS_UNSUPPORTED', async (_, limit, reason) => {
  const [eu] = await twoStores({ policies: { login: 'local', billing: 'strict' } })
  const refusal = await failure(eu.consume([chargeOf(FIXED, 'user:1'), chargeOf(limit, 'user:1')]))
  expect(refusal.code).toBe('ERR_REGIONS_UNSUPPORTED')
  expect(refusal.message).toContain(`"${limit.name}" (${limit.algorithm}) of "api", `)
  expect(refusal.message).toContain(reason)
  // Nothing was charged, and policies with other modes take the limit.
  expect(await used(eu, chargeOf(FIXED, 'user:1'))).toBe(0)
  for (const policy of ['login', 'billing']) expect((await take(eu, chargeOf(limit, 'user:1', 1, policy)))[0]?.allowed).toBe(true)
})

test('a window under five intervals is warned of once, and each region has it for itself', async () => {
  const [eu, us] = await twoStores({ interval: 1_000 })
  const warnings = eventsOf(eu)
  const short = fixedWindow({ name: 'burst', limit: 5, window: 4_999 }).limit
  const long = fixedWindow({ name: 'minute', limit: 5, window: '1d' }).limit
  for (let i = 0; i < 3; i++) await take(eu, [chargeOf(short, 'user:1'), chargeOf(long, 'user:1')])
  await waitUntil('the longer one arrives', async () => (await used(us, chargeOf(long, 'user:1'))) === 3)
  expect(await used(us, chargeOf(short, 'user:1'))).toBe(0)
  const codes = warnings.flatMap((event) => ('code' in event ? [event.code] : []))
  expect(codes.filter((code) => code === 'WARN_REGIONS_WINDOW')).toHaveLength(1)
})

test('regions need scripts, and what regions() returns', async () => {
  const described = regions({ self: 'eu', all: ALL, transport: new InProcess().of('eu') })
  expect(() => redisStore({ url: 'redis://127.0.0.1:1' }, { scripting: false, regions: described })).toThrow(
    expect.objectContaining({ code: 'ERR_OPTION_CONFLICT', message: expect.stringContaining('regions: expected scripting to be on') }),
  )
  expect(() => redisStore({ url: 'redis://127.0.0.1:1' }, { regions: {} as never })).toThrow(
    expect.objectContaining({ code: 'ERR_OPTION_INVALID', message: expect.stringContaining('what regions() of @sluice/regions returns') }),
  )
})

test('a reset in one region is one of all regions, at once, also of what arrives later from before it', async () => {
  const [eu, us] = await twoStores()
  const charges = [FIXED, SLIDING, TOKEN, LEAKY].map((limit) => chargeOf(limit, 'user:1', 5))
  const all = async (store: Store): Promise<readonly (number | undefined)[]> =>
    (await take(store, charges, { how: 'peek' })).map(({ used: units }) => units)
  await take(eu, charges)
  await take(us, charges)
  for (const store of [eu, us]) await waitUntil('it counts both', async () => String(await all(store)) === '10,10,10,10')
  expect(await eu.reset(charges)).toBe(true)
  expect(await all(eu)).toEqual([0, 0, 0, 0])
  await waitUntil('the other region forgets as well', async () => String(await all(us)) === '0,0,0,0')
  await take(us, charges)
  await waitUntil('what came after the reset counts', async () => String(await all(eu)) === '5,5,5,5')
  expect(await all(us)).toEqual([5, 5, 5, 5])
  expect(await us.reset([chargeOf(FIXED, 'nobody')])).toBe(false)
})

test('a reset forgets one limit, and not the leases', async () => {
  const [eu, us] = await twoStores()
  const lease = { lease: { ttl: 60_000, ceiling: 8 } }
  const [leased] = await take(eu, chargeOf(FIXED, 'user:1', 6), lease)
  expect(leased?.leaseFor).toBe(60_000)
  await take(eu, chargeOf(TOKEN, 'user:1', 5))
  await waitUntil('it arrives', async () => (await used(us, chargeOf(TOKEN, 'user:1'))) === 5)
  await eu.reset([chargeOf(FIXED, 'user:1')])
  await waitUntil('the reset arrives', async () => (await used(us, chargeOf(FIXED, 'user:1'))) === 0)
  expect(await used(us, chargeOf(TOKEN, 'user:1'))).toBe(5)
  // Of the ceiling of 8 units, 6 are still out.
  expect((await take(eu, chargeOf(FIXED, 'user:1', 3), lease))[0]?.allowed).toBe(false)
  expect((await take(eu, chargeOf(FIXED, 'user:1', 2), lease))[0]?.allowed).toBe(true)
})

test('a packed store takes policies in mode `local`', async () => {
  const [eu] = await twoStores({ mode: 'local' }, { packed: { subjects: 100 } })
  await take(eu, chargeOf(FIXED, 'user:1', 5))
  expect(await used(eu, chargeOf(FIXED, 'user:1'))).toBe(5)
})

// Each region would begin a generation of its own, and count apart from the others for ever.
test('resetAll is refused for a limiter that regions share', async () => {
  const [eu] = await twoStores({ policies: { login: 'local' } })
  expect(await failure(eu.resetAll?.('api'))).toMatchObject({ code: 'ERR_RESET_ALL_UNSUPPORTED' })
  const login = createLimiter({ name: 'login', store: eu, limits: [fixedWindow({ name: 'day', limit: 20, window: '1d' })] })
  await login.consume('user:1', { cost: 15 })
  await login.resetAll()
  expect((await login.peek('user:1')).remaining).toBe(20)
})
