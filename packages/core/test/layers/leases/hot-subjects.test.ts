// Which subjects are leased, and for how long.
import { type Charge, leases, type Outcome, tokenBucket } from '@sluice/core'
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
  returns,
  spendNow,
  TTL,
  used,
  WIDE,
} from './lab.ts'

describe('a subject', () => {
  test('is hot from 50 decisions a second on, and not before', async () => {
    const store = leases(leasingStore(), { clock: lab.clock })
    for (let second = 0; second < 3; second++) {
      for (let i = 0; i < 49; i++) await consumeOne(store)
      lab.clock.advance(1_000)
    }
    expect(requests()).toEqual([])
    expect(lab.clock.pending).toBe(0)
    for (let i = 0; i < 60; i++) await consumeOne(store)
    expect(requests()).not.toEqual([])
  })

  test('is not leased beyond maxSubjects', async () => {
    const store = leases(leasingStore(), { clock: lab.clock, maxSubjects: 3, hot: 10 })
    for (let i = 0; i < 30; i++) {
      for (let s = 0; s < 6; s++) await consumeOne(store, charge(WIDE, 1, { subject: `s${s}` }))
      lab.clock.advance(2)
    }
    expect(new Set(requests().map(({ charges }) => charges[0]?.subject)).size).toBe(3)
  })
})

describe('unused units', () => {
  test('go back in time when the subject is idle', async () => {
    const store = await leasedStore()
    const held = (spendNow(store) as Outcome).remaining
    const before = used()
    lab.clock.advance(0.3 * TTL + 0.2 * TTL)
    await flushPromises()
    expect(returns().map(({ charges }) => charges[0]?.cost)).toEqual([-held])
    expect(used()).toBeLessThanOrEqual(before - held)
    expect(spendNow(store)).toBeUndefined()
  })

  test('go back also if the ttl is longer than a cold subject is kept', async () => {
    const { limit } = tokenBucket({ name: 'long', limit: 100_000, window: '100s' })
    const store = await hotStore(limit, { ttl: 5_000 })
    // Between two checks, so that one finds it cold and not yet idle for long enough.
    lab.clock.advance(500)
    const held = (spendNow(store, charge(limit)) as Outcome).remaining
    expect(held).toBeGreaterThan(0)
    for (let i = 0; i < 30; i++) {
      lab.clock.advance(100)
      await flushPromises()
    }
    expect(returns().reduce((sum, { charges }) => sum - (charges[0] as Charge).cost, 0)).toBe(held)
  })

  test('go back when their lease is old, though the subject is in use', async () => {
    const store = await leasedStore()
    for (let i = 0; i < 16; i++) {
      lab.clock.advance(12.5)
      await flushPromises()
      spendNow(store)
    }
    expect(returns().length).toBeGreaterThan(0)
  })
})

test('no timer runs when no subject is hot', async () => {
  await hotStore()
  expect(lab.clock.pending).toBe(1)
  for (let i = 0; i < 40; i++) {
    lab.clock.advance(50)
    await flushPromises()
  }
  expect(lab.clock.pending).toBe(0)
})
