// Which limits are never leased.
import { concurrency, fixedWindow, leakyBucket, leases, slidingLog, tokenBucket } from '@sluice/core'
import { expect, test } from 'vitest'
import { charge, consumeOne, lab, leasingStore, requests } from './lab.ts'

test.each([
  ['a log', slidingLog({ name: 'log', limit: 900, window: '1s' }).limit],
  ['a leaky bucket', leakyBucket({ name: 'leaky', limit: 900, window: '1s' }).limit],
  ['a growing delay', fixedWindow({ name: 'slow', limit: 900, window: '1s', delay: { after: 1, step: 1 } }).limit],
  ['holders', concurrency({ name: 'holders', limit: 900, ttl: '1s' }).limit],
  ['a small limit', tokenBucket({ name: 'small', limit: 19, window: '1s' }).limit],
  ['a slow limit', fixedWindow({ name: 'slow', limit: 100_000, window: '1d' }).limit],
  ['a window under 4 leases', fixedWindow({ name: 'short', limit: 10_000, window: 999 }).limit],
  ['a bucket that is full again within 4 leases', tokenBucket({ name: 'quick', limit: 10_000, window: '1s', burst: 9_000 }).limit],
])('%s', async (_, limit) => {
  const store = leases(leasingStore(), { clock: lab.clock })
  for (let i = 0; i < 200; i++) await consumeOne(store, charge(limit))
  expect(requests()).toEqual([])
  expect(lab.clock.pending).toBe(0)
})
