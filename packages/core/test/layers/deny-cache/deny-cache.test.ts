import {
  type Charge,
  concurrency,
  type ConsumeOptions,
  createLimiter,
  denyCache,
  fixedWindow,
  leakyBucket,
  type Limit,
  memoryStore,
  type Outcome,
  slidingLog,
  slidingWindow,
  type Store,
  tokenBucket,
} from '@sluice/core'
import { fakeClock } from '@sluice/testing'
import { beforeEach, describe, expect, test } from 'vitest'

const HOUR = fixedWindow({ name: 'hour', limit: 3, window: '1h' }).limit
const SLOW = tokenBucket({ name: 'slow', limit: 60, window: '1m', burst: 5 }).limit
const QUICK = tokenBucket({ name: 'quick', limit: 10, window: '1s', burst: 1 }).limit

let clock: ReturnType<typeof fakeClock>
let calls: number
/** The store itself, as another process uses it. */
let memory: Store
let inner: Store
let cached: Store

beforeEach(() => {
  clock = fakeClock()
  calls = 0
  memory = memoryStore({ clock })
  inner = spied(memory)
  cached = denyCache(inner, { clock })
})

function spied(store: Store, change: (outcome: Outcome) => Outcome = (outcome) => outcome): Store {
  return {
    name: store.name,
    consume(charges, options) {
      calls += 1
      return (store.consume(charges, options) as readonly Outcome[]).map(change)
    },
    reset: (targets) => store.reset(targets),
  }
}
const charge = (limit: Limit, cost = 1, more: Partial<Charge> = {}): Charge => ({
  limit,
  scope: `p+${limit.name}.${limit.algorithm}`,
  subject: 'a',
  cost,
  ...more,
})
const take = (store: Store, charges: Charge | readonly Charge[], options?: ConsumeOptions): readonly Outcome[] =>
  store.consume(Array.isArray(charges) ? charges : [charges as Charge], options) as readonly Outcome[]
const took = (store: Store, one: Charge, options?: ConsumeOptions): Outcome => take(store, one, options)[0] as Outcome
/** Whether the deny cache answered, without a call. */
const isCached = (one: Charge, options?: ConsumeOptions): boolean => {
  const before = calls
  const { source } = took(cached, one, options)
  expect(source === 'deny-cache').toBe(calls === before)
  return calls === before
}
function refuse(one: Charge): Outcome {
  took(cached, { ...one, cost: one.limit.burst ?? one.limit.limit })
  const outcome = took(cached, one)
  expect(outcome).toMatchObject({ allowed: false, source: 'memory' })
  return outcome
}

describe('a subject that was refused', () => {
  test('is refused again at once, without a call, with the outcome that the store would give', () => {
    refuse(charge(HOUR))
    clock.advance(250)
    const answer = cached.consume([charge(HOUR)]) as readonly Outcome[]
    expect(calls).toBe(2)
    expect(answer[0]).toEqual({ ...took(memory, charge(HOUR)), source: 'deny-cache' })
  })

  test('costs one call a second, to the µs', () => {
    refuse(charge(HOUR))
    clock.advance(999.999)
    expect(isCached(charge(HOUR))).toBe(true)
    clock.advance(0.001)
    expect(isCached(charge(HOUR))).toBe(false)
    expect(isCached(charge(HOUR))).toBe(true)
  })

  test('reaches the store again when its wait is over, if that is sooner', () => {
    const { retryAfter } = refuse(charge(QUICK))
    expect(retryAfter).toBe(100)
    clock.advance(98.999)
    expect(isCached(charge(QUICK))).toBe(true)
    // The wait was rounded up, so in its last ms the store is asked.
    clock.advance(0.001)
    expect(isCached(charge(QUICK))).toBe(false)
    clock.advance(1)
    expect(took(cached, charge(QUICK))).toMatchObject({ allowed: true, source: 'memory' })
  })

  test('gets the rest of its wait, rounded up', () => {
    refuse(charge(QUICK))
    clock.advance(0.4)
    expect(took(cached, charge(QUICK))).toMatchObject({ retryAfter: 100, nextAfter: 100, resetAfter: 100 })
    clock.advance(0.6)
    expect(took(cached, charge(QUICK))).toMatchObject({ retryAfter: 99, nextAfter: 99, resetAfter: 99 })
    clock.advance(97.5)
    expect(took(cached, charge(QUICK))).toMatchObject({ retryAfter: 2, nextAfter: 2, resetAfter: 2 })
  })

  test('reaches the store again when either clock says so, and when the time of day was set back', () => {
    let [wall, monotonic] = [clock.now(), 0]
    const own = denyCache(inner, { clock: { now: () => wall, monotonic: () => monotonic } })
    const known = () => took(own, charge(HOUR)).source === 'deny-cache'
    took(own, charge(HOUR, 3))
    expect([known(), known()]).toEqual([false, true])
    wall += 1_000
    expect([known(), known()]).toEqual([false, true])
    monotonic += 1_000
    expect([known(), known()]).toEqual([false, true])
    wall -= 1
    expect([known(), known()]).toEqual([false, true])
  })

  test('reaches the store under other numbers, such as a raised limit', () => {
    refuse(charge(HOUR))
    const raised = Object.freeze({ ...HOUR, limit: 9 })
    expect(took(cached, charge(raised))).toMatchObject({ allowed: true, source: 'memory' })
    refuse(charge(HOUR, 1, { subject: 'b' }))
    expect(isCached(charge(Object.freeze({ ...HOUR }), 1, { subject: 'b' }))).toBe(true)
  })

  test('is one subject in one scope', () => {
    refuse(charge(HOUR))
    expect(isCached(charge(HOUR, 1, { subject: 'b' }))).toBe(false)
    expect(isCached(charge(HOUR, 1, { scope: 'q+hour.fixedWindow' }))).toBe(false)
    expect(isCached(charge(HOUR, 1, { scope: '', subject: 'p/hour/fixedWindowa' }))).toBe(false)
    expect(isCached(charge(HOUR))).toBe(true)
  })
})

