// Leases: units that Redis debits at once and a process spends later, up to a ceiling. With scripts and without.
import {
  type Charge,
  concurrency,
  type ConsumeOptions,
  fixedWindow,
  leakyBucket,
  type Limit,
  memoryStore,
  type Outcome,
} from '@sluice/core'
import { slidingLog, slidingWindow, type Store, tokenBucket } from '@sluice/core'
import { type FakeClock, fakeClock } from '@sluice/testing'
import { type RedisServer, startRedis } from '@sluice/testing/redis'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { charge, entryOf, failure, eventsOf, keptForTest, keyOf, take, took, used, rawStore } from '../support.ts'

const TTL = 250
const FIXED = fixedWindow({ name: 'fixed', limit: 100, window: '1m' }).limit
const SLIDING = slidingWindow({ name: 'sliding', limit: 100, window: '1m' }).limit
const TOKEN = tokenBucket({ name: 'token', limit: 100, window: '1m' }).limit
const LEASABLE = [FIXED, SLIDING, TOKEN].map((limit) => [limit.algorithm, limit] as const)
const OTHERS = [
  slidingLog({ name: 'log', limit: 100, window: '1m' }).limit,
  leakyBucket({ name: 'leaky', limit: 100, window: '1m' }).limit,
  concurrency({ name: 'holders', limit: 100, ttl: '1m' }).limit,
].map((limit) => [limit.algorithm, limit] as const)

let server: RedisServer
let stores = 0
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())

const kept = keptForTest()
const open = (scripting: boolean, clock: FakeClock | undefined, prefix = `lease${++stores}`): Store =>
  kept(rawStore({ url: server.url }, { prefix, scripting, clock }))

const asking = (ceiling: number, more: ConsumeOptions = {}): ConsumeOptions => ({ lease: { ttl: TTL, ceiling }, ...more })
const part = (ceiling: number, ttl = TTL): ConsumeOptions => ({ lease: { ttl, ceiling }, atLeast: 1 })
const back = (one: Charge, { granted, receipt }: Outcome, units = granted): Charge => ({ ...one, cost: -units, receipt })

