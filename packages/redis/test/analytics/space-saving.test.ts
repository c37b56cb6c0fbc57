import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SpaceSaving } from '../../src/analytics/space-saving.ts'

function counted(size: number, stream: readonly string[]): { readonly sketch: SpaceSaving<unknown>; readonly exact: Map<string, number> } {
  const sketch = new SpaceSaving(size, () => undefined)
  const exact = new Map<string, number>()
  for (const subject of stream) {
    sketch.add(subject)
    exact.set(subject, (exact.get(subject) ?? 0) + 1)
  }
  return { sketch, exact }
}

/** Holds for every stream: the bounds of the paper, against exact counts. */
function isWithinBounds(size: number, stream: readonly string[]): void {
  const { sketch, exact } = counted(size, stream)
  const bound = stream.length / size
  const list = sketch.list()
  expect(sketch.total).toBe(stream.length)
  expect(list.length).toBe(Math.min(size, exact.size))
  expect(list.reduce((sum, { count }) => sum + count, 0)).toBe(stream.length)
  for (const { subject, count, excess } of list) {
    const truth = exact.get(subject) ?? 0
    expect(truth).toBeGreaterThan(0)
    expect(count).toBeGreaterThanOrEqual(truth)
    expect(count - excess).toBeLessThanOrEqual(truth)
    expect(excess).toBeLessThanOrEqual(bound)
  }
  const kept = new Set(list.map(({ subject }) => subject))
  expect([...exact].filter(([subject, truth]) => truth > bound && !kept.has(subject))).toEqual([])
  expect(list.map(({ count }) => count)).toEqual(list.map(({ count }) => count).toSorted((a, b) => b - a))
  // As many subjects as fit are counted exactly.
  expect(exact.size > size || list.every(({ subject, count }) => count === exact.get(subject))).toBe(true)
}

describe('a count is never under, and over by at most N / k', () => {
  test('for any stream', () => {
    const stream = fc.array(fc.integer({ min: 0, max: 40 }).map(String), { maxLength: 600 })
    fc.assert(fc.property(fc.integer({ min: 1, max: 30 }), stream, isWithinBounds), { numRuns: 400 })
  })

  test('for a few subjects among a crowd that comes once each', () => {
    const skewed = fc.tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 0, max: 3_000 }), fc.integer())
    fc.assert(
      fc.property(skewed, ([heavy, crowd, seed]) => {
        const stream = Array.from({ length: crowd }, (_, i) => `once-${(i * 7919 + seed) % 10_007}`)
        for (let i = 0; i < heavy; i++)
          for (let j = 0; j < crowd / 4; j++) stream.splice((j * 4 + i) % (stream.length + 1), 0, `heavy-${i}`)
        isWithinBounds(50, stream)
      }),
      { numRuns: 20 },
    )
  })

  test('for a stream that is ordered against it', () => {
    // Each new subject comes just when the last has become the lowest.
    isWithinBounds(
      10,
      Array.from({ length: 2_000 }, (_, i) => `s${i % 11}`),
    )
    isWithinBounds(
      10,
      Array.from({ length: 2_000 }, (_, i) => `s${Math.floor(i / 3)}`),
    )
  })
})

test('what is kept of a subject begins when the subject is kept', () => {
  const sketch = new SpaceSaving<string[]>(1, () => [])
  sketch.add('a').push('one')
  sketch.add('a').push('two')
  sketch.add('b').push('three')
  expect(sketch.list()).toMatchObject([{ subject: 'b', count: 3, excess: 2, detail: ['three'] }])
})

test('1,000 subjects take less than 1 MB, however many come', () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const sketch = new SpaceSaving(1_000, () => new Map<string, number>())
  collect()
  const before = process.memoryUsage().heapUsed
  for (let i = 0; i < 200_000; i++) sketch.add(`user:${i}`).set(`/route/${i % 8}`, 1)
  collect()
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(1_000_000)
  expect(sketch.list()).toHaveLength(1_000)
})
