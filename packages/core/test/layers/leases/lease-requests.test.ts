// What is requested from the store, and what goes back.
import { leases, type Outcome } from '@sluice/core'
import { describe, expect, test } from 'vitest'
import { consumeOne, flushPromises, hotStore, lab, leasedStore, leasingStore, requests, returns, spendNow, TTL, used, WIDE } from './lab.ts'

describe('a request', () => {
  test('asks for at least one unit, with M as the ceiling, and lets only the store answer', async () => {
    await hotStore()
    for (const { charges, options } of requests()) {
      expect(options).toEqual({ atLeast: 1, lease: { ttl: TTL, ceiling: 100 }, failMode: 'closed' })
      expect(charges).toMatchObject([{ limit: WIDE, subject: 'a' }])
      expect(charges[0]?.cost).toBeGreaterThanOrEqual(2)
      expect(charges[0]?.cost).toBeLessThanOrEqual(50)
    }
  })

  test('is sent once, as is a return, whether it fails or not', async () => {
    const store = await leasedStore()
    lab.fails = true
    while (spendNow(store) !== undefined);
    await flushPromises()
    const before = requests().length
    for (let i = 0; i < 20; i++) await consumeOne(store).catch(() => undefined)
    expect(requests()).toHaveLength(before)
    lab.clock.advance(TTL)
    await consumeOne(store).catch(() => undefined)
    expect(requests().length).toBeLessThanOrEqual(before + 1)
  })

  test('trap: a deny cache or a lease filled from a degraded answer', async () => {
    const store = leases(leasingStore(), { clock: lab.clock })
    lab.change = (outcome) => ({ ...outcome, source: 'local' })
    for (let i = 0; i < 200; i++) expect((await consumeOne(store)).source).toBe('local')
    await flushPromises()
    expect(requests()).toHaveLength(1)
    expect(used()).toBe(200)
    lab.clock.advance(1_000)
    for (let i = 0; i < 60; i++) await consumeOne(store)
    expect(requests()).toHaveLength(2)
  })

  test('is given back at once if the store charged it and granted no lease', async () => {
    const store = leases(lab.memory, { clock: lab.clock })
    for (let i = 0; i < 200; i++) await consumeOne(store)
    expect(used()).toBe(200)
  })
})

describe('units that are not spent', () => {
  test('go back on close, before the store is closed', async () => {
    const store = await leasedStore()
    const held = (spendNow(store) as Outcome).remaining
    const before = used()
    await store.close?.()
    expect(returns().map(({ charges }) => charges[0]?.cost)).toEqual([-held])
    expect(used()).toBe(before - held)
    expect(lab.clock.pending).toBe(0)
    expect((await consumeOne(store)).source).toBe('memory')
  })

  test('trap: a lease returned late: a void lease is dropped, not given back', async () => {
    const store = await leasedStore()
    lab.suspendedFor = 3 * TTL
    await store.close?.()
    expect(returns()).toEqual([])
  })
})
