import type { Limit } from '@sluice/core'
import { expect, test } from 'vitest'
import { calendarWindow } from '../../src/model/calendar.ts'
import { createModel, type Model } from '../../src/model/model.ts'

// Expected values computed by hand from docs/algorithms.md. They test the model itself.

const decide = (model: Model, limit: Limit, cost: number, ms: number, more: object = {}): unknown =>
  model.consume([{ limit, scope: 's', subject: 'a', cost, ...more }], {}, ms * 1000)[0]

const limitOf = (algorithm: Limit['algorithm'], limit: number, window: Limit['window'], more: Partial<Limit> = {}): Limit => ({
  algorithm,
  name: 'n',
  limit,
  window,
  ...more,
})

test('sliding window: x = ⌈prev·(W − e)/W⌉, rounded up, and both branches of retryAfter', () => {
  const model = createModel()
  const limit = limitOf('slidingWindow', 10, 1_000)
  decide(model, limit, 7, 500)
  // e = 300: x = ⌈7·700/1000⌉ = 5.
  expect(decide(model, limit, 3, 1_300)).toMatchObject({ allowed: true, remaining: 2, resetAfter: 1_700 })
  // W − e − ⌊(L − cur − cost)·W/prev⌋ = 1000 − 300 − ⌊(10 − 3 − 4)·1000/7⌋ = 700 − 428.
  expect(decide(model, limit, 4, 1_300)).toMatchObject({ allowed: false, retryAfter: 272 })
  // cur + cost > L: 2W − e − ⌊(L − cost)·W/cur⌋ = 2000 − 300 − ⌊2·1000/3⌋ = 1700 − 666.
  expect(decide(model, limit, 8, 1_300)).toMatchObject({ allowed: false, retryAfter: 1_034 })
  expect(decide(model, limit, 11, 1_300)).toMatchObject({ allowed: false, retryAfter: Infinity })
})

test('buckets: the time until full and the rest of credits, also under another rate', () => {
  const model = createModel()
  const seven = limitOf('tokenBucket', 7, 60_000)
  // N = 7, P = 60,000,000: two tokens are 120,000,000 credits, ⌊120,000,000 / 7⌋ = 17,142,857 µs and a rest of 1.
  expect(decide(model, seven, 2, 0)).toMatchObject({ remaining: 5, nextAfter: 8_572, resetAfter: 17_143 })
  // Under N = 1, P = 6,000,000 (10 a minute): f = 17,142,858: ⌊(60,000,000 − 17,142,858) / 6,000,000⌋ = 7.
  expect(decide(model, limitOf('tokenBucket', 10, 60_000), 0, 0)).toMatchObject({ remaining: 7, resetAfter: 17_143 })
})

test('buckets: forced charges leave at most cap + D·P missing, and granted counts whole units', () => {
  const model = createModel()
  const limit = limitOf('tokenBucket', 1, 1_000, { burst: 2, debt: 1 })
  const forced = (cost: number, ms: number): unknown =>
    model.consume([{ limit, scope: 's', subject: 'a', cost }], { how: 'force' }, ms * 1000)[0]
  expect(forced(9, 0)).toMatchObject({ allowed: true, granted: 3, resetAfter: 3_000 })
  expect(forced(1, 0)).toMatchObject({ granted: 0, receipt: undefined, resetAfter: 3_000 })
  expect(forced(1, 400)).toMatchObject({ granted: 0, receipt: undefined, resetAfter: 3_000 })
})

test('leaky bucket as a queue: delay = ⌈x/N⌉ before the charge; burst = ⌊rate·maxDelay⌋ + 1', () => {
  const model = createModel()
  const limit = limitOf('leakyBucket', 3, 1_000, { queue: true })
  // ⌊3 a second · 1 s⌋ + 1 = 4.
  expect([0, 1, 2, 3, 4].map(() => decide(model, limit, 1, 0))).toMatchObject([
    { allowed: true, delay: 0, remaining: 3 },
    { allowed: true, delay: 334, remaining: 2 },
    { allowed: true, delay: 667, remaining: 1 },
    { allowed: true, delay: 1_000, remaining: 0 },
    { allowed: false, delay: 0, retryAfter: 334 },
  ])
})

