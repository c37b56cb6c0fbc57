// What becomes of units that are held here: spent, given back, let go, lost.
import { type Charge, createLimiter, leases, type Outcome, slidingLog, tokenBucket } from '@sluice/core'
import { describe, expect, test } from 'vitest'
import { charge, fresh, hot, isLease, lab, leasing, requests, returns, settle, spent, took, TTL, used, WIDE, WINDOW } from './lab.ts'

describe('what is not spent', () => {
  test('goes back when the subject is idle, in time', async () => {
    const store = await fresh()
    const held = (spent(store) as Outcome).remaining
    const before = used()
    lab.clock.advance(0.3 * TTL + 0.2 * TTL)
    await settle()
    expect(returns().map(({ charges }) => charges[0]?.cost)).toEqual([-held])
    expect(used()).toBeLessThanOrEqual(before - held)
    expect(spent(store)).toBeUndefined()
  })

  test('goes back though its ttl is so long that the subject is cold before', async () => {
    const { limit } = tokenBucket({ name: 'long', limit: 100_000, window: '100s' })
    const store = await hot(limit, { ttl: 5_000 })
    // Between two looks, so that one finds it cold and not yet idle for long enough.
    lab.clock.advance(500)
    const held = (spent(store, charge(limit)) as Outcome).remaining
    expect(held).toBeGreaterThan(0)
    for (let i = 0; i < 30; i++) {
      lab.clock.advance(100)
      await settle()
    }
    expect(returns().reduce((sum, { charges }) => sum - (charges[0] as Charge).cost, 0)).toBe(held)
  })

  test('goes back when its lease is old, though the subject is in use', async () => {
    const store = await fresh()
    for (let i = 0; i < 16; i++) {
      lab.clock.advance(12.5)
      await settle()
      spent(store)
    }
    expect(returns().length).toBeGreaterThan(0)
  })

  test('makes the next lease smaller; a lease that is spent makes it larger again', async () => {
    const store = await fresh()
    const sizeOf = async (): Promise<number> => {
      lab.asked.length = 0
      for (let i = 0; i < 40; i++) {
        await took(store)
        lab.clock.advance(5)
      }
      return Math.max(...requests().map(({ charges }) => charges[0]?.cost as number))
    }
    await sizeOf()
    const before = await sizeOf()
    for (let i = 0; i < 3; i++) {
      lab.clock.advance(60)
      await settle()
      lab.clock.advance(60)
      await settle()
      for (let i = 0; i < 12; i++) await took(store)
      await settle()
    }
    lab.asked.length = 0
    for (let i = 0; i < 20 && requests().length === 0; i++) {
      await took(store)
      lab.clock.advance(5)
    }
    expect(requests()[0]?.charges[0]?.cost).toBeLessThan(before)
    await sizeOf()
    expect(await sizeOf()).toBeGreaterThanOrEqual(before - 1)
  })

  test('goes back on close, before the store is closed', async () => {
    const store = await fresh()
    const held = (spent(store) as Outcome).remaining
    const before = used()
    await store.close?.()
    expect(returns().map(({ charges }) => charges[0]?.cost)).toEqual([-held])
    expect(used()).toBe(before - held)
    expect(lab.clock.pending).toBe(0)
    expect((await took(store)).source).toBe('memory')
  })

  test('trap: a lease returned late: what is void is dropped, not given back', async () => {
    const store = await fresh()
    lab.stopped = 3 * TTL
    await store.close?.()
    expect(returns()).toEqual([])
  })

  test('is given back once, and a grant is asked for once, whatever becomes of it', async () => {
    const store = await fresh()
    lab.fails = true
    while (spent(store) !== undefined);
    await settle()
    const before = requests().length
    for (let i = 0; i < 20; i++) await took(store).catch(() => undefined)
    expect(requests()).toHaveLength(before)
    lab.clock.advance(TTL)
    await took(store).catch(() => undefined)
    expect(requests().length).toBeLessThanOrEqual(before + 1)
  })

  test('no timer is left when nothing is hot any more', async () => {
    await hot()
    expect(lab.clock.pending).toBe(1)
    for (let i = 0; i < 40; i++) {
      lab.clock.advance(50)
      await settle()
    }
    expect(lab.clock.pending).toBe(0)
  })
})

describe('several limits in one decision', () => {
  const LOG = slidingLog({ name: 'log', limit: 3, window: '1h' }).limit

  test('leased ones are held here, the rest goes out in one call', async () => {
    const store = await fresh()
    const outcomes = (await store.consume([charge(LOG), charge(), charge(LOG, 1, { subject: 'b' })])) as readonly Outcome[]
    expect(outcomes.map(({ source, granted }) => [source, granted])).toEqual([
      ['memory', 1],
      ['lease', 1],
      ['memory', 1],
    ])
    expect(lab.asked.filter((one) => !isLease(one))).toMatchObject([{ charges: [{ limit: LOG }, { limit: LOG }] }])
  })

  test('all of them leased, it is decided at once', async () => {
    const store = await fresh()
    expect(store.consume([charge(), charge()])).toMatchObject([{ source: 'lease' }, { source: 'lease' }])
  })

  test('the rest refuses: what was held is let go', async () => {
    const store = await fresh()
    const left = (spent(store) as Outcome).remaining
    expect(await store.consume([charge(), charge(LOG, 4)])).toMatchObject([
      { allowed: true, granted: 0, receipt: undefined, source: 'lease', remaining: left },
      { allowed: false },
    ])
    expect(spent(store)?.remaining).toBe(left - 1)
  })

  test('the rest fails: what was held is let go', async () => {
    const store = await fresh()
    const left = (spent(store) as Outcome).remaining
    lab.fails = true
    await expect(store.consume([charge(), charge(LOG)])).rejects.toThrow('away')
    expect(spent(store)?.remaining).toBe(left - 1)
  })
})

