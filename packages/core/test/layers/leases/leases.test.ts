// The layer alone, over a store that grants what is requested; over Redis: packages/redis/test/layers.test.ts.
import { type Charge, createLimiter, leases, type Outcome, slidingLog, tokenBucket } from '@sluice/core'
import { describe, expect, test } from 'vitest'
import {
  charge,
  consumeOne,
  flushPromises,
  hotStore,
  isLeaseRequest,
  lab,
  leasedStore,
  leasingStore,
  requests,
  spendNow,
  TTL,
  used,
  WIDE,
  WINDOW,
} from './lab.ts'

const LOG = slidingLog({ name: 'log', limit: 3, window: '1h' }).limit

describe('a hot subject', () => {
  test('spends leased units at once, without a call', async () => {
    const store = await leasedStore()
    const before = used()
    for (let i = 0; i < 5; i++) {
      const outcome = spendNow(store)
      expect(outcome).toMatchObject({ allowed: true, granted: 1, source: 'lease', retryAfter: 0, leaseFor: 0, delay: 0 })
      expect(outcome?.receipt).toBeDefined()
    }
    expect(lab.calls).toEqual([])
    expect(used()).toBe(before)
  })

  test('health() says how many units are on lease, and not how many were', async () => {
    const store = await leasedStore()
    const before = store.health?.().leased ?? 0
    expect(before).toBeGreaterThan(5)
    spendNow(store)
    spendNow(store)
    expect(store.health?.()).toEqual({ tier: 'memory', breaker: 'closed', leased: before - 2 })
    lab.clock.advance(TTL)
    expect(store.health?.().leased).toBe(0)
  })

  test('sends the call before the request for a lease, which could take its unit', async () => {
    const store = leases(leasingStore(), { clock: lab.clock, hot: 10 })
    await Promise.all(Array.from({ length: 12 }, () => consumeOne(store)))
    const first = lab.calls.findIndex(isLeaseRequest)
    expect(first).toBeGreaterThan(0)
    expect(lab.calls[first - 1]).toMatchObject({ charges: [{ cost: 1 }] })
  })

  test('has one request in flight, and is renewed before its lease is spent', async () => {
    const store = await leasedStore()
    let release = (): void => undefined
    lab.answerAfter = new Promise<void>((resolve) => (release = resolve))
    let left = 0
    while (requests().length === 0) left = (spendNow(store) as Outcome).remaining
    expect(left).toBeGreaterThan(0)
    for (let i = 0; i < left; i++) expect(spendNow(store)?.source).toBe('lease')
    expect(spendNow(store)).toBeUndefined()
    expect(requests()).toHaveLength(1)
    release()
    lab.answerAfter = undefined
    await flushPromises()
    expect(spendNow(store)?.source).toBe('lease')
  })

  test('M2: takes a part of a lease where the store has less than the caller needs at least', async () => {
    const store = await leasedStore()
    const left = (spendNow(store) as Outcome).remaining
    // All that the store has.
    await store.consume([charge(WIDE, 10_000)], { how: 'force' })
    const [outcome] = (await store.consume([charge(WIDE, left + 5)], { atLeast: 1 })) as Outcome[]
    expect(outcome).toMatchObject({ allowed: true, source: 'lease', granted: left, remaining: 0 })
    expect((await store.consume([charge()], { atLeast: 1 }))[0]).toMatchObject({ allowed: false })
  })

  test('costs fewer calls with a longer ttl', async () => {
    const { limit } = tokenBucket({ name: 'long', limit: 100_000, window: '100s' })
    const calls = async (ttl: number): Promise<number> => {
      const store = await hotStore(limit, { ttl })
      lab.calls.length = 0
      for (let i = 0; i < 1_000; i++) {
        await consumeOne(store, charge(limit))
        lab.clock.advance(5)
      }
      return lab.calls.length
    }
    const short = await calls(250)
    expect(short).toBeLessThanOrEqual(5 * 25)
    expect(await calls(2_500)).toBeLessThanOrEqual(short / 5)
  })

  test('spends a unit that arrived while the store refused', async () => {
    const store = await hotStore(WINDOW)
    lab.clock.advance(TTL)
    await flushPromises()
    void lab.memory.consume([charge(WINDOW, WINDOW.limit - used(WINDOW) - 4)])
    let admitted = 0
    const all = await Promise.all(Array.from({ length: 12 }, () => consumeOne(store, charge(WINDOW))))
    for (const { allowed } of all) admitted += Number(allowed)
    for (let i = 0; i < 6; i++) admitted += Number((await consumeOne(store, charge(WINDOW))).allowed)
    expect(admitted).toBe(4)
  })

  test('law 6: never advertises more than it holds, though other processes take the rest', async () => {
    const store = await leasedStore()
    const left = (spendNow(store) as Outcome).remaining
    void lab.memory.consume([charge(WIDE, WIDE.limit - used())])
    for (let rest = left - 1; rest >= 0; rest--) {
      const outcome = spendNow(store) as Outcome
      expect(outcome.remaining).toBe(rest)
      expect(outcome.nextAfter).toBeGreaterThan(0)
      expect(outcome.resetAfter).toBeGreaterThan(0)
    }
    expect(await consumeOne(store)).toMatchObject({ allowed: false, source: 'memory' })
  })
})