test('sliding log: an entry counts while its time > now − W', () => {
  const model = createModel()
  const limit = limitOf('slidingLog', 2, 1_000)
  decide(model, limit, 1, 0)
  decide(model, limit, 1, 400.5)
  expect(decide(model, limit, 1, 999.999)).toMatchObject({ allowed: false, retryAfter: 1 })
  expect(decide(model, limit, 1, 1_000)).toMatchObject({ allowed: true, remaining: 0, nextAfter: 401, resetAfter: 1_000 })
})

test('fixed window: the end of the window, and a window that starts ahead of now', () => {
  const model = createModel()
  const limit = limitOf('fixedWindow', 2, 1_000)
  expect(decide(model, limit, 2, 9_250)).toMatchObject({ remaining: 0, resetAfter: 750 })
  expect(decide(model, limit, 1, 8_990)).toMatchObject({ allowed: false, retryAfter: 1_010 })
  expect(decide(model, limit, 1, 3_999)).toMatchObject({ allowed: false, retryAfter: 1 })
})

test('all or nothing: an allowed outcome of a refused decision shows its own state alone', () => {
  const model = createModel()
  const limit = limitOf('fixedWindow', 5, 1_000)
  const charge = (subject: string, cost: number): never => ({ limit, scope: 's', subject, cost }) as never
  const outcomes = model.consume([charge('a', 2), charge('a', 2), charge('b', 6)], {}, 0)
  expect(outcomes).toMatchObject([
    { allowed: true, remaining: 5, granted: 0 },
    { allowed: true, remaining: 5, granted: 0 },
    { allowed: false, remaining: 5, retryAfter: Infinity },
  ])
  expect(outcomes.every((outcome) => outcome?.receipt === undefined)).toBe(true)
})

test('the calendar: days of 23, 24½ and 25 hours, months, weeks, a skipped date', () => {
  const hours = (iso: string, window: 'day' | 'week' | 'month', zone: string): readonly [string, number] => {
    const { start, end } = calendarWindow(BigInt(Date.parse(iso)), window, zone)
    return [new Date(Number(start)).toISOString().slice(0, 16), Number(end - start) / 3_600_000]
  }
  expect(hours('2026-03-29T12:00Z', 'day', 'Europe/Berlin')).toEqual(['2026-03-28T23:00', 23])
  expect(hours('2026-10-25T12:00Z', 'day', 'Europe/Berlin')).toEqual(['2026-10-24T22:00', 25])
  expect(hours('2026-04-05T00:00Z', 'day', 'Australia/Lord_Howe')).toEqual(['2026-04-04T13:00', 24.5])
  expect(hours('2026-03-08T12:00Z', 'day', 'America/Havana')).toEqual(['2026-03-08T05:00', 23])
  expect(hours('2011-12-30T05:00Z', 'day', 'Pacific/Apia')).toEqual(['2011-12-29T10:00', 24])
  expect(hours('2011-12-30T10:00Z', 'day', 'Pacific/Apia')).toEqual(['2011-12-30T10:00', 24])
  // A date that lasted one minute, ended, and started again an hour later.
  expect(hours('2009-11-01T12:00Z', 'month', 'America/St_Johns')).toEqual(['2009-11-01T02:30', 30 * 24 + 1])
  expect(hours('2026-11-01T00:00Z', 'week', 'UTC')).toEqual(['2026-10-26T00:00', 168])
  expect(hours('1969-12-31T00:00Z', 'week', 'UTC')).toEqual(['1969-12-29T00:00', 168])
  expect(hours('2028-02-10T00:00Z', 'month', 'UTC')).toEqual(['2028-02-01T00:00', 29 * 24])
})
