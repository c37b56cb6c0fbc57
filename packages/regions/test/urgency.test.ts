// When an exchange should come soon.
import { describe, expect, test } from 'vitest'
import { Urgency } from '../src/urgency.ts'

describe('a subject is urgent', () => {
  test('at once, if one decision used enough', () => {
    expect(new Urgency().add(1, 'user:1', 1)).toBe(true)
    expect(new Urgency().add(1, 'user:1', Infinity)).toBe(true)
  })

  test('when its decisions together used enough, under the same limit', () => {
    const urgency = new Urgency()
    expect([0.5, 0.25, 0.125, 0.125].map((part) => urgency.add(1, 'user:1', part))).toEqual([false, false, false, true])
    expect(urgency.add(2, 'user:1', 0.5)).toBe(false)
    expect(urgency.add(1, 'user:2', 0.5)).toBe(false)
  })

  test('not by what it used before the exchange', () => {
    const urgency = new Urgency()
    urgency.add(1, 'user:1', 0.75)
    urgency.clear()
    expect(urgency.add(1, 'user:1', 0.75)).toBe(false)
  })

  test('never by refusals or by units that are given back, also under a limit of 0', () => {
    const urgency = new Urgency()
    for (let i = 0; i < 10; i++) for (const part of [0, -1, Number.NaN]) expect(urgency.add(1, 'user:1', part)).toBe(false)
    urgency.add(1, 'user:1', -5)
    expect([urgency.add(1, 'user:1', 0.5), urgency.add(1, 'user:1', 0.5)]).toEqual([false, true])
  })
})

test('100,000 subjects that use little are not urgent, and none that uses enough is missed', () => {
  const urgency = new Urgency()
  let found = 0
  for (let i = 0; i < 100_000; i++) if (urgency.add(1, `user:${i}`, 0.1)) found += 1
  expect(found).toBe(0)
  for (let i = 0; i < 1_000; i++) expect(Array.from({ length: 1_000 }, () => urgency.add(1, `user:${i * 97}`, 0.001)).at(-1)).toBe(true)
})
