import type { Charge } from '@sluice/core'
import { expect } from 'vitest'
import { chargeOf, fill, type Suite } from './suite.ts'
import { limitWith, limits, QUOTA, windowLimits } from './limits.ts'

const MINUTE = 60_000

/** Another quota over the same state, and charges past the quota. A bucket keeps the used share; a window keeps its count. */
export function limitChanges({ test, testWithClock }: Suite): void {
  const perMinute = (limit: number): Charge => chargeOf(limitWith(limits.tokenBucket, { limit, window: MINUTE, name: 'plan' }))

  test('trap: A plan change turns 1 token left into 10, or 10 into 0, because the state counts tokens.', async (harness) => {
    await harness.consumeOne({ ...perMinute(7), cost: 6 })
    expect((await harness.peek(perMinute(7))).remaining).toBe(1)
    expect((await harness.peek(perMinute(10))).remaining).toBe(1)
    await harness.store.reset([perMinute(7)])
    await harness.consumeOne({ ...perMinute(60), cost: 50 })
    expect((await harness.peek(perMinute(60))).remaining).toBe(10)
    expect((await harness.peek(perMinute(61))).remaining).toBe(10)
  })

  test('tokenBucket: used tokens take the same time to refill under every plan', async (harness) => {
    await harness.consumeOne({ ...perMinute(60), cost: 30 })
    for (const plan of [1, 7, 60, 61, 1000])
      expect(await harness.peek(perMinute(plan))).toMatchObject({ remaining: Math.floor(plan / 2), resetAfter: 30_000 })
  })

  testWithClock('tokenBucket: switching between plans yields no tokens', async (harness) => {
    await harness.consumeOne({ ...perMinute(7), cost: 7 })
    for (let i = 0; i < 50; i++) {
      harness.clock.advance(0.001)
      for (const plan of [10, 7, 60, 61]) expect((await harness.consumeOne(perMinute(plan))).allowed).toBe(false)
    }
  })

  for (const kind of ['fixedWindow', 'slidingWindow', 'slidingLog'] as const) {
    test(`trap: Counts capped to a smaller limit are a refund for the larger. (${kind})`, async (harness) => {
      const five = chargeOf(limitWith(limits[kind], { limit: 5 }))
      await harness.consumeOne(chargeOf(limits[kind], 8))
      expect(await harness.peek(five)).toMatchObject({ allowed: false, remaining: 0 })
      expect((await harness.consumeOne(five, { how: 'force' })).remaining).toBe(0)
      expect((await harness.peek(chargeOf(limits[kind]))).remaining).toBe(1)
      expect((await harness.peek(chargeOf(limitWith(limits[kind], { limit: 20 })))).remaining).toBe(11)
    })
  }

  for (const [kind, limit] of windowLimits) {
    test(`${kind}: a larger limit leaves more units at once`, async (harness) => {
      await fill(harness, chargeOf(limit), QUOTA)
      expect(await harness.consumeOne(chargeOf(limitWith(limit, { limit: 15 }), 5))).toMatchObject({ allowed: true, remaining: 0 })
      expect((await harness.peek(chargeOf(limit))).allowed).toBe(false)
    })
  }

  for (const kind of ['tokenBucket', 'leakyBucket, meter'] as const) {
    test(`${kind}: forced charges leave a debt of at most the burst, which has to refill`, async (harness) => {
      const charge = chargeOf(limits[kind])
      expect(await harness.consumeOne({ ...charge, cost: 1_000_000 }, { how: 'force' })).toMatchObject({
        allowed: true,
        granted: 2 * QUOTA,
        remaining: 0,
        resetAfter: 20_000,
      })
      const before = await harness.state(charge)
      const again = await harness.consumeOne(charge, { how: 'force' })
      expect(again).toMatchObject({ allowed: true, granted: 0 })
      expect(again.receipt).toBeUndefined()
      expect(await harness.state(charge)).toEqual(before)
      expect((await harness.consumeOne(charge)).retryAfter).toBe(11_000)
    })
  }

  test('tokenBucket: the option debt bounds the debt; 0 allows none', async (harness) => {
    for (const [debt, granted] of [
      [0, QUOTA],
      [3, QUOTA + 3],
    ] as const) {
      const limit = limitWith(limits.tokenBucket, { debt })
      expect(await harness.consumeOne(chargeOf(limit, 100, { subject: `${debt}` }), { how: 'force' })).toMatchObject({ granted })
    }
  })

  testWithClock('tokenBucket: a forced charge with less than one unit of debt left takes the rest and grants 0', async (harness) => {
    const charge = chargeOf(limits.tokenBucket)
    await harness.consumeOne({ ...charge, cost: 2 * QUOTA }, { how: 'force' })
    harness.clock.advance(400)
    const forced = await harness.consumeOne(charge, { how: 'force' })
    expect(forced).toMatchObject({ allowed: true, granted: 0, resetAfter: 20_000 })
    expect((await harness.peek(charge)).resetAfter).toBe(forced.resetAfter)
  })

  test('slidingLog: forced charges leave a debt of at most the limit', async (harness) => {
    const charge = chargeOf(limits.slidingLog)
    expect(await harness.consumeOne({ ...charge, cost: 1_000_000 }, { how: 'force' })).toMatchObject({
      allowed: true,
      granted: 2 * QUOTA,
      remaining: 0,
    })
    const before = await harness.state(charge)
    expect(await harness.consumeOne(charge, { how: 'force' })).toMatchObject({ allowed: true, granted: 0, receipt: undefined })
    expect(await harness.state(charge)).toEqual(before)
  })

  test('fixedWindow and slidingWindow: counts saturate instead of overflowing', async (harness) => {
    for (const limit of [limits.fixedWindow, limits.slidingWindow]) {
      const huge = chargeOf(limit, Number.MAX_SAFE_INTEGER, { subject: limit.algorithm })
      await harness.consumeOne(huge, { how: 'force' })
      expect(await harness.consumeOne(huge, { how: 'force' })).toMatchObject({ allowed: true, granted: 0, remaining: 0 })
      expect((await harness.consumeOne({ ...huge, cost: 1 })).allowed).toBe(false)
    }
  })

  testWithClock('a debt ends with its window in fixedWindow, one window later in slidingWindow', async (harness) => {
    const fixed = chargeOf(limits.fixedWindow)
    const sliding = chargeOf(limits.slidingWindow)
    await harness.consume(
      [fixed, sliding].map((charge) => ({ ...charge, cost: 5 * QUOTA })),
      { how: 'force' },
    )
    harness.clock.advance(10_000)
    expect(await harness.peek(fixed)).toMatchObject({ allowed: true, remaining: QUOTA })
    expect(await harness.peek(sliding)).toMatchObject({ allowed: false, remaining: 0 })
    harness.clock.advance(10_000)
    expect(await harness.peek(sliding)).toMatchObject({ allowed: true, remaining: QUOTA })
  })
}