/** Pseudo-random numbers, the same in every run. */
function seeded(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

describe.each([
  ['with scripts', true],
  ['without scripts', false],
] as const)('leases %s', (_, scripting) => {
  let clock: FakeClock
  let store: Store
  let prefix: string
  beforeEach(() => {
    clock = fakeClock()
    prefix = `lease${++stores}`
    store = open(scripting, clock, prefix)
  })

  const lease = async (one: Charge, options: ConsumeOptions): Promise<Outcome> => (await take(store, one, options))[0] as Outcome
  /** The units granted in the current epoch and in the one before. */
  const ledger = async (one: Charge) => (await entryOf(server.client(), one, prefix, '!l'))?.slice(1)

  describe.each(LEASABLE)('%s', (_name, limit) => {
    const of = (cost: number) => charge('a', limit, cost)

    test('grants the requested units, and debits them at once', async () => {
      const outcome = await lease(of(10), part(50))
      expect(outcome).toMatchObject({ allowed: true, granted: 10, remaining: 90, leaseFor: TTL, retryAfter: 0, source: 'redis' })
      expect(outcome.receipt).toBeDefined()
      expect(await used(store, 'a', limit)).toBe(10)
    })

    test('at most what the limit has left', async () => {
      await took(store, of(95))
      expect(await lease(of(10), part(50))).toMatchObject({ granted: 5, remaining: 0, leaseFor: TTL })
    })

    test('at most what the ceiling has left', async () => {
      expect(await lease(of(30), part(50))).toMatchObject({ granted: 30 })
      expect(await lease(of(30), part(50))).toMatchObject({ granted: 20, remaining: 50 })
      expect(await lease(of(1), part(50))).toMatchObject({ allowed: false, granted: 0, remaining: 50, leaseFor: 0, receipt: undefined })
      expect(await lease(of(1), {})).toMatchObject({ allowed: true, granted: 1, leaseFor: 0 })
    })

    test('nothing below atLeast, which is the cost by default', async () => {
      expect(await lease(of(6), asking(5))).toMatchObject({ allowed: false, granted: 0, retryAfter: Infinity, remaining: 100 })
      expect(await lease(of(9), asking(5, { atLeast: 6 }))).toMatchObject({ allowed: false, granted: 0 })
      expect(await ledger(of(1))).toBeUndefined()
      expect(await lease(of(9), asking(5, { atLeast: 5 }))).toMatchObject({ allowed: true, granted: 5 })
    })

    test('units count under the ceiling for two epochs; a refusal says when they stop', async () => {
      clock.advance(100)
      expect(await lease(of(6), part(10))).toMatchObject({ granted: 6 })
      clock.advance(TTL)
      expect(await lease(of(9), part(10))).toMatchObject({ granted: 4 })
      const refused = await lease(of(6), asking(10))
      expect(refused).toMatchObject({ allowed: false, retryAfter: TTL - 100 })
      expect(refused.held).toBeUndefined()
      clock.advance(refused.retryAfter - 1)
      expect(await lease(of(6), asking(10))).toMatchObject({ allowed: false, retryAfter: 1 })
      clock.advance(1)
      expect(await lease(of(6), asking(10))).toMatchObject({ allowed: true, granted: 6 })
      const later = await lease(of(7), asking(10))
      expect(later).toMatchObject({ allowed: false, retryAfter: 2 * TTL })
      clock.advance(later.retryAfter)
      expect(await lease(of(7), asking(10))).toMatchObject({ allowed: true, granted: 7 })
    })

    test('refused by the limit and by the ceiling, retryAfter is the longer of the two', async () => {
      await lease(of(10), part(10))
      await took(store, of(90))
      const refused = await lease(of(2), asking(10))
      expect(refused.retryAfter).toBe((await took(store, of(2))).retryAfter)
      expect(refused.retryAfter).toBeGreaterThan(TTL)
    })

    test('given back within the ttl, also in the next epoch, units return to the limit and to the ceiling', async () => {
      clock.advance(200)
      const first = await lease(of(10), part(10))
      expect(await took(store, back(of(1), first, 4))).toMatchObject({ granted: -4, remaining: 94 })
      expect(await lease(of(10), part(10))).toMatchObject({ granted: 4, remaining: 90 })
      clock.advance(TTL)
      expect((await took(store, back(of(1), first, 6))).granted).toBe(-6)
      expect((await lease(of(10), part(10))).granted).toBe(6)
    })

    test('trap: a lease returned late: after the ttl, or before its grant, no unit returns', async () => {
      const first = await lease(of(10), part(10))
      clock.advance(-1)
      expect((await took(store, back(of(1), first))).granted).toBe(0)
      clock.advance(TTL + 1.001)
      expect((await took(store, back(of(1), first))).granted).toBe(0)
      expect(await ledger(of(1))).toEqual([10, 0])
      expect(await used(store, 'a', limit)).toBe(10)
    })

    test('a clock that steps back frees nothing of the ceiling', async () => {
      await lease(of(10), part(10))
      clock.advance(-3 * TTL)
      expect(await lease(of(1), part(10))).toMatchObject({ allowed: false, retryAfter: 5 * TTL })
    })

    test('two charges on one key are counted one after the other', async () => {
      const [a, b] = await take(store, [of(7), of(7)], part(10))
      expect([a?.granted, b?.granted, b?.remaining]).toEqual([7, 3, 90])
      expect(await ledger(of(1))).toEqual([10, 0])
      expect((await take(store, [back(of(1), a as Outcome), of(7)], part(10))).map(({ granted }) => granted)).toEqual([-7, 7])
    })

    test('a refusal, a forced charge and a peek do not change the ledger', async () => {
      const sets = async () => /cmdstat_set:calls=(\d+)/.exec(String(await server.call('INFO', 'commandstats')))?.[1]
      await lease(of(1), {})
      const before = await sets()
      expect(await lease(of(5), part(10, TTL))).toMatchObject({ leaseFor: TTL })
      expect(await sets()).toBe(String(Number(before) + 2))
      expect(await lease(of(5), asking(10, { how: 'peek' }))).toMatchObject({ allowed: true, granted: 5, leaseFor: 0, receipt: undefined })
      expect(await lease(of(6), asking(10))).toMatchObject({ allowed: false })
      expect(await sets()).toBe(String(Number(before) + 2))
      expect(await lease(of(1), asking(0, { how: 'force' }))).toMatchObject({ granted: 1, leaseFor: 0 })
      expect(await sets()).toBe(String(Number(before) + 3))
    })

    test('a charge with the receipt of a lease is an ordinary charge', async () => {
      const first = await lease(of(4), part(10))
      expect(await lease({ ...of(4), receipt: first.receipt }, part(10))).toMatchObject({ granted: 4, leaseFor: TTL, remaining: 92 })
      expect(await lease({ ...of(4), receipt: first.receipt }, {})).toMatchObject({ granted: 4, leaseFor: 0, remaining: 88 })
    })

    test('a ledger that cannot be read is reported, and counts as absent', async () => {
      const events = eventsOf(store)
      await took(store, of(1))
      await server.call('SET', `${keyOf(of(1), prefix)}!l`, 'x')
      expect(await lease(of(5), part(10))).toMatchObject({ granted: 5 })
      expect(events).toMatchObject([{ code: 'ANOMALY_STATE_UNREADABLE' }])
    })

    test('the ledger expires when the epoch after its own has ended', async () => {
      const real = open(scripting, undefined, prefix)
      const [outcome] = await take(real, of(3), part(10, 30_000))
      const ttl = Number(await server.call('PTTL', `${keyOf(of(1), prefix)}!l`))
      const { granted, at } = outcome as Outcome
      const left = (Math.floor(at / 30_000_000) + 2) * 30_000 + 1 - at / 1000
      expect(granted).toBe(3)
      expect(ttl).toBeGreaterThan(left - 2_000)
      expect(ttl).toBeLessThanOrEqual(Math.ceil(left))
    })
  })

  test.each([
    ['fixedWindow', FIXED],
    ['slidingWindow', SLIDING],
    ['fixedWindow of a calendar', fixedWindow({ name: 'day', limit: 100, window: 'day' }).limit],
  ] as const)('%s: a lease ends with its window, and is not given back to the next', async (_name, limit) => {
    const length = typeof limit.window === 'number' ? limit.window : 86_400_000
    const one = charge('a', limit, 10)
    clock.advance(length - 100.5)
    const first = await lease(one, part(50))
    expect(first).toMatchObject({ granted: 10, leaseFor: 100 })
    clock.advance(101)
    const after = await took(store, back(one, first))
    // A sliding window still weighs the window before.
    const inner = limit.algorithm === 'slidingWindow' ? -10 : 0
    expect(after.granted).toBe(inner)
    expect((await took(store, back(one, first))).granted).toBe(0)
  })

  test.each(OTHERS)('%s leases nothing', async (_name, limit) => {
    const one = charge('a', limit, 1)
    const outcome = await lease(one, asking(0))
    expect(outcome).toMatchObject({ allowed: true, granted: 1, leaseFor: 0 })
    expect(await ledger(one)).toBeUndefined()
    expect((await took(store, back(one, outcome))).granted).toBe(-1)
  })

  test('several limits in one decision: all or nothing', async () => {
    const log = OTHERS[0]?.[1] as Limit
    const both = (cost: number) => [charge('a', TOKEN, cost), charge('a', log, cost)]
    const [leased, plain] = await take(store, both(10), part(20))
    expect([leased?.granted, leased?.leaseFor, plain?.granted, plain?.leaseFor]).toEqual([10, TTL, 10, 0])
    await took(store, charge('a', log, 90))
    const before = await ledger(charge('a', TOKEN))
    expect(await take(store, both(5), part(20))).toMatchObject([
      { allowed: true, granted: 0, leaseFor: 0, receipt: undefined },
      { allowed: false },
    ])
    expect(await ledger(charge('a', TOKEN))).toEqual(before)
    expect(await take(store, [charge('a', TOKEN, 11), charge('b', log)], asking(20))).toMatchObject([
      { allowed: false },
      { allowed: true, granted: 0 },
    ])
    expect(await used(store, 'b', log)).toBe(0)
  })

  test('a subject that ends like the key of a ledger does not share that key', async () => {
    await lease(charge('a', SLIDING, 10), part(20))
    expect(await used(store, 'a!l', SLIDING)).toBe(0)
    await took(store, charge('a!l', SLIDING, 3))
    expect((await lease(charge('a', SLIDING, 20), part(20))).granted).toBe(10)
  })

  test('invalid terms are refused before anything is sent', async () => {
    for (const terms of [
      { ttl: 0, ceiling: 1 },
      { ttl: Number.NaN, ceiling: 1 },
      { ttl: 250, ceiling: -1 },
      { ttl: 250, ceiling: 1.5 },
    ])
      expect(await failure(store.consume([charge('a')], { lease: terms }))).toMatchObject({ code: 'ERR_OPTION_INVALID' })
  })

  test('trap: a lease returned late: leases that are returned together refill no more than the ceiling', async () => {
    const one = charge('a', tokenBucket({ name: 'hoard', limit: 200, window: '1s', burst: 100 }).limit, 10)
    const hoard: Outcome[] = []
    for (let i = 0; i < 20; i++) {
      clock.advance(TTL)
      const outcome = await lease(one, part(10))
      if (outcome.granted > 0) hoard.push(outcome)
    }
    expect(hoard.length).toBeGreaterThan(8)
    clock.advance(TTL - 50)
    expect((await took(store, { ...one, cost: 100 })).granted).toBe(100)
    for (const outcome of hoard) await took(store, back(one, outcome))
    expect((await lease({ ...one, cost: 100 }, { atLeast: 1 })).granted).toBeLessThanOrEqual(10)
  })

  test('the bound: B + rate·(b − a) + min(rate·ℓ, M), even if every unit is spent at the last moment', async () => {
    for (let seed = 1; seed <= 12; seed++) await boundHolds(seed)
  })

  async function boundHolds(seed: number): Promise<void> {
    const random = seeded(seed)
    const rate = 0.2
    const burst = 5 + random(60)
    const ceiling = 1 + random(30)
    const one = charge('a', tokenBucket({ name: `bound${seed}`, limit: 200, window: '1s', burst }).limit)
    const most = (ms: number) => burst + rate * ms + Math.min(rate * TTL, ceiling) + 1e-6
    const grants: Spent[] = []
    const ends: Spent[] = []
    const unused: { readonly due: number; readonly outcome: Outcome; readonly units: number }[] = []
    for (let step = 0; step < 150; step++) {
      clock.advance(random(4) === 0 ? random(400_000) / 1000 : random(20_000) / 1000)
      // Whether they are returned in time or too late, no process spends them.
      for (const { outcome, units } of unused.filter(({ due }) => due <= clock.now())) await took(store, back(one, outcome, units))
      unused.splice(0, unused.length, ...unused.filter(({ due }) => due > clock.now()))
      const outcome = await lease({ ...one, cost: 1 + random(30) }, random(4) === 0 ? { atLeast: 1 } : part(ceiling))
      const units = outcome.leaseFor > 0 && random(3) > 0 ? random(outcome.granted + 1) : 0
      if (units > 0) unused.push({ due: clock.now() + random(4) * TTL + random(TTL), outcome, units })
      grants.push({ at: outcome.at / 1000, units: outcome.granted - units })
      ends.push({ at: outcome.at / 1000 + outcome.leaseFor, units: outcome.granted - units })
    }
    expectWithin(grants, most)
    expectWithin(ends, most)
  }
})

interface Spent {
  readonly at: number
  readonly units: number
}

/** Checks that every interval between two events contains at most what its length allows. */
function expectWithin(spent: readonly Spent[], most: (ms: number) => number): void {
  const inOrder = spent.toSorted((a, b) => a.at - b.at)
  for (const [i, from] of inOrder.entries()) {
    let sum = 0
    for (const to of inOrder.slice(i)) {
      sum += to.units
      expect(sum).toBeLessThanOrEqual(most(to.at - from.at))
    }
  }
}

describe('with and without scripts', () => {
  test.each(Array.from({ length: 8 }, (_, i) => i + 1))('agree on a random history of leases (%i)', async (seed) => {
    const random = seeded(seed * 7_919)
    const clock = fakeClock()
    const prefixes = [`lua${seed}`, `bare${seed}`] as const
    const both = [open(true, clock, prefixes[0]), open(false, clock, prefixes[1])] as const
    const limits = [FIXED, SLIDING, TOKEN, tokenBucket({ name: 'odd', limit: 77, window: '1m', burst: 30 }).limit]
    const leases: { readonly one: Charge; readonly outcome: Outcome }[] = []
    const step = (): [readonly Charge[], ConsumeOptions] => {
      const kept = leases[random(leases.length)]
      if (random(3) === 0 && kept !== undefined) return [[back(kept.one, kept.outcome, 1 + random(12))], {}]
      const charges = Array.from({ length: 1 + random(3) }, () => charge('a', limits[random(limits.length)] as Limit, random(25)))
      if (random(5) === 0 && kept !== undefined) charges.push(back(kept.one, kept.outcome, 1 + random(5)))
      const how = (['charge', 'charge', 'charge', 'charge', 'force', 'peek'] as const)[random(6)]
      const atLeast = random(3) === 0 ? undefined : random(6)
      return [
        charges,
        { how, atLeast, lease: random(6) === 0 ? undefined : { ttl: [250, 250.5, 400][random(3)] as number, ceiling: random(60) } },
      ]
    }
    for (let i = 0; i < 250; i++) {
      clock.advance(random(12) === 0 ? random(70_000) : random(10) === 0 ? -random(8_000) : random(120_000) / 1000)
      const [charges, options] = step()
      const [lua, bare] = await Promise.all(both.map((store) => take(store, charges, options)))
      expect(lua, `step ${i}`).toEqual(bare)
      for (const [j, outcome] of (lua ?? []).entries()) if (outcome.leaseFor > 0) leases.push({ one: charges[j] as Charge, outcome })
    }
    expect(leases.length).toBeGreaterThan(20)
    for (const limit of limits) {
      const kept = prefixes.map((prefix) => keyOf(charge('a', limit), prefix)).map((key) => server.call('MGET', key, `${key}!l`))
      const [lua, bare] = await Promise.all(kept)
      expect(lua).toEqual(bare)
    }
  })

  test('share their ledgers', async () => {
    const clock = fakeClock()
    const prefix = `lease${++stores}`
    const [lua, bare] = [open(true, clock, prefix), open(false, clock, prefix)]
    const one = charge('a', TOKEN, 7)
    expect((await take(lua, one, part(10)))[0]?.granted).toBe(7)
    const [second] = await take(bare, one, part(10))
    expect(second?.granted).toBe(3)
    expect((await took(lua, back(one, second as Outcome))).granted).toBe(-3)
    expect((await take(bare, one, part(10)))[0]?.granted).toBe(3)
  })

  test('the memory store leases nothing', async () => {
    const [outcome] = (await memoryStore().consume([charge('a', TOKEN, 7)], part(3))) as readonly Outcome[]
    expect(outcome).toMatchObject({ granted: 7, leaseFor: 0 })
  })
})
