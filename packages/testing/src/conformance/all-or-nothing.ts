import type { Outcome } from '@sluice/core'
import { expect } from 'vitest'
import { chargeOf, refundOf, fill, type Suite } from './suite.ts'
import { limitWith, allLimits, limits, meteredLimits, QUOTA } from './limits.ts'

/** A decision over several charges takes all of them or none. */
export function allOrNothing({ test }: Suite): void {
  for (const [kind, limit] of allLimits) {
    const charge = chargeOf(limit)
    const full = chargeOf(limitWith(limits.slidingWindow, { name: 'full', limit: 1 }))

    test(`${kind}: is not charged when another limit of the decision refuses, in any order`, async (harness) => {
      await harness.consumeOne(full)
      await harness.consumeOne(charge)
      const before = await harness.state(charge, full)
      for (const charges of [
        [charge, full],
        [full, charge],
        [charge, full, charge],
      ]) {
        const outcomes = await harness.consume(charges)
        outcomes.forEach((outcome, i) => {
          if (outcome === undefined) expect(charges[i]).toBe(charge)
          else expect(outcome).toMatchObject({ allowed: charges[i] === charge, granted: 0, receipt: undefined })
        })
        expect(outcomes[charges.indexOf(full)]).toMatchObject({ allowed: false })
      }
      expect(await harness.state(charge, full)).toEqual(before)
    })

    test(`${kind}: one subject is not charged when another subject of the decision is refused`, async (harness) => {
      const bob = { ...charge, subject: 'bob' }
      await fill(harness, bob, QUOTA)
      const before = await harness.state(charge, bob)
      const [alice] = await harness.consume([charge, bob])
      if (alice !== undefined) expect(alice).toMatchObject({ allowed: true, remaining: QUOTA, granted: 0 })
      expect(await harness.state(charge, bob)).toEqual(before)
    })

    test(`${kind}: charges of the same subject in one decision add up`, async (harness) => {
      await fill(harness, charge, QUOTA - 2)
      const before = await harness.state(charge)
      const refused = await harness.consume([charge, charge, charge])
      expect(refused[2]).toMatchObject({ allowed: false, remaining: 0, granted: 0 })
      expect(await harness.state(charge)).toEqual(before)
      const admitted = await harness.consume([charge, charge])
      expect(admitted[0]).toMatchObject({ allowed: true, remaining: 1, granted: 1 })
      expect(admitted[1]).toMatchObject({ allowed: true, remaining: 0, granted: 1 })
      expect((await harness.peek(charge)).allowed).toBe(false)
    })

    test(`${kind}: a refused decision refunds nothing`, async (harness) => {
      const two = kind === 'concurrency' ? charge : { ...charge, cost: 2 }
      await harness.consumeOne(full)
      await fill(harness, charge, 4)
      const taken = await harness.consumeOne(two)
      const before = await harness.state(charge)
      await harness.consume([refundOf(two, taken), full])
      expect(await harness.state(charge)).toEqual(before)
      const [given] = await harness.consume([refundOf(two, taken)])
      expect(given).toMatchObject({ allowed: true, granted: -two.cost })
    })

    test(`${kind}: a decision that ends with an error charges nothing`, async (harness) => {
      const bare = chargeOf(limitWith(limits.slidingLog, { name: 'bare' }), -1)
      expect(await harness.errorCodeOf([charge, bare])).toBe('ERR_RECEIPT_REQUIRED')
      expect(await harness.errorCodeOf([bare, charge])).toBe('ERR_RECEIPT_REQUIRED')
      expect(await harness.peek(charge)).toMatchObject({ remaining: QUOTA, resetAfter: 0 })
    })
  }

  test('a decision over all algorithms charges all of them, or none', async (harness) => {
    const charges = allLimits.map(([kind, limit], i) => chargeOf(limitWith(limit, { name: `l${i}` }), 1, { scope: `p+${kind}` }))
    const admitted = await harness.consume(charges)
    for (const outcome of admitted) expect(outcome).toMatchObject({ allowed: true, remaining: QUOTA - 1, granted: 1 })
    const costly = [...charges, chargeOf(limitWith(limits.tokenBucket, { name: 'last' }), QUOTA + 1)]
    const refused = await harness.consume(costly)
    expect(refused.at(-1)).toMatchObject({ allowed: false, retryAfter: Infinity })
    for (const charge of charges) expect(await harness.peek(charge)).toMatchObject({ remaining: QUOTA - 1 })
  })

  for (const [kind, limit] of meteredLimits) {
    const small = chargeOf(limit, 8)
    const large = chargeOf(limitWith(limits.slidingWindow, { name: 'large', limit: 100 }), 8)

    test(`${kind}: M2: with atLeast, all limits give the same number, the most that each has`, async (harness) => {
      await fill(harness, { ...small, cost: 1 }, QUOTA - 3)
      for (const charges of [
        [small, large],
        [large, small],
      ]) {
        const before = await harness.state(small, large)
        const peeked = await harness.consume(charges, { how: 'peek', atLeast: 2 })
        expect(peeked).toMatchObject([
          { allowed: true, granted: 3 },
          { allowed: true, granted: 3 },
        ])
        expect(await harness.state(small, large)).toEqual(before)
        const taken = await harness.consume(charges, { atLeast: 2 })
        expect(taken).toMatchObject([
          { allowed: true, granted: 3 },
          { allowed: true, granted: 3 },
        ])
        expect(await harness.peek({ ...small, cost: 1 })).toMatchObject({ allowed: false, used: QUOTA })
        expect(await harness.peek({ ...large, cost: 1 })).toMatchObject({ used: 3 })
        await harness.consume(charges.map((charge, i) => refundOf(charge, taken[i] as Outcome)))
        expect(await harness.peek({ ...small, cost: 1 })).toMatchObject({ used: QUOTA - 3 })
        expect(await harness.peek({ ...large, cost: 1 })).toMatchObject({ used: 0 })
      }
    })

    test(`${kind}: M2: with atLeast, a limit that has fewer refuses for all, and concurrency takes 1`, async (harness) => {
      const slot = chargeOf(limits.concurrency)
      expect(await harness.consume([slot, small, large], { atLeast: 8 })).toMatchObject([{ granted: 1 }, { granted: 8 }, { granted: 8 }])
      const before = await harness.state(slot, small, large)
      const refused = await harness.consume([slot, large, small], { atLeast: 3 })
      expect(refused[2]).toMatchObject({ allowed: false, granted: 0, remaining: 2 })
      expect(await harness.state(slot, small, large)).toEqual(before)
      expect(await harness.consume([large, small, slot], { atLeast: 1 })).toMatchObject([{ granted: 2 }, { granted: 2 }, { granted: 1 }])
    })
  }

  test('a forced decision charges every limit, even a full one', async (harness) => {
    const charges = meteredLimits.map(([kind, limit]) => chargeOf(limit, QUOTA, { scope: `p+${kind}` }))
    await harness.consume(charges)
    const forced = await harness.consume(
      charges.map((charge) => ({ ...charge, cost: 3 })),
      { how: 'force' },
    )
    for (const outcome of forced) expect(outcome).toMatchObject({ allowed: true, granted: 3, remaining: 0 })
  })
}
