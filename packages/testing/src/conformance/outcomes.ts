import { expect } from 'vitest'
import { chargeOf, fill, type Suite } from './suite.ts'
import { limitWith, allLimits, meteredLimits, QUOTA } from './limits.ts'

/** What holds for every algorithm: the fields of an outcome, and the effects of a refusal, a peek and a forced charge. */
export function outcomes({ test, testWithClock }: Suite): void {
  for (const [kind, limit] of allLimits) {
    const charge = chargeOf(limit)

    test(`${kind}: a new subject has the whole quota`, async (harness) => {
      const outcome = await harness.peek(charge)
      expect(outcome).toMatchObject({
        allowed: true,
        remaining: QUOTA,
        used: 0,
        retryAfter: 0,
        nextAfter: 0,
        resetAfter: 0,
        delay: 0,
        leaseFor: 0,
        granted: 1,
      })
      expect(outcome.receipt).toBeUndefined()
      expect(outcome.held).toBeUndefined()
    })

    testWithClock(`${kind}: an outcome has the name of the store and its time in µs`, async (harness) => {
      harness.clock.set(1_700_000_000_123.456)
      const outcome = await harness.consumeOne(charge)
      expect(outcome.source).toBe(harness.store.name)
      expect(outcome.at).toBe(1_700_000_000_123_456)
    })

    test(`${kind}: admits exactly the quota, then refuses`, async (harness) => {
      for (let left = QUOTA - 1; left >= 0; left--) {
        const outcome = await harness.consumeOne(charge)
        expect(outcome).toMatchObject({ allowed: true, remaining: left, used: QUOTA - left, retryAfter: 0, granted: 1 })
        expect(outcome.receipt).toBeDefined()
        expect(outcome.resetAfter).toBeGreaterThan(0)
      }
      const refused = await harness.consumeOne(charge)
      expect(refused).toMatchObject({ allowed: false, remaining: 0, used: QUOTA, delay: 0, granted: 0 })
      expect(refused.receipt).toBeUndefined()
      expect(refused.retryAfter).toBeGreaterThan(0)
      expect(refused.retryAfter).toBeLessThan(Infinity)
    })

    test(`${kind}: every duration is a whole number of ms`, async (harness) => {
      const odd = chargeOf(limitWith(limit, { limit: 7 }))
      for (let i = 0; i < 8; i++) {
        const { retryAfter, nextAfter, resetAfter, delay } = await harness.consumeOne(odd)
        for (const ms of [retryAfter, nextAfter, resetAfter, delay]) expect(Number.isInteger(ms)).toBe(true)
      }
    })

    test(`${kind}: a refusal changes nothing`, async (harness) => {
      await fill(harness, charge, QUOTA)
      const before = await harness.state(charge)
      for (let i = 0; i < 5; i++) expect((await harness.consumeOne(charge)).allowed).toBe(false)
      expect(await harness.state(charge)).toEqual(before)
    })

    test(`${kind}: a peek decides as a charge would, and changes nothing`, async (harness) => {
      for (let i = 0; i < QUOTA + 2; i++) expect(await harness.peek(charge)).toMatchObject({ allowed: true, remaining: QUOTA, granted: 1 })
      await fill(harness, charge, QUOTA)
      for (let i = 0; i < 2; i++) expect(await harness.peek(charge)).toMatchObject({ allowed: false, remaining: 0, granted: 0 })
    })

    test(`${kind}: a cost of 0 is admitted and changes nothing`, async (harness) => {
      await harness.consumeOne(charge)
      const before = await harness.state(charge)
      const outcome = await harness.consumeOne({ ...charge, cost: 0 })
      expect(outcome).toMatchObject({ allowed: true, remaining: QUOTA - 1, granted: 0 })
      expect(outcome.receipt).toBeUndefined()
      expect(await harness.state(charge)).toEqual(before)
    })

    test(`${kind}: a limit of 0 refuses every charge, with an infinite retryAfter`, async (harness) => {
      const none = chargeOf(limitWith(limit, { limit: 0 }))
      expect(await harness.consumeOne(none)).toMatchObject({
        allowed: false,
        remaining: 0,
        used: 0,
        retryAfter: Infinity,
        nextAfter: 0,
        granted: 0,
      })
    })

    test(`${kind}: a limit of 1 admits one charge`, async (harness) => {
      const single = chargeOf(limitWith(limit, { limit: 1, burst: undefined, maxDelay: limit.maxDelay === undefined ? undefined : 1 }))
      expect(await harness.consumeOne(single)).toMatchObject({ allowed: true, remaining: 0 })
      expect(await harness.consumeOne(single)).toMatchObject({ allowed: false, remaining: 0 })
    })

    test(`${kind}: a forced charge goes past the limit, and remaining is never below 0`, async (harness) => {
      await fill(harness, charge, QUOTA)
      const forced = await harness.consumeOne(charge, { how: 'force' })
      expect(forced).toMatchObject({ allowed: true, retryAfter: 0, remaining: 0, granted: 1 })
      expect(await harness.consumeOne(charge)).toMatchObject({ allowed: false, remaining: 0 })
    })

    test(`Pe: ${kind}: used is what is counted, also past the limit and after a give-back`, async (harness) => {
      await fill(harness, charge, QUOTA)
      const forced = await harness.consumeOne(charge, { how: 'force' })
      expect(forced.used).toBe(QUOTA + 1)
      expect((await harness.consumeOne(charge)).used).toBe(QUOTA + 1)
      // A queue takes back only its last charge, and only while it waits.
      const back = await harness.consumeOne({ ...charge, cost: -1, receipt: forced.receipt })
      expect(back.used).toBe(QUOTA + 1 + back.granted)
    })

    test(`${kind}: every outcome is a new object, also for equal charges of one decision`, async (harness) => {
      const [first, second] = await harness.consume([charge, charge])
      const [third] = await harness.consume([{ ...charge, cost: 0 }])
      const [fourth] = await harness.consume([{ ...charge, cost: 0 }])
      expect(new Set([first, second, third, fourth]).size).toBe(4)
      expect(first).toMatchObject({ remaining: QUOTA - 1 })
      expect(second).toMatchObject({ remaining: QUOTA - 2 })
    })

    test(`${kind}: a decision without charges has no outcomes`, async (harness) => {
      expect(await harness.consume([])).toEqual([])
    })

    test(`${kind}: a reset clears the subject and no other`, async (harness) => {
      const other = { ...charge, subject: 'bob' }
      await fill(harness, charge, QUOTA)
      await fill(harness, other, QUOTA)
      await harness.store.reset([charge])
      expect(await harness.peek(charge)).toMatchObject({ allowed: true, remaining: QUOTA, resetAfter: 0 })
      expect(await harness.peek(other)).toMatchObject({ allowed: false, remaining: 0 })
    })

    // A holder may be released at any time, so the retryAfter of a full concurrency limit is only a hint.
    if (kind === 'concurrency') continue

    testWithClock(`${kind}: retryAfter is the first ms at which the cost is admitted`, async (harness) => {
      await harness.consumeOne({ ...charge, cost: QUOTA })
      harness.clock.advance(12.345)
      const { retryAfter } = await harness.consumeOne({ ...charge, cost: 3 })
      harness.clock.advance(retryAfter - 1)
      expect((await harness.peek({ ...charge, cost: 3 })).allowed).toBe(false)
      harness.clock.advance(1)
      expect((await harness.consumeOne({ ...charge, cost: 3 })).allowed).toBe(true)
    })

    testWithClock(`${kind}: nextAfter is the first ms at which remaining has grown`, async (harness) => {
      const { nextAfter, remaining } = await harness.consumeOne({ ...charge, cost: 4 })
      expect(remaining).toBe(QUOTA - 4)
      harness.clock.advance(nextAfter - 1)
      expect((await harness.peek(charge)).remaining).toBe(remaining)
      harness.clock.advance(1)
      expect((await harness.peek(charge)).remaining).toBeGreaterThan(remaining)
    })

    testWithClock(`${kind}: resetAfter is the first ms at which the limit is unused again`, async (harness) => {
      const { resetAfter } = await harness.consumeOne({ ...charge, cost: 4 })
      harness.clock.advance(resetAfter - 1)
      expect((await harness.peek(charge)).resetAfter).toBe(1)
      harness.clock.advance(1)
      expect(await harness.peek(charge)).toMatchObject({ remaining: QUOTA, nextAfter: 0, resetAfter: 0 })
    })
  }
  costs({ test })
}

