import { expect } from 'vitest'
import { chargeOf, refundOf, fill, type Suite } from './suite.ts'
import { limitWith, allLimits, limits, meteredLimits, receiptOnlyLimits, QUOTA, WINDOW } from './limits.ts'

/** A refund gives back at most what its receipt took, at most once, and only in the state that was charged. */
export function refunds({ test, testWithClock }: Suite): void {
  for (const [kind, limit] of allLimits) {
    const charge = chargeOf(limit)
    const two = kind === 'concurrency' ? charge : { ...charge, cost: 2 }

    test(`${kind}: a refund undoes a charge`, async (harness) => {
      // A queue refunds only charges that still wait, so other charges must be ahead of this one.
      await fill(harness, charge, 3)
      const before = await harness.state(charge)
      const taken = await harness.consumeOne(two)
      const given = await harness.consumeOne(refundOf(two, taken))
      expect(given).toMatchObject({ allowed: true, remaining: QUOTA - 3, retryAfter: 0, delay: 0, granted: -two.cost })
      expect(given.receipt).toBeUndefined()
      expect(await harness.state(charge)).toEqual(before)
    })

    test(`${kind}: a receipt survives JSON`, async (harness) => {
      await fill(harness, charge, 3)
      const taken = await harness.consumeOne(two)
      const receipt = JSON.parse(JSON.stringify(taken.receipt)) as typeof taken.receipt
      expect(['string', 'number']).toContain(typeof receipt)
      expect(await harness.consumeOne({ ...two, cost: -two.cost, receipt })).toMatchObject({ granted: -two.cost, remaining: QUOTA - 3 })
    })

    test(`${kind}: peeking at a refund refunds nothing`, async (harness) => {
      await fill(harness, charge, 3)
      const taken = await harness.consumeOne(two)
      const left = QUOTA - 3 - two.cost
      expect(await harness.consumeOne(refundOf(two, taken), { how: 'peek' })).toMatchObject({ allowed: true, remaining: left, granted: 0 })
      expect((await harness.peek(charge)).remaining).toBe(left)
    })

    test(`${kind}: a refund works on a limit that is past full`, async (harness) => {
      await fill(harness, charge, QUOTA)
      const forced = await harness.consumeOne(charge, { how: 'force' })
      await harness.consumeOne(refundOf(charge, forced))
      expect(await harness.peek(charge)).toMatchObject({ allowed: false, remaining: 0 })
    })
  }

  for (const [kind, limit] of meteredLimits) {
    const charge = chargeOf(limit)
    test(`${kind}: a refund is at most what its receipt took`, async (harness) => {
      await fill(harness, charge, 5)
      const taken = await harness.consumeOne({ ...charge, cost: 2 })
      expect(await harness.consumeOne({ ...charge, cost: -4, receipt: taken.receipt })).toMatchObject({ granted: -2, remaining: QUOTA - 5 })
    })
    test(`${kind}: a refund may be partial`, async (harness) => {
      await fill(harness, charge, 5)
      const taken = await harness.consumeOne({ ...charge, cost: 4 })
      expect(await harness.consumeOne({ ...charge, cost: -3, receipt: taken.receipt })).toMatchObject({ granted: -3, remaining: 4 })
    })
    test(`${kind}: Pd: a receipt gives back in parts, which add up to what it took`, async (harness) => {
      await fill(harness, charge, 3)
      const taken = await harness.consumeOne({ ...charge, cost: 4 })
      const parts: number[] = []
      for (const cost of [-1, -2, -1]) parts.push((await harness.consumeOne({ ...charge, cost, receipt: taken.receipt })).granted)
      // After its first part, the charge is no longer the last in the queue.
      const isQueue = kind === 'leakyBucket, queue'
      expect(parts).toEqual(isQueue ? [-1, 0, 0] : [-1, -2, -1])
      expect((await harness.peek(charge)).used).toBe(isQueue ? 6 : 3)
    })
  }

  for (const [kind, limit] of receiptOnlyLimits) {
    test(`${kind}: a refund without a receipt is an error with a code`, async (harness) => {
      const charge = chargeOf(limit)
      await harness.consumeOne(charge)
      const before = await harness.state(charge)
      expect(await harness.errorCodeOf([{ ...charge, cost: -1 }])).toBe('ERR_RECEIPT_REQUIRED')
      expect(await harness.state(charge)).toEqual(before)
    })
  }

  for (const kind of ['tokenBucket', 'leakyBucket, meter'] as const) {
    test(`${kind}: a refund without a receipt is clamped at a full bucket`, async (harness) => {
      const charge = chargeOf(limits[kind])
      await harness.consumeOne({ ...charge, cost: 3 })
      expect(await harness.consumeOne({ ...charge, cost: -1 })).toMatchObject({ allowed: true, granted: -1, remaining: QUOTA - 2 })
      expect(await harness.consumeOne({ ...charge, cost: -100 })).toMatchObject({
        allowed: true,
        granted: -2,
        remaining: QUOTA,
        resetAfter: 0,
      })
      expect(await harness.consumeOne({ ...charge, cost: -1 })).toMatchObject({ allowed: true, granted: 0, remaining: QUOTA })
    })
    testWithClock(`${kind}: a refund includes a fraction of a unit, so that the bucket is full`, async (harness) => {
      const charge = chargeOf(limits[kind])
      const taken = await harness.consumeOne(charge)
      harness.clock.advance(600)
      expect(await harness.consumeOne(refundOf(charge, taken))).toMatchObject({
        allowed: true,
        granted: 0,
        remaining: QUOTA,
        resetAfter: 0,
      })
    })
    test(`${kind}: a charge of a large plan is refunded completely under a small plan`, async (harness) => {
      const large = chargeOf(limitWith(limits[kind], { burst: 5 * QUOTA }))
      const small = chargeOf(limitWith(limits[kind], { limit: 1 }))
      // 50 units at 10 a window are five windows of time. At 1 a window that is 5 units, more than any debt.
      const taken = await harness.consumeOne({ ...large, cost: 5 * QUOTA })
      expect(await harness.consumeOne({ ...small, cost: -5, receipt: taken.receipt })).toMatchObject({
        granted: -5,
        remaining: 1,
        resetAfter: 0,
      })
    })
  }

  for (const kind of ['slidingLog', 'concurrency', 'leakyBucket, queue'] as const) {
    test(`${kind}: a receipt refunds once`, async (harness) => {
      const charge = chargeOf(limits[kind])
      await fill(harness, charge, 3)
      const taken = await harness.consumeOne(charge)
      expect(await harness.consumeOne(refundOf(charge, taken))).toMatchObject({ granted: -1, remaining: QUOTA - 3 })
      const before = await harness.state(charge)
      expect(await harness.consumeOne(refundOf(charge, taken))).toMatchObject({ allowed: true, granted: 0, remaining: QUOTA - 3 })
      expect(await harness.state(charge)).toEqual(before)
    })
  }

  test('slidingLog: a receipt refunds once, also when another charge has the same µs', async (harness) => {
    const charge = chargeOf(limits.slidingLog)
    const first = await harness.consumeOne(charge)
    await harness.consumeOne(refundOf(charge, first))
    await harness.consumeOne(charge)
    expect(await harness.consumeOne(refundOf(charge, first))).toMatchObject({ granted: 0, remaining: QUOTA - 1 })
  })

  testWithClock('fixedWindow: a refund works only while its window is current', async (harness) => {
    for (const kind of ['fixedWindow', 'fixedWindow, first'] as const) {
      const charge = chargeOf(limits[kind], 3, { scope: `p+${kind}` })
      const taken = await harness.consumeOne(charge)
      harness.clock.advance(WINDOW)
      expect(await harness.consumeOne(refundOf(charge, taken))).toMatchObject({ allowed: true, granted: 0, remaining: QUOTA })
      await harness.consumeOne(charge)
      expect(await harness.consumeOne(refundOf(charge, taken))).toMatchObject({ allowed: true, granted: 0, remaining: QUOTA - 3 })
      harness.clock.advance(5 * WINDOW)
    }
  })

  testWithClock('slidingWindow: a refund works in the current and the previous window, not in older ones', async (harness) => {
    const charge = chargeOf(limits.slidingWindow, 4)
    const first = await harness.consumeOne(charge)
    harness.clock.advance(WINDOW)
    const second = await harness.consumeOne(charge)
    expect(second.remaining).toBe(2)
    expect(await harness.consumeOne(refundOf(charge, first, 1))).toMatchObject({ granted: -1, remaining: 3 })
    expect(await harness.consumeOne(refundOf(charge, second, 4))).toMatchObject({ granted: -4, remaining: 7 })
    await harness.consumeOne(charge)
    harness.clock.advance(WINDOW)
    expect(await harness.consumeOne(refundOf(charge, first, 3))).toMatchObject({ granted: 0, remaining: 6 })
  })

  testWithClock('slidingLog: a refund removes its own entry, and nothing once that entry has expired', async (harness) => {
    const charge = chargeOf(limits.slidingLog, 4)
    const first = await harness.consumeOne(charge)
    harness.clock.advance(5_000)
    await harness.consumeOne(charge)
    harness.clock.advance(5_000)
    expect(await harness.consumeOne(refundOf(charge, first))).toMatchObject({ granted: 0, remaining: QUOTA - 4 })
  })

  testWithClock('slidingLog: a receipt from before a reset refunds nothing', async (harness) => {
    const charge = chargeOf(limits.slidingLog, 4)
    const before = await harness.consumeOne(charge)
    await harness.store.reset([charge])
    harness.clock.advance(1)
    await harness.consumeOne(charge)
    expect(await harness.consumeOne(refundOf(charge, before))).toMatchObject({ granted: 0, remaining: QUOTA - 4 })
  })

  test('leakyBucket, queue: only the last charge in the queue can be refunded', async (harness) => {
    const charge = chargeOf(limits['leakyBucket, queue'], 2)
    await harness.consumeOne(charge)
    const second = await harness.consumeOne(charge)
    await harness.consumeOne(charge)
    expect(await harness.consumeOne(refundOf(charge, second))).toMatchObject({ allowed: true, granted: 0, remaining: QUOTA - 6 })
  })

  testWithClock('leakyBucket, queue: a charge whose delay has passed is not refunded', async (harness) => {
    const charge = chargeOf(limits['leakyBucket, queue'], 2)
    await harness.consumeOne(charge)
    const second = await harness.consumeOne(charge)
    expect(second.delay).toBe(2_000)
    harness.clock.advance(1_999.999)
    expect(await harness.consumeOne(refundOf(charge, second), { how: 'peek' })).toMatchObject({ granted: 0 })
    harness.clock.advance(0.001)
    const before = await harness.state(charge)
    expect(await harness.consumeOne(refundOf(charge, second))).toMatchObject({ allowed: true, granted: 0 })
    expect(await harness.state(charge)).toEqual(before)
  })

  test('a forged receipt is refused with a code or refunds nothing', async (harness) => {
    for (const limit of Object.values(limits)) {
      const charge = chargeOf(limit)
      await harness.consumeOne(charge)
      const before = await harness.state(charge)
      for (const receipt of [0.5, 5e-324, '~~', '~{}', '1:2:3', 'nonsense']) {
        const result: unknown = await harness.consumeOne({ ...charge, cost: -1, receipt }).catch((error: unknown) => error)
        if (result instanceof Error) expect(result).toMatchObject({ code: 'ERR_RECEIPT_INVALID' })
        else expect(result).toMatchObject({ granted: expect.closeTo(0, 20) as number })
      }
      expect(await harness.state(charge)).toEqual(before)
    }
  })
}