describe('a cost', () => {
  test('above the refused one is refused; one below it reaches the store', () => {
    took(cached, charge(SLOW, 3))
    expect(took(cached, charge(SLOW, 4))).toMatchObject({ allowed: false, remaining: 2, retryAfter: 2_000 })
    expect(isCached(charge(SLOW, 5))).toBe(true)
    expect(isCached(charge(SLOW, 3))).toBe(false)
    expect(isCached(charge(SLOW, 3))).toBe(true)
    expect(isCached(charge(SLOW, 4))).toBe(true)
    expect(took(cached, charge(SLOW, 2))).toMatchObject({ allowed: true, source: 'memory' })
  })

  test('above the refused one never gets too short a wait', () => {
    took(cached, charge(SLOW, 5))
    took(cached, charge(SLOW, 1))
    clock.advance(300)
    for (let cost = 1; cost <= 5; cost++) {
      const outcome = took(cached, charge(SLOW, cost))
      expect(outcome.source).toBe('deny-cache')
      expect(outcome.retryAfter).toBeGreaterThanOrEqual(took(memory, charge(SLOW, cost)).retryAfter)
      expect(outcome.retryAfter).toBeLessThanOrEqual(outcome.resetAfter)
    }
    expect(took(cached, charge(SLOW, 6)).retryAfter).toBe(Infinity)
  })

  test('that never fits is cached, and a cost that fits reaches the store', () => {
    expect(took(cached, charge(SLOW, 6)).retryAfter).toBe(Infinity)
    expect(took(cached, charge(SLOW, 7))).toMatchObject({ source: 'deny-cache', retryAfter: Infinity, remaining: 5, resetAfter: 0 })
    expect(took(cached, charge(SLOW, 5))).toMatchObject({ allowed: true })
  })

  test('with atLeast is cached by its least units', () => {
    took(cached, charge(SLOW, 4))
    expect(took(cached, charge(SLOW, 5), { atLeast: 3 })).toMatchObject({ allowed: false, source: 'memory' })
    expect(isCached(charge(SLOW, 9), { atLeast: 3 })).toBe(true)
    expect(isCached(charge(SLOW, 3))).toBe(true)
    expect(took(cached, charge(SLOW, 9), { atLeast: 1 })).toMatchObject({ granted: 1, source: 'memory' })
  })
})

