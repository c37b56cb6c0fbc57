// How large a lease is, and when it is void.
import { leases } from '@sluice/core'
import { describe, expect, test } from 'vitest'
import {
  charge,
  consumeOne,
  flushPromises,
  hotStore,
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

describe('a lease', () => {
  test('covers 100 ms of the local rate, at most M/2', async () => {
    const store = leases(leasingStore(), { clock: lab.clock })
    const sizes = async (every: number): Promise<number> => {
      for (let i = 0; i < 1_000 / every; i++) {
        await consumeOne(store)
        lab.clock.advance(every)
      }
      return requests().at(-1)?.charges[0]?.cost as number
    }
    expect(await sizes(5)).toBeGreaterThanOrEqual(15)
    expect(await sizes(5)).toBeLessThanOrEqual(21)
    expect(await sizes(1.25)).toBe(50)
  })

  test('is not requested for one unit', async () => {
    const store = await hotStore()
    lab.clock.advance(500)
    await flushPromises()
    lab.calls.length = 0
    for (let i = 0; i < 20; i++) {
      expect((await consumeOne(store)).source).toBe('memory')
      lab.clock.advance(100)
    }
    expect(requests()).toEqual([])
  })

  test('is at most half of what the store has left', async () => {
    const store = await hotStore(WINDOW)
    await flushPromises()
    lab.clock.advance(TTL + 1)
    void lab.memory.consume([charge(WINDOW, WINDOW.limit - used(WINDOW) - 12)])
    lab.calls.length = 0
    await consumeOne(store, charge(WINDOW))
    for (let i = 0; i < 6; i++) {
      await consumeOne(store, charge(WINDOW))
      await flushPromises()
    }
    for (const { charges } of requests()) expect(charges[0]?.cost).toBeLessThanOrEqual(6)
    let admitted = 7
    while ((await consumeOne(store, charge(WINDOW))).allowed) admitted += 1
    expect(admitted).toBe(12)
  })

  test('is smaller after one that came back unused, and larger after one that was spent', async () => {
    const store = await leasedStore()
    const sizeOf = async (): Promise<number> => {
      lab.calls.length = 0
      for (let i = 0; i < 40; i++) {
        await consumeOne(store)
        lab.clock.advance(5)
      }
      return Math.max(...requests().map(({ charges }) => charges[0]?.cost as number))
    }
    await sizeOf()
    const before = await sizeOf()
    for (let i = 0; i < 3; i++) {
      lab.clock.advance(60)
      await flushPromises()
      lab.clock.advance(60)
      await flushPromises()
      for (let i = 0; i < 12; i++) await consumeOne(store)
      await flushPromises()
    }
    lab.calls.length = 0
    for (let i = 0; i < 20 && requests().length === 0; i++) {
      await consumeOne(store)
      lab.clock.advance(5)
    }
    expect(requests()[0]?.charges[0]?.cost).toBeLessThan(before)
    await sizeOf()
    expect(await sizeOf()).toBeGreaterThanOrEqual(before - 1)
  })
})

describe('a lease is void', () => {
  test('when its time is over, counted from before the request', async () => {
    // No timer checks it: it is checked when it is spent.
    const store = await hotStore(WIDE, { clock: { ...lab.clock, after: () => () => undefined } })
    lab.clock.advance(2 * TTL)
    let release = (): void => undefined
    lab.answerAfter = new Promise<void>((resolve) => (release = resolve))
    const first = consumeOne(store)
    lab.clock.advance(100)
    for (let i = 0; i < 12; i++) void consumeOne(store)
    lab.clock.advance(200)
    release()
    lab.answerAfter = undefined
    await first
    await flushPromises()
    expect(requests().length).toBeGreaterThan(0)
    // Granted just now, but requested at least 200 ms ago.
    lab.clock.advance(49)
    const young = spendNow(store)
    lab.clock.advance(1)
    expect([young?.source, spendNow(store)]).toEqual(['lease', undefined])
  })

  test.each([
    ['the monotonic clock', 0, TTL],
    ['the time of day', TTL, 0],
    ['a time of day that was set back', -TTL, 0],
  ])('by %s', async (_, wall, monotonic) => {
    let offsets = { wall: 0, monotonic: 0 }
    const inner = lab.clock
    const own = { ...inner, now: () => inner.now() + offsets.wall, monotonic: () => inner.monotonic() + offsets.monotonic }
    const store = leases(leasingStore(), { clock: own })
    for (let i = 0; i < 100; i++) {
      await consumeOne(store)
      lab.clock.advance(5)
    }
    expect(spendNow(store)?.source).toBe('lease')
    offsets = { wall, monotonic }
    expect(spendNow(store)).toBeUndefined()
  })

  test('with its window', async () => {
    const store = await hotStore(WINDOW)
    const end = WINDOW.window as number
    lab.clock.advance(end - (lab.clock.now() % end) - 30)
    for (let i = 0; i < 60; i++) await consumeOne(store, charge(WINDOW))
    await flushPromises()
    expect(spendNow(store, charge(WINDOW))?.source).toBe('lease')
    lab.clock.advance(29)
    expect(spendNow(store, charge(WINDOW))?.source).toBe('lease')
    lab.clock.advance(1)
    expect(spendNow(store, charge(WINDOW))).toBeUndefined()
  })
})
