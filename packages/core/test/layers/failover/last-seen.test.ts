// Where the local share begins.
import { tokenBucket } from '@sluice/core'
import { expect, test } from 'vitest'
import { charge, consumeNow, consumeOne, HUNDRED, openBreaker, setUp } from './lab.ts'

test('a subject with less than half left begins with its share of that; others begin with the full share', async () => {
  const at = setUp({ instances: 2 })
  const bucket = tokenBucket({ name: 'bucket', limit: 60, window: '1m' }).limit
  await consumeOne(at.store, charge('little', HUNDRED, 80))
  await consumeOne(at.store, charge('much', HUNDRED, 40))
  await consumeOne(at.store, charge('refilled', bucket, 60))
  await openBreaker(at)
  expect(consumeNow(at.store, charge('little', HUNDRED, 0))).toMatchObject({ remaining: 10 })
  expect(consumeNow(at.store, charge('much', HUNDRED, 0))).toMatchObject({ remaining: 50 })
  at.clock.advance(20_000)
  expect(consumeNow(at.store, charge('refilled', bucket, 0))?.remaining).toBe(10)
})

test('an observation from more than a second before the outage is not used', async () => {
  const at = setUp({ instances: 2 })
  await consumeOne(at.store, charge('a', HUNDRED, 80))
  at.clock.advance(1_500)
  await openBreaker(at)
  expect(consumeNow(at.store, charge('a', HUNDRED, 0))).toMatchObject({ remaining: 50 })
})