describe('never cached', () => {
  const never = (limit: Limit, more: Partial<Charge> = {}, store = cached) => {
    const one = charge(limit, 1, more)
    for (let i = 0; i < (limit.burst ?? limit.limit); i++) took(store, one)
    for (let i = 0; i < 3; i++) expect(took(store, one)).toMatchObject({ allowed: false })
    return took(store, one).source
  }

  test('a holder, a queue, a shadow policy', () => {
    expect(never(concurrency({ name: 'slots', limit: 2, ttl: '1m' }).limit)).toBe('memory')
    expect(never(leakyBucket({ name: 'queue', limit: 1, window: '1m', queue: true, burst: 1 }).limit)).toBe('memory')
    expect(never(HOUR, { scope: '~p+hour.fixedWindow' })).toBe('memory')
    for (const limit of [HOUR, SLOW, slidingLog({ name: 'log', limit: 2, window: '1h' }).limit]) expect(never(limit)).toBe('deny-cache')
  })

  test('trap: a deny cache or a lease filled from a degraded answer', () => {
    for (const source of ['local', 'open', 'closed', 'replica', 'lease']) {
      const degraded = denyCache(
        spied(memoryStore({ clock }), (outcome) => ({ ...outcome, source })),
        { clock },
      )
      expect(never(HOUR, {}, degraded)).toBe(source)
    }
  })

  test('units that another decision holds for a moment', () => {
    const moment = denyCache(
      spied(memory, (outcome) => ({ ...outcome, held: true })),
      { clock },
    )
    expect(never(HOUR, {}, moment)).toBe('memory')
  })

  test('a refused lease, whose ceiling is not the limit', () => {
    refuse(charge(HOUR))
    expect(isCached(charge(HOUR), { lease: { ttl: 250, ceiling: 1 } })).toBe(false)
    expect(isCached(charge(HOUR, 1), {})).toBe(false)
  })

  test('a peek, which does not read the cache either', () => {
    took(cached, charge(HOUR, 3))
    expect(isCached(charge(HOUR), { how: 'peek' })).toBe(false)
    expect(isCached(charge(HOUR))).toBe(false)
    expect(isCached(charge(HOUR), { how: 'peek' })).toBe(false)
    expect(isCached(charge(HOUR))).toBe(true)
  })

  test('a second charge on one state, which was refused for the sum of both', () => {
    expect(take(cached, [charge(SLOW, 3), charge(SLOW, 3)]).map(({ allowed }) => allowed)).toEqual([true, false])
    expect(took(cached, charge(SLOW, 3))).toMatchObject({ allowed: true, source: 'memory' })
  })
})

describe('dropped by what this process does', () => {
  test('a refund', () => {
    const { receipt } = took(cached, charge(HOUR, 3))
    took(cached, charge(HOUR))
    expect(isCached(charge(HOUR))).toBe(true)
    took(cached, charge(HOUR, -2, { receipt }))
    expect(took(cached, charge(HOUR))).toMatchObject({ allowed: true })
  })

  test('a reset, under any numbers', () => {
    refuse(charge(HOUR))
    void cached.reset([charge(Object.freeze({ ...HOUR, limit: 99 }))])
    expect(took(cached, charge(HOUR))).toMatchObject({ allowed: true })
  })

  test('a forced charge, since the wait is longer now', () => {
    refuse(charge(SLOW))
    took(cached, charge(SLOW, 2), { how: 'force' })
    expect(took(cached, charge(SLOW))).toMatchObject({ source: 'memory', retryAfter: 3_000 })
  })

  test('a smaller charge, since the wait is longer now', () => {
    took(cached, charge(SLOW, 3))
    took(cached, charge(SLOW, 4))
    took(cached, charge(SLOW, 2))
    expect(took(cached, charge(SLOW, 4))).toMatchObject({ source: 'memory', retryAfter: 4_000 })
  })

  test('settling a decision', async () => {
    const limiter = createLimiter({ store: cached, limits: [slidingWindow({ name: 'minute', limit: 2, window: '1m' })] })
    const decision = await limiter.consume('a', { cost: 2 })
    expect((await limiter.consume('a')).source).toBe('memory')
    expect((await limiter.consume('a')).source).toBe('deny-cache')
    await limiter.settle(decision, 1)
    expect((await limiter.consume('a')).allowed).toBe(true)
  })

  test('a refund that the store made after a refusal that is still under way', async () => {
    const { receipt } = took(memory, charge(HOUR, 3))
    const answers: (() => void)[] = []
    const slow: Store = {
      ...inner,
      name: 'memory',
      consume(charges, options) {
        const outcomes = inner.consume(charges, options) as readonly Outcome[]
        return new Promise((resolve) => answers.push(() => resolve(outcomes)))
      },
    }
    const own = denyCache(slow, { clock })
    const refused = own.consume([charge(HOUR)])
    const refund = own.consume([charge(HOUR, -3, { receipt })])
    for (const answer of answers.toReversed()) answer()
    expect(await Promise.all([refused, refund])).toMatchObject([[{ allowed: false }], [{ granted: -3 }]])
    void own.consume([charge(HOUR)])
    expect(answers).toHaveLength(3)
  })

  test('a failed charge, which may have been made', async () => {
    let fails = false
    const failing: Store = {
      ...inner,
      name: 'memory',
      consume: async (charges, options) => {
        if (fails) throw new Error('away')
        return inner.consume(charges, options)
      },
    }
    const own = denyCache(failing, { clock })
    await own.consume([charge(SLOW, 3)])
    await own.consume([charge(SLOW, 4)])
    expect(await own.consume([charge(SLOW, 4)])).toMatchObject([{ source: 'deny-cache' }])
    fails = true
    await expect(own.consume([charge(SLOW, 2)])).rejects.toThrow('away')
    await expect(own.consume([charge(SLOW, 4)])).rejects.toThrow('away')
  })
})

