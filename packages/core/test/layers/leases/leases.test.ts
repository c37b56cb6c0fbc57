// The layer alone, over a store that grants what is asked for; over Redis: packages/redis/test/layers.test.ts.
import { concurrency, fixedWindow, leakyBucket, leases, slidingLog, tokenBucket } from '@sluice/core'
import { describe, expect, test } from 'vitest'
import { charge, fresh, hot, isLease, lab, leasing, requests, settle, spent, took, TTL, used, WIDE, WINDOW } from './lab.ts'
import type { Outcome } from '@sluice/core'

describe('a hot subject', () => {
  test('is asked for in advance, and then spent at once, without a call', async () => {
    const store = await fresh()
    const before = used()
    for (let i = 0; i < 5; i++) {
      const outcome = spent(store)
      expect(outcome).toMatchObject({ allowed: true, granted: 1, source: 'lease', retryAfter: 0, leaseFor: 0, delay: 0 })
      expect(outcome?.receipt).toBeDefined()
    }
    expect(lab.asked).toEqual([])
    expect(used()).toBe(before)
  })

  test('asks with the terms: at least one unit, M as the ceiling, and no tier in the store’s stead', async () => {
    await hot()
    for (const { charges, options } of requests()) {
      expect(options).toEqual({ atLeast: 1, lease: { ttl: TTL, ceiling: 100 }, failMode: 'closed' })
      expect(charges).toMatchObject([{ limit: WIDE, subject: 'a' }])
      expect(charges[0]?.cost).toBeGreaterThanOrEqual(2)
      expect(charges[0]?.cost).toBeLessThanOrEqual(50)
    }
  })

  test('is one from 50 decisions a second on, and not before', async () => {
    const store = leases(leasing(), { clock: lab.clock })
    for (let second = 0; second < 3; second++) {
      for (let i = 0; i < 49; i++) await took(store)
      lab.clock.advance(1_000)
    }
    expect(requests()).toEqual([])
    expect(lab.clock.pending).toBe(0)
    for (let i = 0; i < 60; i++) await took(store)
    expect(requests()).not.toEqual([])
  })

  test('the call goes before the lease, which could take its unit', async () => {
    const store = leases(leasing(), { clock: lab.clock, hot: 10 })
    await Promise.all(Array.from({ length: 12 }, () => took(store)))
    const first = lab.asked.findIndex(isLease)
    expect(first).toBeGreaterThan(0)
    expect(lab.asked[first - 1]).toMatchObject({ charges: [{ cost: 1 }] })
  })

  test('costs fewer calls with a longer ttl', async () => {
    const { limit } = tokenBucket({ name: 'long', limit: 100_000, window: '100s' })
    const calls = async (ttl: number): Promise<number> => {
      const store = await hot(limit, { ttl })
      lab.asked.length = 0
      for (let i = 0; i < 1_000; i++) {
        await took(store, charge(limit))
        lab.clock.advance(5)
      }
      return lab.asked.length
    }
    const short = await calls(250)
    expect(short).toBeLessThanOrEqual(5 * 25)
    expect(await calls(2_500)).toBeLessThanOrEqual(short / 5)
  })

  test('has one request in flight, and is renewed ahead of need', async () => {
    const store = await fresh()
    let release = (): void => undefined
    lab.answering = new Promise<void>((resolve) => (release = resolve))
    let left = 0
    while (requests().length === 0) left = (spent(store) as Outcome).remaining
    expect(left).toBeGreaterThan(0)
    for (let i = 0; i < left; i++) expect(spent(store)?.source).toBe('lease')
    expect(spent(store)).toBeUndefined()
    expect(requests()).toHaveLength(1)
    release()
    lab.answering = undefined
    await settle()
    expect(spent(store)?.source).toBe('lease')
  })

  test('is asked for as much as 100 ms of its rate here, at most M/2', async () => {
    const store = leases(leasing(), { clock: lab.clock })
    const sizes = async (every: number): Promise<number> => {
      for (let i = 0; i < 1_000 / every; i++) {
        await took(store)
        lab.clock.advance(every)
      }
      return requests().at(-1)?.charges[0]?.cost as number
    }
    expect(await sizes(5)).toBeGreaterThanOrEqual(15)
    expect(await sizes(5)).toBeLessThanOrEqual(21)
    expect(await sizes(1.25)).toBe(50)
  })

  test('that spends slowly makes plain calls: a lease of one unit is one', async () => {
    const store = await hot()
    lab.clock.advance(500)
    await settle()
    lab.asked.length = 0
    for (let i = 0; i < 20; i++) {
      expect((await took(store)).source).toBe('memory')
      lab.clock.advance(100)
    }
    expect(requests()).toEqual([])
  })

  test('takes a smaller part of what is left when the rest is short', async () => {
    const store = await hot(WINDOW)
    await settle()
    lab.clock.advance(TTL + 1)
    void lab.memory.consume([charge(WINDOW, WINDOW.limit - used(WINDOW) - 12)])
    lab.asked.length = 0
    await took(store, charge(WINDOW))
    for (let i = 0; i < 6; i++) {
      await took(store, charge(WINDOW))
      await settle()
    }
    for (const { charges } of requests()) expect(charges[0]?.cost).toBeLessThanOrEqual(6)
    let admitted = 7
    while ((await took(store, charge(WINDOW))).allowed) admitted += 1
    expect(admitted).toBe(12)
  })
})