describe('giving back what was spent from a lease', () => {
  test('returns it to the lease, at most once what it took', async () => {
    const store = await fresh()
    const taken = spent(store, charge(WIDE, 3)) as Outcome
    expect(await took(store, charge(WIDE, -2, { receipt: taken.receipt }))).toMatchObject({
      allowed: true,
      granted: -2,
      source: 'lease',
      remaining: taken.remaining + 2,
    })
    expect(await took(store, charge(WIDE, -99, { receipt: taken.receipt }), { how: 'force' })).toMatchObject({
      granted: expect.any(Number),
    })
    expect((spent(store) as Outcome).remaining).toBeLessThanOrEqual(taken.remaining + 3)
    expect(lab.asked.filter((one) => !isLease(one))).toEqual([])
  })

  test('is for nobody when the lease is over, or another process has it', async () => {
    const store = await fresh()
    const { receipt } = spent(store) as Outcome
    expect(await took(leases(lab.memory, { clock: lab.clock }), charge(WIDE, -1, { receipt }))).toMatchObject({ allowed: true, granted: 0 })
    expect(await took(store, charge(WIDE, -1, { receipt, subject: 'b' }))).toMatchObject({ granted: 0 })
    expect(await took(store, charge(WIDE, -1, { receipt }), { how: 'peek' })).toMatchObject({ granted: 0 })
    lab.clock.advance(TTL)
    const before = used()
    expect(await took(store, charge(WIDE, -1, { receipt }))).toMatchObject({ allowed: true, granted: 0, remaining: 0 })
    expect(used()).toBe(before)
  })

  test('beside what the store took: each to its own', async () => {
    const store = await fresh()
    const mine = spent(store) as Outcome
    const plain = await took(store, charge(WIDE, 5), { how: 'force' })
    const before = used()
    expect(
      await store.consume([charge(WIDE, -1, { receipt: mine.receipt }), charge(WIDE, -5, { receipt: plain.receipt })], { how: 'force' }),
    ).toMatchObject([
      { granted: -1, source: 'lease' },
      { granted: -5, source: 'memory' },
    ])
    expect(used()).toBe(before - 5)
  })

  test('by settling a decision', async () => {
    const store = await fresh()
    const limiter = createLimiter({ name: 'p', store, limits: [tokenBucket({ name: 'wide', limit: 1_000, window: '1s' })] })
    const decision = await limiter.consume('a', { cost: 4 })
    expect(decision.source).toBe('lease')
    await limiter.settle(decision, 1)
    expect((await limiter.consume('a')).remaining).toBe(decision.remaining + 2)
  })
})

test('law 6: never advertises more than there is, though others take the rest', async () => {
  const store = await fresh()
  const left = (spent(store) as Outcome).remaining
  void lab.memory.consume([charge(WIDE, WIDE.limit - used())])
  for (let rest = left - 1; rest >= 0; rest--) {
    const outcome = spent(store) as Outcome
    expect(outcome.remaining).toBe(rest)
    expect(outcome.nextAfter).toBeGreaterThan(0)
    expect(outcome.resetAfter).toBeGreaterThan(0)
  }
  expect(await took(store)).toMatchObject({ allowed: false, source: 'memory' })
})

test('a unit that came while the store refused is spent', async () => {
  const store = await hot(WINDOW)
  lab.clock.advance(TTL)
  await settle()
  void lab.memory.consume([charge(WINDOW, WINDOW.limit - used(WINDOW) - 4)])
  let admitted = 0
  const all = await Promise.all(Array.from({ length: 12 }, () => took(store, charge(WINDOW))))
  for (const { allowed } of all) admitted += Number(allowed)
  for (let i = 0; i < 6; i++) admitted += Number((await took(store, charge(WINDOW))).allowed)
  expect(admitted).toBe(4)
})

test('memory is bounded: the subjects that are leased, and what a flood leaves behind', async () => {
  const store = leases(leasing(), { clock: lab.clock, maxSubjects: 3, hot: 10 })
  for (let i = 0; i < 30; i++) {
    for (let s = 0; s < 6; s++) await took(store, charge(WIDE, 1, { subject: `s${s}` }))
    lab.clock.advance(2)
  }
  expect(new Set(requests().map(({ charges }) => charges[0]?.subject)).size).toBe(3)
})

test('passes on what the store below it has', async () => {
  const store = leases(leasing(), { clock: lab.clock })
  expect(store.name).toBe('memory')
  expect(store.health?.()).toEqual({ tier: 'memory', breaker: 'closed' })
  expect([store.shardOf, store.peekReplica, store.subscribe]).toEqual([undefined, undefined, undefined])
})

test('options that make no sense are refused', () => {
  const code = (options: object) => {
    try {
      leases(lab.memory, options)
      return undefined
    } catch (error) {
      return (error as { code?: string }).code
    }
  }
  for (const bad of [
    { ttl: 49 },
    { ttl: 5_001 },
    { ttl: 100.5 },
    { ttl: '250' },
    { maxPart: 0 },
    { maxPart: 1.1 },
    { maxPart: Number.NaN },
  ])
    expect(code(bad)).toBe('ERR_OPTION_INVALID')
  for (const bad of [{ hot: 9 }, { hot: 60_001 }, { maxSubjects: 0 }, { maxSubjects: 100_001 }, { clock: null }, { clock: {} }])
    expect(code(bad)).toBe('ERR_OPTION_INVALID')
  expect(code({ ceiling: 10 })).toBe('ERR_OPTION_UNKNOWN')
  expect(code({ ttl: 100, maxPart: 1, hot: 10, maxSubjects: 1 })).toBeUndefined()
})
