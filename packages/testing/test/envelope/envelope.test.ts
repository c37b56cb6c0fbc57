import type { Limit } from '@sluice/core'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Admission, checkEnvelope } from '../../src/envelope/envelope.ts'

// The checker must find every violation, and nothing else.

const S = 1_000_000 // µs
const limitOf = (algorithm: Limit['algorithm'], more: Partial<Limit> = {}): Limit => ({
  algorithm,
  name: 'n',
  limit: 10,
  window: 1_000,
  ...more,
})
const at = (...pairs: readonly (readonly [number, number])[]): Admission[] => pairs.map(([at, units]) => ({ at, units }))
const rules = (limit: Limit, events: readonly Admission[]): readonly string[] => checkEnvelope(limit, events).map(({ rule }) => rule)

test('fixed window: L in each window, and 2L in any interval of its length', () => {
  const limit = limitOf('fixedWindow')
  expect(rules(limit, at([0.999 * S, 10], [S, 10]))).toEqual([])
  expect(checkEnvelope(limit, at([S, 10], [1.999 * S, 1]))).toEqual([
    { rule: 'A(window) ≤ L', from: S, to: 2 * S, admitted: 11, bound: 10 },
  ])
  expect(rules(limit, at([0, 10], [0.999 * S, 10], [0.9995 * S, 10]))).toContain('A([a, a+W)) ≤ 2L')
  expect(rules(limitOf('fixedWindow', { anchor: 'first' }), at([0.5 * S, 10], [1.4999 * S, 1]))).toHaveLength(1)
  expect(rules(limitOf('fixedWindow', { anchor: 'first' }), at([0.5 * S, 10], [1.5 * S, 10]))).toEqual([])
})

test('fixed window: a calendar day may have 25 hours', () => {
  const limit = limitOf('fixedWindow', { window: 'day', timeZone: 'Europe/Berlin' })
  const day = Date.UTC(2026, 9, 24, 22) * 1000
  expect(rules(limit, at([day, 10], [day + 24.5 * 3600 * S, 1]))).toEqual(['A(window) ≤ L'])
  expect(rules(limit, at([day, 10], [day + 25 * 3600 * S, 10]))).toEqual([])
})

test('sliding window: L(1 + t/W) for every interval', () => {
  const limit = limitOf('slidingWindow')
  expect(rules(limit, at([0, 10], [0.1 * S, 1], [0.2 * S, 1]))).toEqual([])
  expect(checkEnvelope(limit, at([0, 10], [0.1 * S - 1, 1]))).toMatchObject([{ from: 0, to: 0.1 * S - 1, admitted: 11 }])
  // Each aligned window keeps the limit, an interval between them does not.
  expect(rules(limit, at([0, 1], [0.9 * S, 9], [S, 3]))).toEqual(['A(t) ≤ L(1 + t/W)'])
})

test('sliding log: every (a, a + W]', () => {
  const limit = limitOf('slidingLog')
  expect(rules(limit, at([0, 4], [0.5 * S, 6], [S, 4]))).toEqual([])
  expect(rules(limit, at([0, 4], [0.5 * S, 6], [S - 1, 1]))).toEqual(['A((a, a+W]) ≤ L'])
})

test('buckets: burst + rate·t, less the refunds in the interval', () => {
  for (const limit of [limitOf('tokenBucket', { burst: 5 }), limitOf('leakyBucket', { burst: 5 })]) {
    expect(rules(limit, at([0, 5], [0.1 * S, 1], [0.5 * S, 4]))).toEqual([])
    expect(checkEnvelope(limit, at([0, 5], [0.1 * S - 1, 1]))).toMatchObject([{ from: 0, admitted: 6 }])
    expect(rules(limit, [{ at: 0, units: 5, refunds: [{ at: 1, units: 5 }] }, ...at([2, 5])])).toEqual([])
    // A refund after the interval does not count for it.
    expect(rules(limit, [{ at: 0, units: 5, refunds: [{ at: 9, units: 5 }] }, ...at([2, 5])])).toHaveLength(1)
  }
})

test('queue: the outflow keeps the rate', () => {
  const limit = limitOf('leakyBucket', { queue: true })
  const out = (...delays: number[]): Admission[] => delays.map((delay, i) => ({ at: 0, units: 1, delay, order: i }))
  expect(rules(limit, out(0, 100, 200, 300))).toEqual([])
  expect(rules(limit, out(0, 100, 200, 200))).toEqual(['outflow ≤ c_max + rate·(t + 1 ms)'])
})

test('concurrency: live holders at every instant', () => {
  const limit = limitOf('concurrency', { limit: 1 })
  expect(rules(limit, at([0, 1], [S, 1]))).toEqual([])
  expect(rules(limit, at([0, 1], [S - 1, 1]))).toEqual(['live holders ≤ L'])
  expect(
    rules(limit, [
      { at: 0, units: 1, refunds: [{ at: 5, units: 1, order: 2 }], order: 1 },
      { at: 5, units: 1, order: 3 },
    ]),
  ).toEqual([])
  expect(
    rules(limit, [
      { at: 0, units: 1, refunds: [{ at: 5, units: 1, order: 3 }], order: 1 },
      { at: 5, units: 1, order: 2 },
    ]),
  ).toHaveLength(1)
  expect(rules(limit, [{ at: 0, units: 1, until: 3 * S }, ...at([2 * S, 1])])).toHaveLength(1)
})

test('windows: refunded units and forced units do not count', () => {
  for (const algorithm of ['fixedWindow', 'slidingWindow', 'slidingLog'] as const) {
    expect(rules(limitOf(algorithm), [{ at: 0, units: 10, refunds: [{ at: 3 * S, units: 4 }] }, ...at([1, 4])])).toEqual([])
    expect(rules(limitOf(algorithm), [{ at: 0, units: 10, forced: true }, ...at([1, 10])])).toEqual([])
    expect(rules(limitOf(algorithm), [{ at: 0, units: 10, forced: true }, ...at([1, 10], [2, 1])])).not.toEqual([])
  }
})

test('finds exactly what comparing every pair of admissions finds', () => {
  const events = fc.array(fc.tuple(fc.nat(3_000), fc.integer({ min: 1, max: 4 })), { maxLength: 12 })
  fc.assert(
    fc.property(events, fc.integer({ min: 1, max: 9 }), (pairs, L) => {
      const sorted = pairs.map(([ms, units]) => [ms * 1000, units] as const).toSorted((a, b) => a[0] - b[0])
      const worst = (broken: (sum: number, t: number) => boolean): boolean =>
        sorted.some(([from], i) => {
          let sum = 0
          return sorted.slice(i).some(([to, units]) => broken((sum += units), to - from))
        })
      const found = (limit: Limit): boolean => checkEnvelope(limit, at(...sorted)).length > 0
      expect(found(limitOf('slidingWindow', { limit: L }))).toBe(worst((sum, t) => sum * S > L * (S + t)))
      expect(found(limitOf('tokenBucket', { limit: 3, burst: L }))).toBe(worst((sum, t) => sum * S > L * S + 3 * t))
      expect(found(limitOf('slidingLog', { limit: L }))).toBe(worst((sum, t) => t < S && sum > L))
    }),
  )
})

test('a million admissions are checked in seconds', { timeout: 60_000 }, () => {
  const many = Array.from({ length: 1_000_000 }, (_, i): Admission => ({ at: i * 100_000, units: 1 }))
  for (const algorithm of ['slidingWindow', 'slidingLog', 'tokenBucket', 'fixedWindow'] as const)
    expect(rules(limitOf(algorithm), many)).toEqual([])
})