describe('plain calls are made', () => {
  test('for a forced charge, a peek, a lease of the caller, other numbers, another subject or scope', async () => {
    const store = await leasedStore()
    for (const options of [{ how: 'force' }, { how: 'peek' }, { lease: { ttl: TTL, ceiling: 5 } }] as const)
      expect((await consumeOne(store, charge(), options)).source).toBe('memory')
    expect((await consumeOne(store, charge(Object.freeze({ ...WIDE, limit: 999 })))).source).toBe('memory')
    expect((await consumeOne(store, charge(WIDE, 1, { subject: 'b' }))).source).toBe('memory')
    expect((await consumeOne(store, charge(WIDE, 1, { scope: 'q' }))).source).toBe('memory')
    expect(spendNow(store, charge(Object.freeze({ ...WIDE })))?.source).toBe('lease')
  })

  test('after a reset, which drops the leases of the subject', async () => {
    const store = await leasedStore()
    await store.reset([charge()])
    expect(spendNow(store)).toBeUndefined()
  })

  test('Pf: a reset that finds only the units on lease has found something', async () => {
    const store = await leasedStore()
    void lab.memory.reset([charge()])
    expect(await store.reset([charge()])).toBe(true)
    expect(await store.reset([charge()])).toBe(false)
  })
})

describe('several limits in one decision', () => {
  test('spends the leased ones here, and charges the rest in one call', async () => {
    const store = await leasedStore()
    const outcomes = (await store.consume([charge(LOG), charge(), charge(LOG, 1, { subject: 'b' })])) as readonly Outcome[]
    expect(outcomes.map(({ source, granted }) => [source, granted])).toEqual([
      ['memory', 1],
      ['lease', 1],
      ['memory', 1],
    ])
    expect(lab.calls.filter((one) => !isLeaseRequest(one))).toMatchObject([{ charges: [{ limit: LOG }, { limit: LOG }] }])
  })

  test('is synchronous if all are leased', async () => {
    const store = await leasedStore()
    expect(store.consume([charge(), charge()])).toMatchObject([{ source: 'lease' }, { source: 'lease' }])
  })

  test('gives the units back to the lease if the rest is refused', async () => {
    const store = await leasedStore()
    const left = (spendNow(store) as Outcome).remaining
    expect(await store.consume([charge(), charge(LOG, 4)])).toMatchObject([
      { allowed: true, granted: 0, receipt: undefined, source: 'lease', remaining: left },
      { allowed: false },
    ])
    expect(spendNow(store)?.remaining).toBe(left - 1)
  })

  test('gives the units back to the lease if the rest fails', async () => {
    const store = await leasedStore()
    const left = (spendNow(store) as Outcome).remaining
    lab.fails = true
    await expect(store.consume([charge(), charge(LOG)])).rejects.toThrow('away')
    expect(spendNow(store)?.remaining).toBe(left - 1)
  })
})

