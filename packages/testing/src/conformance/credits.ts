import { expect } from 'vitest'
import { limits, meteredLimits, QUOTA, WINDOW } from './limits.ts'
import { chargeOf, refundOf, fill, type Suite } from './suite.ts'

const CREDIT = { how: 'credit' } as const

/** A credit gives back what is counted now, without a receipt, and never more. */
export function credits({ test, testWithClock }: Suite): void {
  for (const [kind, limit] of meteredLimits.filter(([name]) => name !== 'leakyBucket, queue')) {
    const charge = chargeOf(limit)

    test(`${kind}: Pd: a credit gives units back without a receipt`, async (harness) => {
      await fill(harness, charge, 6)
      const given = await harness.consumeOne({ ...charge, cost: -4 }, CREDIT)
      expect(given).toMatchObject({ allowed: true, granted: -4, remaining: QUOTA - 2, used: 2, retryAfter: 0, delay: 0 })
      expect(given.receipt).toBeUndefined()
      expect((await harness.peek(charge)).used).toBe(2)
    })

    test(`${kind}: a credit never gives back more than is counted`, async (harness) => {
      await fill(harness, charge, 3)
      const given = await harness.consumeOne({ ...charge, cost: -1_000_000 }, CREDIT)
      expect(given).toMatchObject({ allowed: true, granted: -3, remaining: QUOTA, used: 0, nextAfter: 0, resetAfter: 0 })
      expect((await harness.consumeOne({ ...charge, cost: QUOTA })).allowed).toBe(true)
      expect((await harness.consumeOne(charge)).allowed).toBe(false)
    })

    test(`${kind}: a credit of an unused subject changes nothing`, async (harness) => {
      const before = await harness.state(charge)
      expect(await harness.consumeOne({ ...charge, cost: -5 }, CREDIT)).toMatchObject({ allowed: true, granted: 0, remaining: QUOTA })
      expect(await harness.state(charge)).toEqual(before)
      expect(await harness.store.reset([charge])).not.toBe(true)
    })

    test(`${kind}: a credit of 0 units changes nothing, also past the limit`, async (harness) => {
      await harness.consumeOne({ ...charge, cost: QUOTA }, { how: 'force' })
      await harness.consumeOne(charge, { how: 'force' })
      const before = await harness.state(charge)
      expect(await harness.consumeOne({ ...charge, cost: 0 }, CREDIT)).toMatchObject({ allowed: true, granted: 0, remaining: 0 })
      expect(await harness.state(charge)).toEqual(before)
    })

    test(`${kind}: a credit pays a debt first`, async (harness) => {
      await harness.consumeOne({ ...charge, cost: QUOTA + 4 }, { how: 'force' })
      expect(await harness.consumeOne({ ...charge, cost: -3 }, CREDIT)).toMatchObject({ granted: -3, remaining: 0, used: QUOTA + 1 })
      expect(await harness.consumeOne({ ...charge, cost: -3 }, CREDIT)).toMatchObject({ granted: -3, remaining: 2, used: QUOTA - 2 })
    })
  }

  test('a credit of several limits and subjects is one decision', async (harness) => {
    const kinds = ['fixedWindow', 'slidingWindow', 'slidingLog', 'tokenBucket'] as const
    const charges = kinds.map((kind) => chargeOf(limits[kind], 5, { scope: `policy+${kind}.${limits[kind].algorithm}` }))
    await harness.consume(charges)
    const other = { ...(charges[0] as (typeof charges)[number]), subject: 'bob' }
    const given = await harness.consume(
      [...charges, other].map((charge, i) => ({ ...charge, cost: -1 - i })),
      CREDIT,
    )
    expect(given.map((outcome) => outcome?.granted)).toEqual([-1, -2, -3, -4, 0])
    expect(given.map((outcome) => outcome?.used)).toEqual([4, 3, 2, 1, 0])
  })

  test('two credits of one decision on one state give back the sum', async (harness) => {
    for (const kind of ['fixedWindow', 'slidingLog', 'tokenBucket'] as const) {
      const charge = chargeOf(limits[kind], 1, { scope: `p+${kind}.${limits[kind].algorithm}` })
      for (let i = 0; i < 8; i++) await harness.consumeOne(charge)
      const given = await harness.consume(
        [
          { ...charge, cost: -3 },
          { ...charge, cost: -4 },
        ],
        CREDIT,
      )
      expect(given.map((outcome) => [outcome?.granted, outcome?.used])).toEqual([
        [-3, 5],
        [-4, 1],
      ])
    }
  })

  for (const kind of ['concurrency', 'leakyBucket, queue'] as const) {
    test(`${kind}: a credit is an error with a code, since each unit belongs to a request`, async (harness) => {
      const charge = chargeOf(limits[kind])
      await harness.consumeOne(charge)
      const before = await harness.state(charge)
      expect(await harness.errorCodeOf([{ ...charge, cost: -1 }], CREDIT)).toBe('ERR_RECEIPT_REQUIRED')
      expect(await harness.state(charge)).toEqual(before)
    })
  }

  testWithClock('slidingWindow: a credit takes from this window first, then from the window before', async (harness) => {
    const charge = chargeOf(limits.slidingWindow, 4)
    await harness.consumeOne(charge)
    harness.clock.advance(WINDOW)
    await harness.consumeOne({ ...charge, cost: 3 })
    expect(await harness.consumeOne({ ...charge, cost: -5 }, CREDIT)).toMatchObject({ granted: -5, used: 2 })
    harness.clock.advance(WINDOW)
    expect((await harness.peek(charge)).used).toBe(0)
  })

  testWithClock('slidingWindow: units of the window before count in part, and come back in part', async (harness) => {
    const charge = chargeOf(limits.slidingWindow, 8)
    await harness.consumeOne(charge)
    harness.clock.advance(WINDOW + WINDOW / 2)
    expect((await harness.peek(charge)).used).toBe(4)
    expect(await harness.consumeOne({ ...charge, cost: -4 }, CREDIT)).toMatchObject({ granted: -4, used: 2 })
  })

  testWithClock('slidingLog: a credit takes the newest entries first', async (harness) => {
    const charge = chargeOf(limits.slidingLog, 3)
    for (let i = 0; i < 3; i++) {
      await harness.consumeOne(charge)
      harness.clock.advance(1_000)
    }
    // Left: 3 of the first entry, 1 of the second.
    expect(await harness.consumeOne({ ...charge, cost: -5 }, CREDIT)).toMatchObject({ granted: -5, used: 4, resetAfter: WINDOW - 2_000 })
    harness.clock.advance(WINDOW - 3_000)
    expect((await harness.peek(charge)).used).toBe(1)
    harness.clock.advance(1_000)
    expect((await harness.peek(charge)).used).toBe(0)
  })

  test('slidingLog: after a credit, the receipt of a removed entry gives back nothing', async (harness) => {
    const charge = chargeOf(limits.slidingLog)
    await harness.consumeOne(charge)
    const second = await harness.consumeOne(charge)
    await harness.consumeOne({ ...charge, cost: -1 }, CREDIT)
    await harness.consumeOne(charge)
    expect(await harness.consumeOne(refundOf(charge, second))).toMatchObject({ granted: 0, remaining: QUOTA - 2 })
  })

  testWithClock('a credit after the window has ended changes nothing', async (harness) => {
    for (const kind of ['fixedWindow', 'fixedWindow, first', 'slidingLog'] as const) {
      const charge = chargeOf(limits[kind], 3, { scope: `p+${kind.length}.${limits[kind].algorithm}` })
      await harness.consumeOne(charge)
      harness.clock.advance(2 * WINDOW)
      expect(await harness.consumeOne({ ...charge, cost: -3 }, CREDIT)).toMatchObject({ granted: 0, used: 0, remaining: QUOTA })
    }
  })
}