test("trap: a cached refusal that outlives another process's refund: it does by 1 s at most", () => {
  const { receipt } = took(memory, charge(HOUR, 3))
  expect(took(cached, charge(HOUR))).toMatchObject({ allowed: false, source: 'memory' })
  took(memory, charge(HOUR, -3, { receipt }))
  clock.advance(999.999)
  expect(took(cached, charge(HOUR))).toMatchObject({ allowed: false, source: 'deny-cache' })
  clock.advance(0.001)
  expect(took(cached, charge(HOUR))).toMatchObject({ allowed: true, source: 'memory' })
})

describe('several limits in one decision', () => {
  const both = (cost = 1) => [charge(HOUR, cost), charge(SLOW, cost)]

  test('one that is cached answers for all, and the store is not asked', () => {
    refuse(charge(SLOW))
    expect(take(cached, both())).toMatchObject([undefined, { allowed: false, source: 'deny-cache' }])
    expect(calls).toBe(2)
    expect(took(memory, charge(HOUR), { how: 'peek' }).remaining).toBe(3)
  })

  test('all that are cached are refused, and the longest wait binds', () => {
    took(cached, charge(HOUR, 3))
    took(cached, charge(SLOW, 5))
    take(cached, both())
    expect(take(cached, both()).map((outcome) => outcome?.retryAfter)).toEqual([3_600_000, 1_000])
  })

  test('a give-back among them goes to the store', () => {
    const { receipt } = took(cached, charge(HOUR, 2))
    refuse(charge(SLOW))
    expect(take(cached, [charge(HOUR, -1, { receipt }), charge(SLOW)])).toMatchObject([{}, { source: 'memory' }])
  })
})

test('an LRU that a flood of new keys uses to free a blocked one: a dropped refusal costs a call, and memory is bounded', () => {
  const small = denyCache(inner, { clock, maxSubjects: 100 })
  took(small, charge(HOUR, 3))
  took(small, charge(HOUR))
  expect(took(small, charge(HOUR)).source).toBe('deny-cache')
  for (let i = 0; i < 200; i++) {
    took(small, charge(HOUR, 3, { subject: `flood ${i}` }))
    took(small, charge(HOUR, 1, { subject: `flood ${i}` }))
  }
  expect(took(small, charge(HOUR))).toMatchObject({ allowed: false, source: 'memory' })
  const before = calls
  for (let i = 0; i < 200; i++) took(small, charge(HOUR, 1, { subject: `flood ${199 - i}` }))
  expect(calls - before).toBeGreaterThanOrEqual(100)
})

test('sets no timer, and has the optional methods of the wrapped store', () => {
  refuse(charge(HOUR))
  expect(clock.pending).toBe(0)
  expect(cached.name).toBe('memory')
  expect([cached.shardOf, cached.peekReplica, cached.close, cached.health]).toEqual([undefined, undefined, undefined, undefined])
  expect(denyCache(memory, { clock }).health?.()).toEqual({ tier: 'memory', breaker: 'closed' })
})

test('options out of range are refused', () => {
  const code = (options: object) => {
    try {
      denyCache(memory, options)
      return undefined
    } catch (error) {
      return (error as { code?: string }).code
    }
  }
  for (const maxSubjects of [0, -1, 1.5, 1_000_001, Number.NaN, '10']) expect(code({ maxSubjects })).toBe('ERR_OPTION_INVALID')
  expect(code({ clock: null })).toBe('ERR_OPTION_INVALID')
  expect(code({ clock: {} })).toBe('ERR_OPTION_INVALID')
  expect(code({ max: 10 })).toBe('ERR_OPTION_UNKNOWN')
  expect(code({ maxSubjects: 1 })).toBeUndefined()
})
