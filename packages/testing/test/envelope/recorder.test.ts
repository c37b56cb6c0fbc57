import { type Charge, fixedWindow, memoryStore, type Outcome, type Store } from '@sluice/core'
import { expect, test } from 'vitest'
import { recordStore } from '../../src/envelope/recorder.ts'
import { fakeClock } from '../../src/fake-clock.ts'

const { limit } = fixedWindow({ name: 'minute', limit: 3, window: '1m' })

function setUp() {
  const { store, violations } = recordStore(memoryStore({ clock: fakeClock(0) }))
  const ask = (change: Partial<Charge>, options?: Parameters<Store['consume']>[1]): Outcome => {
    const [outcome] = store.consume([{ limit, scope: 'p+minute.fixedWindow', subject: 'a', cost: 1, ...change }], options) as [Outcome]
    return outcome
  }
  const take = (cost: number) => ask({ cost }).receipt
  const refund = (cost: number, receipt: Outcome['receipt']) => ask({ cost: -cost, receipt }).granted
  const credit = (cost: number) => ask({ cost: -cost }, { how: 'credit' }).granted
  return { take, refund, credit, violations }
}

test('a refund of credited units takes others, whose own refund takes others again', () => {
  const { take, refund, credit, violations } = setUp()
  const one = take(1)
  const two = take(2)
  expect(credit(2)).toBe(-2)
  expect(refund(2, two)).toBe(-1)
  expect(take(3)).toBeDefined()
  expect(refund(1, one)).toBe(-1)
  expect(take(1)).toBeDefined()
  expect(violations()).toEqual([])
})

test('a store that gives back a receipt twice is found', () => {
  const { take, refund, violations } = setUp()
  take(1)
  const two = take(2)
  expect(refund(2, two)).toBe(-2)
  expect(refund(2, two)).toBe(-1)
  expect(take(3)).toBeDefined()
  expect(violations()).toMatchObject([{ rule: 'A(window) ≤ L', admitted: 4, bound: 3 }])
})

test('a refund takes of others no more than was credited', () => {
  const { take, refund, credit, violations } = setUp()
  take(1)
  const two = take(2)
  expect(credit(1)).toBe(-1)
  expect(refund(2, two)).toBe(-2)
  expect(take(3)).toBeDefined()
  expect(violations()).toEqual([])
  expect(refund(2, two)).toBe(-2)
  expect(take(2)).toBeDefined()
  expect(violations()).toMatchObject([{ admitted: 5, bound: 3 }])
})