function costs({ test }: Pick<Suite, 'test'>): void {
  for (const [kind, limit] of meteredLimits) {
    const charge = chargeOf(limit)

    test(`${kind}: a cost above the limit is never admitted, and charges nothing`, async (harness) => {
      await harness.consumeOne({ ...charge, cost: 2 })
      const before = await harness.state(charge)
      expect(await harness.consumeOne({ ...charge, cost: QUOTA + 1 })).toMatchObject({
        allowed: false,
        remaining: QUOTA - 2,
        retryAfter: Infinity,
        granted: 0,
      })
      expect(await harness.consumeOne({ ...charge, cost: Number.MAX_SAFE_INTEGER })).toMatchObject({ allowed: false, retryAfter: Infinity })
      expect(await harness.state(charge)).toEqual(before)
    })

    test(`${kind}: atLeast grants the remaining units, from atLeast up to the cost`, async (harness) => {
      await harness.consumeOne({ ...charge, cost: 7 })
      expect(await harness.consumeOne({ ...charge, cost: 5 }, { how: 'peek', atLeast: 2 })).toMatchObject({
        allowed: true,
        remaining: 3,
        granted: 3,
      })
      expect(await harness.consumeOne({ ...charge, cost: 5 }, { atLeast: 2 })).toMatchObject({ allowed: true, remaining: 0, granted: 3 })
    })

    test(`${kind}: atLeast grants the whole cost when it fits, and part of a cost above the limit`, async (harness) => {
      expect(await harness.consumeOne({ ...charge, cost: 4 }, { atLeast: 2 })).toMatchObject({ granted: 4, remaining: 6 })
      expect(await harness.consumeOne({ ...charge, cost: 100 }, { atLeast: 1 })).toMatchObject({ allowed: true, granted: 6, remaining: 0 })
    })

    test(`${kind}: with less than atLeast remaining it refuses, and retryAfter is when atLeast units remain`, async (harness) => {
      await harness.consumeOne({ ...charge, cost: 9 })
      const two = await harness.peek({ ...charge, cost: 2 })
      expect(await harness.consumeOne({ ...charge, cost: 8 }, { atLeast: 2 })).toMatchObject({
        allowed: false,
        remaining: 1,
        granted: 0,
        retryAfter: two.retryAfter,
      })
    })

    test(`${kind}: a partial grant is refunded by its granted units, not by its cost`, async (harness) => {
      await harness.consumeOne({ ...charge, cost: 7 })
      const taken = await harness.consumeOne({ ...charge, cost: 5 }, { atLeast: 1 })
      expect(await harness.consumeOne({ ...charge, cost: -5, receipt: taken.receipt })).toMatchObject({
        allowed: true,
        granted: -3,
        remaining: 3,
      })
    })
  }
}
