// D06: a decision takes Redis about the same time with ten holders as with ten thousand, and less than 1 ms with the longest log.
import { type Charge, concurrency, type Limit, memoryStore, type Outcome, slidingLog, type Store } from '@sluice/core'
import { fakeClock } from '@sluice/testing'
import { type RedisServer, startRedis } from '@sluice/testing/redis'
import type { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { charge, eventsOf, keyOf, rawStore, scanAfterEach } from './support.ts'

let server: RedisServer
let client: Redis
beforeAll(async () => {
  server = await startRedis()
  client = server.client()
})
scanAfterEach(
  () => client,
  () => client.flushall(),
  { hasTestClock: true },
)
afterAll(() => server.stop())

async function fill(store: Store, one: Charge, size: number): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  while (outcomes.length < size) {
    const some = Array.from({ length: Math.min(64, size - outcomes.length) }, () => store.consume([one]))
    for (const [outcome] of await Promise.all(some)) outcomes.push(outcome as Outcome)
  }
  return outcomes
}

/** The least µs of the server for a decision, over some rounds. */
async function leastMicros(decide: () => unknown, rounds = 100): Promise<number> {
  let least = Infinity
  for (let i = 0; i < rounds; i++) {
    await client.config('RESETSTAT')
    await decide()
    const stats = await client.info('commandstats')
    const micros = [...stats.matchAll(/^cmdstat_(?:eval|evalsha|exec):calls=\d+,usec=(\d+)/gm)].reduce(
      (sum, [, usec]) => sum + Number(usec),
      0,
    )
    least = Math.min(least, micros)
  }
  return least
}

test('D06: each decision takes less than twice the time with 10,000 holders', { timeout: 120_000 }, async () => {
  const store = rawStore({ url: server.url })
  const costs: number[][] = []
  for (const size of [10, 10_000]) {
    const full = concurrency({ name: 'slots', limit: size, ttl: '10m' }).limit
    const roomy = { ...full, limit: 2 * size }
    const held = await fill(store, charge('a', full), size)
    let at = 0
    const receipt = () => held[at++ % size]?.receipt
    costs.push([
      await leastMicros(() => store.consume([charge('a', full)])),
      await leastMicros(() => store.consume([{ ...charge('a', full), receipt: receipt() }])),
      await leastMicros(() => store.consume([charge('a', roomy)]), 5),
      await leastMicros(() => store.consume([{ ...charge('a', full, -1), receipt: receipt() }]), 5),
      await leastMicros(() => store.consume([charge('a', full)], { how: 'peek' })),
    ])
    await client.flushall()
  }
  const [few, many] = costs
  for (const [i, cost] of (many ?? []).entries())
    expect([i, cost]).toEqual([i, expect.toSatisfy((micros) => micros < 2 * (few?.[i] ?? 0) + 50)])
  await store.close?.()
})

test('D06: each decision on the longest log takes less than 1 ms', { timeout: 120_000 }, async () => {
  const store = rawStore({ url: server.url })
  const limit = slidingLog({ name: 'log', limit: 2_000, window: '10m', maxLog: 2_000 }).limit
  const logged = await fill(store, charge('a', limit), 2_000)
  const back = (i: number) => ({ ...charge('a', limit, -1), receipt: logged[i]?.receipt })
  let i = 0
  expect(await leastMicros(() => store.consume([charge('a', limit)]))).toBeLessThan(1_000)
  expect(await leastMicros(() => store.consume([back(900 + i++)]))).toBeLessThan(1_000)
  expect(await leastMicros(() => store.consume([charge('a', limit)]))).toBeLessThan(1_000)
  // Beyond the limit by force, up to twice as many.
  expect(await leastMicros(() => store.consume([charge('a', limit)], { how: 'force' }))).toBeLessThan(1_000)
  await store.close?.()
})

/** Numbers from 0 to before `bound`, the same in each run. */
function randomly(seed: number): (bound: number) => number {
  let state = seed
  return (bound) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * bound)
  }
}

const LIMITS: readonly Limit[] = [
  concurrency({ name: 'slots', limit: 150, ttl: '10s' }).limit,
  slidingLog({ name: 'log', limit: 300, window: '10s' }).limit,
]