describe('a give-back of leased units', () => {
  test('goes to the lease, at most what was taken from it', async () => {
    const store = await leasedStore()
    const taken = spendNow(store, charge(WIDE, 3)) as Outcome
    expect(await consumeOne(store, charge(WIDE, -2, { receipt: taken.receipt }))).toMatchObject({
      allowed: true,
      granted: -2,
      source: 'lease',
      remaining: taken.remaining + 2,
    })
    expect(await consumeOne(store, charge(WIDE, -99, { receipt: taken.receipt }), { how: 'force' })).toMatchObject({
      granted: expect.any(Number),
    })
    expect((spendNow(store) as Outcome).remaining).toBeLessThanOrEqual(taken.remaining + 3)
    expect(lab.calls.filter((one) => !isLeaseRequest(one))).toEqual([])
  })

  test('D08: goes to the store when the lease is over, or another process holds it', async () => {
    const store = await leasedStore()
    // Not a bucket, which is full again by the time that a lease is over.
    const window = await hotStore(WINDOW)
    while (spendNow(window, charge(WINDOW, 3)) === undefined) await flushPromises()
    const taken = spendNow(window, charge(WINDOW, 3)) as Outcome
    const other = leases(leasingStore(), { clock: lab.clock })
    const back = (units: number, subject = 'a'): Charge => charge(WINDOW, -units, { receipt: taken.receipt, subject })
    const before = used(WINDOW)
    expect(await consumeOne(window, back(1, 'b'))).toMatchObject({ allowed: true, granted: 0 })
    expect(await consumeOne(window, back(1), { how: 'peek' })).toMatchObject({ granted: 0 })
    expect(await consumeOne(other, back(1))).toMatchObject({ allowed: true, granted: -1, source: 'memory' })
    expect(used(WINDOW)).toBe(before - 1)
    lab.clock.advance(TTL)
    // The layer's own timer has given back what was not spent.
    await flushPromises()
    const later = used(WINDOW)
    expect(await consumeOne(window, back(99), { how: 'force' })).toMatchObject({ allowed: true, granted: -3, source: 'memory' })
    expect(used(WINDOW)).toBe(later - 3)
    expect(spendNow(store)).toBeUndefined()
  })

  test('D08: goes with the rest of its decision, in one call', async () => {
    const store = await hotStore(WINDOW)
    while (spendNow(store, charge(WINDOW)) === undefined) await flushPromises()
    const mine = spendNow(store, charge(WINDOW)) as Outcome
    const plain = await consumeOne(store, charge(WIDE, 5, { subject: 'b' }), { how: 'force' })
    lab.clock.advance(TTL)
    await flushPromises()
    lab.calls.length = 0
    const charges = [charge(WINDOW, -1, { receipt: mine.receipt }), charge(WIDE, -5, { receipt: plain.receipt, subject: 'b' })]
    expect(await store.consume(charges, { how: 'force' })).toMatchObject([{ granted: -1 }, { allowed: true }])
    expect(lab.calls).toHaveLength(1)
  })

  test.each(['held:', 'held:a', 'held:a:1:1', 'held:a:1:"x":', 'held:a:1:"x":0', 'held:a:1:"x":1.5', 'held:a:b:"x":1', 'held:a:1:x:1'])(
    'a receipt %j that this layer did not make is refused',
    async (receipt) => {
      const store = leases(leasingStore(), { clock: lab.clock })
      await expect(async () => await store.consume([charge(WINDOW, -1, { receipt })])).rejects.toMatchObject({
        code: 'ERR_RECEIPT_INVALID',
      })
    },
  )

  test('goes to the lease, and that of the store to the store', async () => {
    const store = await leasedStore()
    const mine = spendNow(store) as Outcome
    const plain = await consumeOne(store, charge(WIDE, 5), { how: 'force' })
    const before = used()
    expect(
      await store.consume([charge(WIDE, -1, { receipt: mine.receipt }), charge(WIDE, -5, { receipt: plain.receipt })], { how: 'force' }),
    ).toMatchObject([
      { granted: -1, source: 'lease' },
      { granted: -5, source: 'memory' },
    ])
    expect(used()).toBe(before - 5)
  })

  test('is made by settling a decision', async () => {
    const store = await leasedStore()
    const limiter = createLimiter({ name: 'p', store, limits: [tokenBucket({ name: 'wide', limit: 1_000, window: '1s' })] })
    const decision = await limiter.consume('a', { cost: 4 })
    expect(decision.source).toBe('lease')
    await limiter.settle(decision, 1)
    expect((await limiter.consume('a')).remaining).toBe(decision.remaining + 2)
  })
})

test('has the optional methods of the wrapped store', async () => {
  const store = leases(leasingStore(), { clock: lab.clock })
  expect(store.name).toBe('memory')
  expect(store.health?.()).toEqual({ tier: 'memory', breaker: 'closed', leased: 0 })
  expect([store.shardOf, store.peekReplica, store.subscribe]).toEqual([undefined, undefined, undefined])
})
