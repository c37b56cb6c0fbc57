import { expect } from 'vitest'
import { chargeOf, refundOf, fill, type Suite } from './suite.ts'
import { limitWith, allLimits, limits, meteredLimits, QUOTA, WINDOW } from './limits.ts'

/** Known faults of other limiters, each quoted as a title. More of them are in limit-changes.ts, subjects.ts and time.ts. */
export function traps({ test, testWithClock }: Suite): void {
  test('trap: A refused request drains the quota (or, of two limits, the one that had room).', async (harness) => {
    for (const [kind, limit] of meteredLimits) {
      const charge = chargeOf(limit, 1, { scope: `p+${kind}` })
      const other = chargeOf(limit, 1, { scope: `q+${kind}` })
      await harness.consumeOne({ ...charge, cost: QUOTA - 1 })
      for (let i = 0; i < 20; i++) {
        await harness.consumeOne({ ...charge, cost: 2 })
        await harness.consume([other, { ...charge, cost: 2 }])
      }
      expect(await harness.consumeOne(charge)).toMatchObject({ allowed: true, remaining: 0 })
      expect(await harness.peek(other)).toMatchObject({ remaining: QUOTA, resetAfter: 0 })
    }
  })

  test('trap: A costly request overdraws: limit 10, cost 7 twice, 14 admitted; or the refusal of cost 5 with 2 left stores −3.', async (harness) => {
    for (const [kind, limit] of meteredLimits) {
      const charge = chargeOf(limit, 1, { scope: `p+${kind}` })
      expect((await harness.consumeOne({ ...charge, cost: 7 })).allowed).toBe(true)
      expect((await harness.consumeOne({ ...charge, cost: 7 })).allowed).toBe(false)
      await harness.consumeOne(charge)
      expect(await harness.consumeOne({ ...charge, cost: 5 })).toMatchObject({ allowed: false, remaining: 2 })
      expect(await harness.consumeOne({ ...charge, cost: 2 })).toMatchObject({ allowed: true, remaining: 0 })
    }
  })

  testWithClock('trap: `limit: 1` in a sliding window never passes again.', async (harness) => {
    const charge = chargeOf(limitWith(limits.slidingWindow, { limit: 1 }))
    for (let i = 0; i < 5; i++) {
      const taken = await harness.consumeOne(charge)
      expect(taken).toMatchObject({ allowed: true, remaining: 0 })
      harness.clock.advance((await harness.consumeOne(charge)).retryAfter)
    }
  })

  test('trap: Remaining below 0. Remaining off by one on a fresh key because of floats.', async (harness) => {
    for (const [kind, limit] of allLimits) {
      const charge = chargeOf(limit, 1, { scope: `p+${kind}` })
      expect((await harness.consumeOne(charge)).remaining).toBe(QUOTA - 1)
      await fill(harness, charge, QUOTA - 1)
      for (let i = 0; i < 3; i++) expect((await harness.consumeOne(charge, { how: 'force' })).remaining).toBe(0)
      expect((await harness.consumeOne(charge)).remaining).toBe(0)
    }
    for (const limit of [3, 7, 49, 60, 1_000]) {
      const awkward = chargeOf(limitWith(limits.tokenBucket, { limit, window: 60_000 }), 1, { subject: `${limit}` })
      for (let left = limit - 1; left >= 0; left--) expect((await harness.consumeOne(awkward)).remaining).toBe(left)
      expect((await harness.consumeOne(awkward)).allowed).toBe(false)
    }
  })

  testWithClock('trap: Refund without bound; refund after expiry leaves a negative value without TTL.', async (harness) => {
    for (const [kind, limit] of meteredLimits) {
      const charge = chargeOf(limit, 3, { scope: `p+${kind}` })
      const taken = await harness.consumeOne(charge)
      await harness.consumeOne({ ...charge, cost: -1_000, receipt: taken.receipt })
      expect((await harness.peek(charge)).remaining).toBeLessThanOrEqual(QUOTA)
    }
    const receipts = await Promise.all(
      meteredLimits.map(async ([kind, limit]) => (await harness.consumeOne(chargeOf(limit, 3, { scope: `q+${kind}` }))).receipt),
    )
    harness.clock.advance(3 * 86_400_000)
    for (const [i, [kind, limit]] of meteredLimits.entries()) {
      const charge = chargeOf(limit, 3, { scope: `q+${kind}` })
      expect(await harness.consumeOne({ ...charge, cost: -3, receipt: receipts[i] })).toMatchObject({
        allowed: true,
        granted: 0,
        remaining: QUOTA,
        resetAfter: 0,
      })
      expect(await harness.consumeOne({ ...charge, cost: QUOTA })).toMatchObject({ allowed: true, remaining: 0 })
      expect((await harness.consumeOne(charge)).allowed).toBe(false)
    }
  })

  test('trap: Two hits with the same timestamp count once in a sorted set.', async (harness) => {
    const charge = chargeOf(limits.slidingLog)
    expect((await harness.consumeOne(charge)).remaining).toBe(QUOTA - 1)
    expect((await harness.consumeOne(charge)).remaining).toBe(QUOTA - 2)
    const [third, fourth] = await harness.consume([charge, charge])
    expect([third?.remaining, fourth?.remaining]).toEqual([QUOTA - 3, QUOTA - 4])
    expect(third?.receipt).not.toEqual(fourth?.receipt)
  })

  test("trap: A result object shared between requests: concurrent requests read each other's verdict.", async (harness) => {
    const charge = chargeOf(limitWith(limits.slidingWindow, { limit: 1 }))
    const [first, second] = await Promise.all([harness.consume([charge]), harness.consume([charge])])
    expect(first).not.toBe(second)
    expect(first[0]).not.toBe(second[0])
    expect([first[0]?.allowed, second[0]?.allowed].filter(Boolean)).toHaveLength(1)
  })

  testWithClock('trap: A refund after the window rolled over lands in the new one: the promise is broken.', async (harness) => {
    for (const limit of [limits.fixedWindow, limits.slidingWindow, limits.slidingLog]) {
      const charge = chargeOf(limit, QUOTA, { scope: `p+${limit.algorithm}` })
      const taken = await harness.consumeOne(charge)
      harness.clock.advance(2 * WINDOW)
      await harness.consumeOne(charge)
      await harness.consumeOne(refundOf(charge, taken))
      expect(await harness.consumeOne({ ...charge, cost: 1 })).toMatchObject({ allowed: false, remaining: 0 })
    }
  })

  testWithClock("trap: A late release frees somebody else's slot.", async (harness) => {
    const charge = chargeOf(limitWith(limits.concurrency, { limit: 1 }))
    const late = await harness.consumeOne(charge)
    harness.clock.advance(WINDOW)
    expect((await harness.consumeOne(charge)).allowed).toBe(true)
    expect(await harness.consumeOne(refundOf(charge, late))).toMatchObject({ allowed: true, granted: 0, remaining: 0 })
    expect((await harness.consumeOne(charge)).allowed).toBe(false)
  })

  test('trap: Two unnamed limiters on one store share a counter; a shadow policy spends the real one.', async (harness) => {
    const real = chargeOf(limits.slidingWindow)
    await fill(harness, { ...real, scope: `~${real.scope}` }, QUOTA)
    expect(await harness.peek(real)).toMatchObject({ remaining: QUOTA })
    await fill(harness, { ...real, scope: real.scope.replace('policy', 'other') }, QUOTA)
    expect(await harness.peek(real)).toMatchObject({ remaining: QUOTA })
  })

  test('trap: A batch that reads all keys and then writes all: one subject repeated in it is admitted without end.', async (harness) => {
    for (const [kind, limit] of allLimits) {
      const charge = chargeOf(limit, 1, { scope: `p+${kind}` })
      const tooMany = await harness.consume(Array.from({ length: QUOTA + 1 }, () => charge))
      expect(tooMany.some((outcome) => outcome?.allowed === false)).toBe(true)
      expect(await harness.peek(charge)).toMatchObject({ remaining: QUOTA })
      const all = await Promise.all(Array.from({ length: 2 * QUOTA }, () => harness.consume([charge])))
      expect(all.filter(([outcome]) => outcome?.allowed)).toHaveLength(QUOTA)
    }
  })

  test('trap: An error in the middle leaves half of it charged.', async (harness) => {
    const charge = chargeOf(limits.tokenBucket)
    const wrong = chargeOf(limits.fixedWindow, -1)
    expect(await harness.errorCodeOf([charge, wrong, charge])).toBe('ERR_RECEIPT_REQUIRED')
    expect(await harness.peek(charge)).toMatchObject({ remaining: QUOTA, resetAfter: 0 })
  })
}
