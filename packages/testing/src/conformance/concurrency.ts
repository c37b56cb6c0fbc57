import { expect } from 'vitest'
import { chargeOf, refundOf, fill, type Suite } from './suite.ts'
import { limitWith, limits, QUOTA, WINDOW } from './limits.ts'

/** Concurrency: a holder counts until it is released or expires. */
export function concurrencyHolders({ test, testWithClock }: Suite): void {
  const charge = chargeOf(limits.concurrency)

  test('concurrency: releasing a holder admits another', async (harness) => {
    const taken = await harness.consumeOne(charge)
    await fill(harness, charge, QUOTA - 1)
    expect((await harness.consumeOne(charge)).allowed).toBe(false)
    await harness.consumeOne(refundOf(charge, taken))
    expect(await harness.consumeOne(charge)).toMatchObject({ allowed: true, remaining: 0 })
  })

  test('concurrency: every holder has its own receipt', async (harness) => {
    const receipts = (await harness.consume([charge, charge, { ...charge, subject: 'bob' }])).map((outcome) => outcome?.receipt)
    expect(new Set(receipts).size).toBe(3)
  })

  test('concurrency: a receipt of one subject releases nothing for another subject', async (harness) => {
    const taken = await harness.consumeOne(charge)
    const bob = { ...charge, subject: 'bob' }
    await harness.consumeOne(bob)
    expect(await harness.consumeOne({ ...refundOf(bob, taken) })).toMatchObject({ granted: 0, remaining: QUOTA - 1 })
    expect((await harness.peek(charge)).remaining).toBe(QUOTA - 1)
  })

  testWithClock('concurrency: a holder expires after its ttl', async (harness) => {
    await fill(harness, charge, QUOTA)
    harness.clock.advance(WINDOW - 0.001)
    expect((await harness.peek(charge)).allowed).toBe(false)
    harness.clock.advance(0.001)
    expect(await harness.peek(charge)).toMatchObject({ allowed: true, remaining: QUOTA, resetAfter: 0 })
  })

  testWithClock('concurrency: renewing a holder extends it by its ttl and keeps its receipt', async (harness) => {
    const taken = await harness.consumeOne(charge)
    harness.clock.advance(WINDOW - 1)
    const renewed = await harness.consumeOne({ ...charge, receipt: taken.receipt })
    expect(renewed).toMatchObject({ allowed: true, granted: 1, remaining: QUOTA - 1, resetAfter: WINDOW, receipt: taken.receipt })
    harness.clock.advance(WINDOW - 1)
    expect((await harness.peek(charge)).remaining).toBe(QUOTA - 1)
    expect(await harness.consumeOne(refundOf(charge, taken))).toMatchObject({ granted: -1, remaining: QUOTA })
  })

  test('concurrency: a holder is renewed even when the limit is full', async (harness) => {
    const taken = await harness.consumeOne(charge)
    await fill(harness, charge, QUOTA - 1)
    expect(await harness.consumeOne({ ...charge, receipt: taken.receipt })).toMatchObject({ allowed: true, granted: 1, remaining: 0 })
    expect(await harness.consumeOne({ ...charge, receipt: taken.receipt }, { how: 'peek' })).toMatchObject({ allowed: true, remaining: 0 })
  })

  test('concurrency: a cost of 0 renews nothing, even with a receipt', async (harness) => {
    const taken = await harness.consumeOne(charge)
    await fill(harness, charge, QUOTA - 1)
    await harness.consumeOne(charge, { how: 'force' })
    expect(await harness.consumeOne({ ...charge, cost: 0, receipt: taken.receipt }, { how: 'force' })).toMatchObject({
      allowed: true,
      granted: 0,
    })
  })

  testWithClock('concurrency: an expired or released holder is not renewed', async (harness) => {
    const expired = await harness.consumeOne(charge)
    harness.clock.advance(WINDOW)
    const refused = await harness.consumeOne({ ...charge, receipt: expired.receipt })
    expect(refused).toMatchObject({ allowed: false, granted: 0, remaining: QUOTA })
    expect(refused.receipt).toBeUndefined()
    expect(refused.retryAfter).toBeGreaterThan(0)
    const released = await harness.consumeOne(charge)
    await harness.consumeOne(refundOf(charge, released))
    expect(await harness.consumeOne({ ...charge, receipt: released.receipt })).toMatchObject({ allowed: false, remaining: QUOTA })
  })

  testWithClock('concurrency: retryAfter is when the first holder expires, at most retryHint', async (harness) => {
    const pair = limitWith(limits.concurrency, { limit: 2, retryHint: 3_000 })
    await harness.consumeOne(chargeOf(pair))
    harness.clock.advance(1_000)
    await harness.consumeOne(chargeOf(pair))
    expect(await harness.consumeOne(chargeOf(pair))).toMatchObject({
      allowed: false,
      retryAfter: 3_000,
      nextAfter: 3_000,
      resetAfter: WINDOW,
    })
    harness.clock.advance(7_500.5)
    expect(await harness.consumeOne(chargeOf(pair))).toMatchObject({ allowed: false, retryAfter: 1_500 })
  })

  test('concurrency: a cost above 1 is refused with an error', async (harness) => {
    await harness.errorCodeOf([{ ...charge, cost: 2 }])
    expect((await harness.peek(charge)).remaining).toBe(QUOTA)
  })

  test('concurrency: a smaller limit ends no holder', async (harness) => {
    await fill(harness, charge, QUOTA)
    expect(await harness.peek(chargeOf(limitWith(limits.concurrency, { limit: 3 })))).toMatchObject({ allowed: false, remaining: 0 })
    expect(await harness.peek(chargeOf(limitWith(limits.concurrency, { limit: 12 })))).toMatchObject({ allowed: true, remaining: 2 })
  })
}
