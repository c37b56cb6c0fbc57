import { describe, expect, test } from 'vitest'
import { Sampler } from '../../src/events/sampler.ts'

const NOW = 1_800_000_000_000

/** Numbers from 0 to 1 that are the same in each run (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

describe('sampled', () => {
  test.each([0.5, 0.1, 0.01])('weights of a share of %d sum up to the decisions, within 4 standard errors', (share) => {
    const sampler = new Sampler(share, 0, seeded(7))
    const decisions = 1_000_000
    let [sum, chosen] = [0, 0]
    const weights = new Set<number>()
    for (let i = 0; i < decisions; i++) {
      const weight = sampler.weightOf(false, NOW)
      weights.add(weight)
      sum += weight
      if (weight > 0) chosen += 1
    }
    expect(weights).toEqual(new Set([0, 1 / share]))
    expect(Math.abs(sum - decisions)).toBeLessThan((4 * Math.sqrt(decisions * share * (1 - share))) / share)
    expect(chosen).toBeLessThan(decisions * share * 1.1)
  })

  test('all of a share of 1, none of a share of 0', () => {
    const [all, none] = [new Sampler(1, 0), new Sampler(0, 0)]
    for (let i = 0; i < 1_000; i++) {
      expect(all.weightOf(false, NOW)).toBe(1)
      expect(none.weightOf(false, NOW)).toBe(0)
      expect(none.weightOf(true, NOW)).toBe(0)
    }
  })
})

describe('refusals', () => {
  test('all up to the budget of each second, then a sample', () => {
    const sampler = new Sampler(0.01, 1_000, seeded(3))
    for (const second of [0, 1_000, 2_500]) {
      const weights = Array.from({ length: 201_000 }, () => sampler.weightOf(true, NOW + second))
      expect(weights.slice(0, 1_000).every((weight) => weight === 1)).toBe(true)
      const rest = weights.slice(1_000)
      const sum = rest.reduce((a, b) => a + b, 0)
      expect(Math.abs(sum - rest.length)).toBeLessThan(4 * Math.sqrt(rest.length * 0.01 * 0.99) * 100)
      expect(rest.filter((weight) => weight > 0).length).toBeLessThan(2_500)
    }
  })

  test('the budget of a second is not given again before it has passed', () => {
    const sampler = new Sampler(0, 10)
    const sent = (ms: number): number =>
      Array.from({ length: 50 }, () => sampler.weightOf(true, NOW + ms)).filter((weight) => weight > 0).length
    expect([0, 500, 999, 1_000, 1_999, 2_000].map(sent)).toEqual([10, 0, 0, 10, 0, 10])
  })

  test('a clock that steps back does not stop them', () => {
    const sampler = new Sampler(0, 10)
    for (let i = 0; i < 20; i++) sampler.weightOf(true, NOW)
    expect(sampler.weightOf(true, NOW - 3_600_000)).toBe(1)
  })
})