describe('never leased', () => {
  test.each([
    ['a log', slidingLog({ name: 'log', limit: 900, window: '1s' }).limit],
    ['a leaky bucket', leakyBucket({ name: 'leaky', limit: 900, window: '1s' }).limit],
    ['holders', concurrency({ name: 'holders', limit: 900, ttl: '1s' }).limit],
    ['a small limit', tokenBucket({ name: 'small', limit: 19, window: '1s' }).limit],
    ['a slow limit', fixedWindow({ name: 'slow', limit: 100_000, window: '1d' }).limit],
    ['a window under 4 leases', fixedWindow({ name: 'short', limit: 10_000, window: 999 }).limit],
    ['a bucket that is full again within 4 leases', tokenBucket({ name: 'quick', limit: 10_000, window: '1s', burst: 9_000 }).limit],
  ])('%s', async (_, limit) => {
    const store = leases(leasing(), { clock: lab.clock })
    for (let i = 0; i < 200; i++) await took(store, charge(limit))
    expect(requests()).toEqual([])
    expect(lab.clock.pending).toBe(0)
  })

  test('from a store that leases nothing: what it charged for it goes back at once', async () => {
    const store = leases(lab.memory, { clock: lab.clock })
    for (let i = 0; i < 200; i++) await took(store)
    expect(used()).toBe(200)
  })

  test('trap: a deny cache or a lease filled from a degraded answer', async () => {
    const store = leases(leasing(), { clock: lab.clock })
    lab.change = (outcome) => ({ ...outcome, source: 'local' })
    for (let i = 0; i < 200; i++) expect((await took(store)).source).toBe('local')
    await settle()
    expect(requests()).toHaveLength(1)
    expect(used()).toBe(200)
    lab.clock.advance(1_000)
    for (let i = 0; i < 60; i++) await took(store)
    expect(requests()).toHaveLength(2)
  })

  test('forced, looked at, in a decision of its own terms, or under other numbers', async () => {
    const store = await fresh()
    for (const options of [{ how: 'force' }, { how: 'peek' }, { lease: { ttl: TTL, ceiling: 5 } }] as const)
      expect((await took(store, charge(), options)).source).toBe('memory')
    expect((await took(store, charge(Object.freeze({ ...WIDE, limit: 999 })))).source).toBe('memory')
    expect((await took(store, charge(WIDE, 1, { subject: 'b' }))).source).toBe('memory')
    expect((await took(store, charge(WIDE, 1, { scope: 'q' }))).source).toBe('memory')
    expect(spent(store, charge(Object.freeze({ ...WIDE })))?.source).toBe('lease')
  })
})

describe('a lease is void', () => {
  test('when its time is over, counted from before it was asked for', async () => {
    // Nothing looks at it: it is checked when it is spent.
    const store = await hot(WIDE, { clock: { ...lab.clock, after: () => () => undefined } })
    lab.clock.advance(2 * TTL)
    let release = (): void => undefined
    lab.answering = new Promise<void>((resolve) => (release = resolve))
    const first = took(store)
    lab.clock.advance(100)
    for (let i = 0; i < 12; i++) void took(store)
    lab.clock.advance(200)
    release()
    lab.answering = undefined
    await first
    await settle()
    expect(requests().length).toBeGreaterThan(0)
    // Granted a moment ago, asked for 200 ms ago or more.
    lab.clock.advance(49)
    const young = spent(store)
    lab.clock.advance(1)
    expect([young?.source, spent(store)]).toEqual(['lease', undefined])
  })

  test.each([
    ['the monotonic clock', 0, TTL],
    ['the time of day', TTL, 0],
    ['a time of day that was set back', -TTL, 0],
  ])('by %s', async (_, wall, monotonic) => {
    let offsets = { wall: 0, monotonic: 0 }
    const inner = lab.clock
    const own = { ...inner, now: () => inner.now() + offsets.wall, monotonic: () => inner.monotonic() + offsets.monotonic }
    const store = leases(leasing(), { clock: own })
    for (let i = 0; i < 100; i++) {
      await took(store)
      lab.clock.advance(5)
    }
    expect(spent(store)?.source).toBe('lease')
    offsets = { wall, monotonic }
    expect(spent(store)).toBeUndefined()
  })

  test('with its window', async () => {
    const store = await hot(WINDOW)
    const end = WINDOW.window as number
    lab.clock.advance(end - (lab.clock.now() % end) - 30)
    for (let i = 0; i < 60; i++) await took(store, charge(WINDOW))
    await settle()
    expect(spent(store, charge(WINDOW))?.source).toBe('lease')
    lab.clock.advance(29)
    expect(spent(store, charge(WINDOW))?.source).toBe('lease')
    lab.clock.advance(1)
    expect(spent(store, charge(WINDOW))).toBeUndefined()
  })

  test('at a reset: what the subject begins anew with is all there is', async () => {
    const store = await fresh()
    await store.reset([charge()])
    expect(spent(store)).toBeUndefined()
  })
})