test.each([
  [LIMITS[0] as Limit, true],
  [LIMITS[0] as Limit, false],
  [LIMITS[1] as Limit, true],
  [LIMITS[1] as Limit, false],
])('D06: Redis and the memory store decide %o alike, with scripts %s', { timeout: 120_000 }, async (limit, scripting) => {
  const random = randomly(7)
  const clock = fakeClock()
  const memory = memoryStore({ clock })
  const store = rawStore({ url: server.url }, { clock, scripting })
  const receipts: [Outcome['receipt'], Outcome['receipt']][] = []
  const receiptsOf = (): readonly [Outcome['receipt'], Outcome['receipt']] => receipts[random(receipts.length)] ?? [undefined, undefined]
  const isLog = limit.algorithm === 'slidingLog'
  for (let round = 0; round < 60; round++) {
    // Some rounds let all holders expire.
    clock.advance(random(20) === 0 ? 11_000 : random(400))
    const batch = Array.from({ length: 1 + random(20) }, () => {
      const [own, inRedis] = receiptsOf()
      const kind = random(10)
      const size = random(8) === 0 ? 2 : 1
      const decision = (receipt: Outcome['receipt']): readonly Charge[] => {
        const units = isLog ? 1 + (kind % 3) : 1
        if (kind < 6 || receipt === undefined) return Array.from({ length: size }, () => charge('a', limit, units))
        const named = { ...charge('a', limit, kind < 8 || isLog ? -units : 1), receipt }
        return size === 2 ? [named, charge('a', limit, units)] : [named]
      }
      const how = random(12) === 0 ? ('force' as const) : random(12) === 0 ? ('peek' as const) : ('charge' as const)
      return { own: decision(own), inRedis: decision(inRedis), how }
    })
    const expected = batch.map(({ own, how }) => memory.consume(own, { how }) as readonly Outcome[])
    const found = await Promise.all(batch.map(({ inRedis, how }) => store.consume(inRedis, { how })))
    const plain = (outcome: Outcome | undefined) => ({ ...outcome, source: '', receipt: outcome?.receipt !== undefined })
    for (const [i, outcomes] of expected.entries()) {
      expect([round, i, batch[i], found[i]?.map(plain)]).toEqual([round, i, batch[i], outcomes.map(plain)])
      for (const [j, { receipt }] of outcomes.entries()) if (receipt !== undefined) receipts.push([receipt, found[i]?.[j]?.receipt])
    }
  }
  await store.close?.()
})

test.each([true, false])('D06: many holders that expire at once do not make one decision slow, with scripts %s', async (scripting) => {
  const clock = fakeClock()
  const store = rawStore({ url: server.url }, { clock, scripting })
  const limit = concurrency({ name: 'slots', limit: 1_000, ttl: '10s' }).limit
  await fill(store, charge('a', limit), 1_000)
  clock.advance(10_001)
  const left = async () => client.zcard(keyOf(charge('a', limit)))
  expect(await store.consume([charge('a', limit)])).toMatchObject([{ allowed: true, remaining: 999 }])
  expect(await left()).toBe(1_000 + 1 - 128)
  for (let i = 0; i < 10; i++) await store.consume([charge('a', limit)])
  expect(await left()).toBe(11)
  await store.close?.()
})

test.each([true, false])('a sorted set with scores that are no time counts as absent, with scripts %s', async (scripting) => {
  const store = rawStore({ url: server.url }, { scripting, clock: fakeClock() })
  const limit = concurrency({ name: 'slots', limit: 10, ttl: '10s' }).limit
  const events = eventsOf(store)
  for (const score of ['+inf', '1e300', '1796000000000000.5']) {
    await client.zadd(keyOf(charge('a', limit)), score, 'x')
    expect(await store.consume([charge('a', limit)])).toMatchObject([{ allowed: true, remaining: 9 }])
    await store.reset([charge('a', limit)])
  }
  expect(events.map((event) => 'code' in event && event.code)).toEqual(Array.from({ length: 3 }, () => 'ANOMALY_STATE_UNREADABLE'))
  await store.close?.()
})
