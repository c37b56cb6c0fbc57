import { fixedWindow, type Outcome } from '@sluice/core'
import { expect, test } from 'vitest'
import { MemoryStore } from '../../src/memory/memory-store.ts'

const { limit } = fixedWindow({ name: 'a', limit: 10, window: '1m' })
const charge = (window: number, cost: number) => ({ limit: { ...limit, window }, scope: 'p+a.fixedWindow', subject: 'u', cost })

/** How many tables the store has. No public member says. */
function tablesOf(store: MemoryStore): number {
  const { tables } = (store as unknown as { states: { slots: { tables: readonly unknown[] } } }).states.slots
  return tables.filter((table) => table !== undefined).length
}

test('trap: a function that returns any number of window lengths: tables without states are dropped', () => {
  const store = new MemoryStore({ clock: { now: () => 1_700_000_000_000 } })
  store.consume([charge(60_000, 3)])
  for (let window = 1_000; window < 3_000; window++) {
    store.consume([charge(window, 0)], { how: 'peek' })
    store.reset([charge(window + 5_000, 0)])
  }
  expect(tablesOf(store)).toBeLessThan(70)
  const [{ remaining }] = store.consume([charge(60_000, 1)]) as [Outcome]
  expect(remaining).toBe(6)
})

test('a table that a decision is about to fill is not dropped by the next charge of the same decision', () => {
  const store = new MemoryStore({ clock: { now: () => 1_700_000_000_000 } })
  const both = [charge(1_000_000, 1), charge(2_000_000, 2)]
  for (let window = 1_000; window < 1_063; window++) store.consume([charge(window, 0)], { how: 'peek' })
  expect(store.consume(both).map((outcome) => outcome?.remaining)).toEqual([9, 8])
  expect(store.consume(both).map((outcome) => outcome?.remaining)).toEqual([8, 6])
})

test('policies that change: scopes whose states have expired are dropped, and those in use stay', () => {
  let now = 1_700_000_000_000
  const store = new MemoryStore({ clock: { now: () => now } })
  const kept = { ...charge(86_400_000, 1), scope: 'p+kept.fixedWindow' }
  for (let revision = 0; revision < 10_000; revision++) {
    now += 1_000
    store.consume([{ ...charge(1_000, 1), scope: `p+limit${revision}.fixedWindow` }, kept])
  }
  const { scopes } = (store as unknown as { states: { scopes: { scopes: ReadonlyMap<string, unknown> } } }).states.scopes
  expect(scopes.size).toBeLessThan(1_200)
  expect(tablesOf(store)).toBeLessThan(1_200)
  expect(store.consume([kept])[0]?.used).toBeGreaterThan(1)
})

test('close forgets the tables too', () => {
  const store = new MemoryStore({})
  store.consume([charge(60_000, 3)])
  store.close()
  expect(tablesOf(store)).toBe(0)
  expect(store.consume([charge(60_000, 1)])[0]?.remaining).toBe(9)
})
