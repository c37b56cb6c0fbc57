// A window of which a region may use a part: what it has given to others counts, and what it got lowers the count, also below 0.
import { type Charge, fixedWindow, type Limit, slidingWindow } from '@sluice/core'
import { algorithms } from '@sluice/core/algorithms'
import { describe, expect, test } from 'vitest'

const { fixedWindow: fixed, slidingWindow: sliding } = algorithms
const MS = 1_800_000_000_000
const NOW = MS * 1000
const limits = {
  fixed: { ...fixedWindow({ name: 'a', limit: 10, window: '1m' }).limit, rights: 4 },
  sliding: { ...slidingWindow({ name: 'a', limit: 10, window: '1m' }).limit, rights: 4 },
}
const charge = (limit: Limit, cost: number, receipt?: Charge['receipt']): Charge => ({ limit, scope: 's', subject: 'u', cost, receipt })

describe.each(['fixed', 'sliding'] as const)('%s window', (kind) => {
  const limit = limits[kind]
  const decide = (count: number, cost: number, receipt?: Charge['receipt'], how?: 'credit') => {
    const asked = charge(limit, cost, receipt)
    const options = how === undefined ? {} : { how }
    return kind === 'fixed'
      ? fixed.step({ start: MS, count }, asked, NOW, options)
      : sliding.step({ start: MS, count, previous: 0 }, asked, NOW, options)
  }

  test('admits up to the rights, and says what is left of them', () => {
    expect(decide(0, 4).outcome).toMatchObject({ allowed: true, remaining: 0, used: 4 })
    expect(decide(1, 4).outcome).toMatchObject({ allowed: false, remaining: 3, used: 1 })
  })

  test('a count below 0 is room for more, and no use', () => {
    expect(decide(-3, 7).outcome).toMatchObject({ allowed: true, remaining: 0, used: 4 })
    expect(decide(-3, 1).outcome).toMatchObject({ allowed: true, remaining: 6, used: 0 })
    expect(decide(-3, 8).outcome.allowed).toBe(false)
  })

  test('more than the rights waits for the end of the window, and more than the limit is never admitted', () => {
    expect(decide(0, 5).outcome).toMatchObject({ allowed: false, retryAfter: 60_000 })
    expect(decide(-30, 11).outcome).toMatchObject({ allowed: false, retryAfter: Infinity, remaining: 10 })
  })

  test('a receipt gives back what it took, though the count has less', () => {
    expect(decide(1, -3, `${MS}:3`)).toMatchObject({ state: { count: -2 }, outcome: { granted: -3, used: 0, remaining: 6 } })
    expect(decide(1, -5, `${MS}:3`).outcome.granted).toBe(-3)
  })

  test('without a receipt nothing comes back, since the units may be those of another region', () => {
    expect(decide(3, -3, undefined, 'credit')).toMatchObject({ state: undefined, outcome: { granted: 0 } })
  })
})

test('rights that were not used end with their window', () => {
  const next = (MS + 60_000) * 1000
  const { outcome } = sliding.step({ start: MS, count: -3, previous: 0 }, charge(limits.sliding, 0), next, {})
  expect(outcome).toMatchObject({ remaining: 4, used: 0 })
})
