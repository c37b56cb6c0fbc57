import { expect, test } from 'vitest'
import { count, duration, fromNow, ms, plural } from '../lib/format.ts'

test('durations name their two largest units', () => {
  expect([0, 999, 61_000, 3_600_000, 3_660_000, 90_000_000, 172_800_000].map(duration)).toEqual([
    '0 s',
    '1 s',
    '1 min 1 s',
    '1 h',
    '1 h 1 min',
    '1 d 1 h',
    '2 d',
  ])
})

test('times from now', () => {
  expect(fromNow(1000, 1000)).toBe('now')
  expect(fromNow(1000, 61_000)).toBe('1 min ago')
  expect(fromNow(61_000, 1000)).toBe('in 1 min')
  expect(fromNow(null)).toBe('–')
})

test('numbers', () => {
  expect([0, 0.25, 12.6, 12_345, 1_234_567].map(count)).toEqual(['0', '0.25', '13', '12,345', '1.2M'])
  expect([0.123, 4.56, 120.4, 2500, null].map(ms)).toEqual(['0.12 ms', '4.6 ms', '120 ms', '3 s', '–'])
  expect([plural(1, 'policy', 'policies'), plural(2, 'policy', 'policies')]).toEqual(['1 policy', '2 policies'])
})
