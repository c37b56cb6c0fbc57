import { concurrency, fixedWindow, type Limit, leakyBucket, slidingLog, slidingWindow, tokenBucket } from '@sluice/core'
import { expect, test } from 'vitest'
import type { Placement } from '../../src/keys.ts'
import { LimitList } from '../../src/scripts/limit-codec.ts'

const encoded = (limit: Limit) => {
  const list = new LimitList(1_800_000_000_000)
  list.indexOf({ limit, id: 1 } as Placement)
  return list.encoded
}

test.each([
  (label?: string) => fixedWindow({ name: 'a', label, limit: 1, window: 'month' }),
  (label?: string) => slidingWindow({ name: 'a', label, limit: 1, window: '1m' }),
  (label?: string) => slidingLog({ name: 'a', label, limit: 1, window: '1m' }),
  (label?: string) => tokenBucket({ name: 'a', label, limit: 1, window: '1m' }),
  (label?: string) => leakyBucket({ name: 'a', label, limit: 1, window: '1m' }),
  (label?: string) => concurrency({ name: 'a', label, limit: 1, ttl: '1m' }),
])('Pj: no label is sent to Redis: limit %#', (limitOf) => {
  expect(encoded(limitOf('5-in-2hrs').limit)).toEqual(encoded(limitOf().limit))
  expect(JSON.stringify(encoded(limitOf('5-in-2hrs').limit))).not.toContain('5-in-2hrs')
})

test('windows of which a region uses a part have the whole limit behind all numbers of a window, and others are sent as before', () => {
  const sliding = slidingWindow({ name: 'a', limit: 10, window: '1m' }).limit
  const fixed = fixedWindow({ name: 'a', limit: 10, window: '1m' }).limit
  const month = fixedWindow({ name: 'a', limit: 10, window: 'month' }).limit
  const nothing = (count: number): readonly false[] => Array.from({ length: count }, () => false)
  expect(encoded({ ...sliding, rights: 4 })).toEqual([['s', 1, 4, 60_000, ...nothing(7), 10]])
  expect(encoded({ ...fixed, rights: 4 })).toEqual([['f', 1, 4, 0, 60_000, ...nothing(6), 10]])
  const [plain] = encoded(month)
  expect(encoded({ ...month, rights: 4 })).toEqual([['f', 1, 4, ...(plain?.slice(3) ?? []), ...nothing(3), 10]])
  expect(encoded(sliding)).toEqual([['s', 1, 10, 60_000]])
  expect(encoded(fixed)).toEqual([['f', 1, 10, 0, 60_000]])
})
