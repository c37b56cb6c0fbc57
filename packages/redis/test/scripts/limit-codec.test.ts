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
