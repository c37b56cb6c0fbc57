// The deny cache and the leases on a real Redis, by a clock that only the tests move.
import { fixedWindow, leases, type Limit, type Outcome, slidingWindow, type Store, tokenBucket } from '@sluice/core'
import { isPromise } from '@sluice/core/store-kit'
import { redisStore, type RedisStoreOptions } from '@sluice/redis'
import { type Admission, checkEnvelope, type FakeClock, fakeClock } from '@sluice/testing'
import { type RedisServer, startRedis } from '@sluice/testing/redis'
import { setImmediate as turn } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { charge, keptForTest, rawStore, take, TEN, took, used } from './support.ts'

const TTL = 250
const HOT = fixedWindow({ name: 'hot', limit: 10_000, window: '10s' }).limit

let server: RedisServer
let clock: FakeClock
let prefix: string
let prefixes = 0

beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())
beforeEach(() => {
  clock = fakeClock()
  prefix = `layers${++prefixes}`
})
const kept = keptForTest()

const open = (options: RedisStoreOptions = {}): Store => kept(redisStore({ url: server.url }, { prefix, clock, ...options }))
const raw = (): Store => kept(rawStore({ url: server.url }, { prefix, clock }))

describe('the deny cache', () => {
  test('is on by default, and answers at once', async () => {
    const store = open()
    await took(store, charge('a', TEN, 10))
    expect((await took(store, charge('a'))).source).toBe('redis')
    const known = store.consume([charge('a')])
    expect(isPromise(known)).toBe(false)
    expect(known).toMatchObject([{ allowed: false, source: 'deny-cache', retryAfter: 60_000 }])
  })

  test('denyCache: false turns it off', async () => {
    const store = open({ denyCache: false })
    await took(store, charge('a', TEN, 10))
    for (let i = 0; i < 3; i++) expect((await took(store, charge('a'))).source).toBe('redis')
  })

  test("trap: a cached refusal outlives another process's refund by at most 1 s", async () => {
    const store = open()
    const { receipt } = await took(raw(), charge('a', TEN, 10))
    expect((await took(store, charge('a'))).allowed).toBe(false)
    await took(raw(), { ...charge('a', TEN, -10), receipt })
    clock.advance(999.999)
    expect(await took(store, charge('a'))).toMatchObject({ allowed: false, source: 'deny-cache' })
    clock.advance(0.001)
    expect(await took(store, charge('a'))).toMatchObject({ allowed: true, source: 'redis' })
  })

  test('a refund in the same turn: no later decision of the turn is refused', async () => {
    const store = open()
    const { receipt } = await took(store, charge('a', TEN, 10))
    const asked = [take(store, charge('a')), take(store, { ...charge('a', TEN, -10), receipt }), take(store, charge('a'))]
    const allowed = (await Promise.all(asked)).map(([outcome]) => outcome?.allowed)
    expect(allowed).toEqual([false, true, true])
    expect(await took(store, charge('a'))).toMatchObject({ allowed: true })
  })
})

