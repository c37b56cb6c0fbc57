// What a region may use in mode `strict`: rights of windows, and fixed shares of limits whose units cannot move.
import { concurrency, fixedWindow, leakyBucket, type Limit, slidingLog, slidingWindow, tokenBucket } from '@sluice/core'
import { fakeClock } from '@sluice/testing'
import { expect, test } from 'vitest'
import { regions } from '../src/options.ts'
import type { RegionTransport } from '../src/transport.ts'
import { NO_SHARES, type ShareBook } from '../src/shares.ts'
import { StrictLimits } from '../src/strict-limits.ts'

const START = 1_767_225_600_000
const transport: RegionTransport = { publish: async () => undefined, subscribe: async () => async () => undefined }
const TABLE = { version: 1, from: START + 60_000, of: { eu: 0.8, us: 0.2 } }
const PROMISED: ShareBook = { promised: [TABLE], heard: { us: [1], eu: [1] } }

/** The limits of both regions at a time, which have read the book just before. */
function limitsAt(now: number, book: ShareBook | undefined): readonly StrictLimits[] {
  const clock = fakeClock(now)
  return ['eu', 'us'].map(
    (self) =>
      new StrictLimits({
        regions: regions({ self, all: ['eu', 'us'], transport, mode: 'strict' }),
        clock,
        shares: () => (book === undefined ? undefined : { book, readAt: now - 100 }),
      }),
  )
}

const numbersOf = (all: readonly StrictLimits[], limit: Limit, slack = 0): readonly number[] =>
  all.map((limits) => {
    const own = limits.limitOf(limit, slack)
    return own.rights ?? own.limit
  })

const minute = fixedWindow({ name: 'm', limit: 11, window: '1m' }).limit
const sliding = slidingWindow({ name: 's', limit: 11, window: '1m' }).limit
const month = fixedWindow({ name: 'month', limit: 11, window: 'month' }).limit

test.each([
  ['a fixed window', minute],
  ['a sliding window', sliding],
  ['a calendar window', month],
  ['a log', slidingLog({ name: 'l', limit: 11, window: '1m' }).limit],
  ['a bucket', tokenBucket({ name: 'b', limit: 11, window: '1m' }).limit],
  ['a queue', leakyBucket({ name: 'q', limit: 11, window: '1m', queue: true }).limit],
  ['concurrency', concurrency({ name: 'c', limit: 11, ttl: '1m' }).limit],
])('two regions have all of %s together', (_, limit) => {
  expect(numbersOf(limitsAt(START, NO_SHARES), limit)).toEqual([5, 6])
})

test('a limit keeps its name, and equal numbers are one object', () => {
  const [eu] = limitsAt(START, NO_SHARES) as [StrictLimits]
  expect(eu.limitOf(minute, 0)).toEqual({ ...minute, rights: 5 })
  expect(eu.limitOf(minute, 0)).toBe(eu.limitOf(minute, 0))
  const bucket = tokenBucket({ name: 'b', limit: 11, window: '1m', burst: 4 }).limit
  expect(eu.limitOf(bucket, 0)).toMatchObject({ limit: 5, burst: 2 })
  expect(eu.limitOf(bucket, 0)).toBe(eu.limitOf(bucket, 0))
})

test('before the first reading, and after the last one is too old, nothing may be used', () => {
  expect(numbersOf(limitsAt(START, undefined), minute)).toEqual([0, 0])
  const clock = fakeClock(START)
  const eu = new StrictLimits({
    regions: regions({ self: 'eu', all: ['eu', 'us'], transport, mode: 'strict' }),
    clock,
    shares: () => ({ book: NO_SHARES, readAt: START - 100 }),
  })
  expect(eu.limitOf(minute, 0).rights).toBe(5)
  clock.set(START + 120_000)
  expect(eu.limitOf(minute, 0).rights).toBe(0)
})

test('slack is added before the division, and no region has more than the limit', () => {
  expect(numbersOf(limitsAt(START, NO_SHARES), minute, 0.5)).toEqual([8, 8])
  const book = { promised: [{ version: 1, from: START - 600_000, of: { eu: 1, us: 0 } }], heard: { us: [1], eu: [1] } }
  expect(numbersOf(limitsAt(START, book), minute, 0.5)).toEqual([11, 0])
})

test('near the edge of a window with another table, the lesser rights hold on both sides', () => {
  const at = (ms: number): readonly number[] => numbersOf(limitsAt(TABLE.from + ms, PROMISED), minute)
  expect(at(-10_000)).toEqual([5, 6])
  expect(at(-1_000)).toEqual([5, 3])
  expect(at(1_000)).toEqual([5, 3])
  expect(at(10_000)).toEqual([8, 3])
})

test('a sliding window and a share shrink at once, and grow a window later', () => {
  const log = slidingLog({ name: 'l', limit: 11, window: '1m' }).limit
  for (const limit of [sliding, log]) {
    const at = (ms: number): readonly number[] => numbersOf(limitsAt(TABLE.from + ms, PROMISED), limit)
    expect(at(10_000)).toEqual([5, 3])
    expect(at(70_000)).toEqual([8, 3])
  }
})