describe('leases', () => {
  const hot = async (store: Store): Promise<void> => {
    for (let i = 0; i < 120; i++) {
      await took(store, charge('a', HOT))
      // Commands in flight arrive before the clock moves on.
      for (let turns = 0; turns < 3; turns++) await settled()
      clock.advance(5)
    }
  }
  const settled = async (): Promise<void> => {
    await server.call('PING')
    await turn()
  }
  const spent = (store: Store): Outcome | undefined => {
    const outcomes = store.consume([charge('a', HOT)])
    if (!isPromise(outcomes)) return outcomes[0]
    outcomes.catch(() => undefined)
    return undefined
  }

  test('are off by default', async () => {
    const store = open()
    await hot(store)
    expect((await took(store, charge('a', HOT))).source).toBe('redis')
    expect(await server.call('KEYS', `${prefix}:*!l`)).toEqual([])
  })

  test('a hot subject is decided without a call; close() gives back what is held', async () => {
    const store = open({ leases: true })
    await hot(store)
    let outcome = spent(store)
    // Some units are left, and no request is in flight.
    for (let i = 0; i < 50 && (outcome?.remaining ?? 0) < 15; i++) {
      await settled()
      outcome = spent(store)
    }
    expect(outcome).toMatchObject({ allowed: true, source: 'lease', granted: 1 })
    expect(await server.call('KEYS', `${prefix}:*!l`)).toHaveLength(1)
    const before = await used(raw(), 'a', HOT)
    await settled()
    await store.close?.()
    expect(await used(raw(), 'a', HOT)).toBe(before - (outcome as Outcome).remaining)
  })

  test('D08: units that are given back when their lease is over go to Redis', async () => {
    for (const scripting of [true, false]) {
      await server.call('FLUSHALL')
      const store = open({ leases: true, scripting })
      await hot(store)
      const taken: Outcome[] = []
      for (let i = 0; i < 50 && taken.length < 5; i++) {
        const outcome = spent(store)
        if (outcome?.source === 'lease') taken.push(outcome)
        await settled()
      }
      expect(taken).toHaveLength(5)
      for (let i = 0; i < 4; i++) {
        clock.advance(250)
        await settled()
      }
      const before = await used(raw(), 'a', HOT)
      const back = taken.map(({ receipt }) => took(store, { ...charge('a', HOT, -2), receipt }))
      expect(await Promise.all(back)).toMatchObject(taken.map(() => ({ allowed: true, granted: -1, source: 'redis' })))
      expect(await used(raw(), 'a', HOT)).toBe(before - 5)
      await store.close?.()
    }
  })

  test('invalid options are refused, and no connection stays open', () => {
    const code = (options: object) => {
      try {
        redisStore(server.client(), options)
        return undefined
      } catch (error) {
        return (error as { code?: string }).code
      }
    }
    for (const bad of [{ leases: { ttl: 1 } }, { leases: null }, { leases: 'yes' }, { denyCache: [] }, { denyCache: { maxSubjects: 0 } }])
      expect(code(bad)).toBe('ERR_OPTION_INVALID')
    expect(code({ leases: { ceiling: 5 } })).toBe('ERR_OPTION_UNKNOWN')
  })

  const limits = [
    tokenBucket({ name: 'token', limit: 500, window: '1s', burst: 600 }).limit,
    fixedWindow({ name: 'fixed', limit: 700, window: '1s' }).limit,
    slidingWindow({ name: 'sliding', limit: 700, window: '1s' }).limit,
  ]
  test.each(limits.map((limit) => [limit.algorithm, limit] as const))(
    '%s: four processes that stall, whose replies come late or never, keep the bound in every interval',
    async (_, limit) => {
      let byLease = 0
      for (let seed = 1; seed <= 3; seed++) byLease += await keepsTheBound(seed, limit)
      expect(byLease).toBeGreaterThan(300)
    },
  )

  /** How many units were spent from leases. */
  async function keepsTheBound(seed: number, limit: Limit): Promise<number> {
    const random = seeded(seed)
    const one = { ...charge(`s${seed}`, limit), cost: 1 }
    const late: (() => void)[] = []
    const asked: Promise<unknown>[] = []
    const troubled = (inner: Store): Store => ({
      name: inner.name,
      reset: (targets) => inner.reset(targets),
      async consume(charges, options) {
        const fate = random(40)
        const answer = inner.consume(charges, options) as Promise<readonly Outcome[]>
        asked.push(answer)
        const outcomes = await answer
        if (fate === 0) throw new Error('the reply was lost')
        if (fate === 1) await new Promise<void>((resolve) => late.push(resolve))
        return outcomes
      },
    })
    // Its timers stall too, so that it does not give back in time what it holds.
    const stalled = { ...clock, after: () => () => undefined }
    const make = (): Store => leases(troubled(raw()), { clock: stalled, hot: 10 })
    const processes = Array.from({ length: 4 }, make)
    const admitted: Admission[] = []
    let byLease = 0
    for (let step = 0; step < 500; step++) {
      // All processes stall until the limit is full again. Then each asks for more than is available.
      const all = random(50) === 0
      clock.advance(all ? 240 + random(1_500_000) / 1_000 : random(9_000) / 1_000)
      if (random(8) === 0) for (const answer of late.splice(0)) answer()
      if (random(150) === 0) processes[random(4)] = make()
      const who = processes.filter((_, i) => all || i === step % 4)
      const burst = who.flatMap((store) =>
        Array.from({ length: all ? 120 : 1 + random(3) }, () => store.consume([{ ...one, cost: 1 + random(2) }])),
      )
      for (const outcomes of burst.filter((answer) => !isPromise(answer)) as (readonly Outcome[])[]) {
        byLease += outcomes[0]?.granted ?? 0
        admitted.push({ at: Math.round(clock.now() * 1_000), units: outcomes[0]?.granted ?? 0 })
      }
      for (const answer of burst.filter(isPromise)) {
        void answer.then(
          ([outcome]) => {
            // A lease may have admitted what the store refused. Then the time is the clock's, not the store's.
            const at = outcome?.source === 'lease' ? Math.round(clock.now() * 1_000) : (outcome?.at ?? 0)
            if (outcome?.allowed === true) admitted.push({ at, units: outcome.granted })
          },
          () => undefined,
        )
      }
      await Promise.allSettled(asked.splice(0))
      await turn()
    }
    for (const answer of late.splice(0)) answer()
    const extra = limit.algorithm === 'tokenBucket' ? Math.min((limit.limit * TTL) / 1_000, (limit.burst ?? 0) / 10) : 0
    const bound = extra > 0 ? { ...limit, burst: (limit.burst ?? 0) + extra } : limit
    expect(
      checkEnvelope(
        bound,
        admitted.filter(({ units }) => units > 0),
      ),
    ).toEqual([])
    return byLease
  }
})

/** Pseudo-random numbers, the same in every run. */
function seeded(seed: number): (below: number) => number {
  let state = seed * 7_919
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}
