import { expect } from 'vitest'
import { charge, giveBack, type Suite } from './suite.ts'
import { fill } from './contract.ts'
import { changed, every, limits, metered, TEN } from './limits.ts'

/** Law 2: a decision over several charges takes all of them or none. */
export function together({ test }: Suite): void {
  for (const [kind, limit] of every) {
    const one = charge(limit)
    const full = charge(changed(limits.slidingWindow, { name: 'full', limit: 1 }))

    test(`${kind}: is not charged when another limit of the decision refuses, before it or after it`, async (bench) => {
      await bench.one(full)
      await bench.one(one)
      const before = await bench.state(one, full)
      for (const charges of [
        [one, full],
        [full, one],
        [one, full, one],
      ]) {
        const outcomes = await bench.consume(charges)
        outcomes.forEach((outcome, i) => {
          if (outcome === undefined) expect(charges[i]).toBe(one)
          else expect(outcome).toMatchObject({ allowed: charges[i] === one, granted: 0, receipt: undefined })
        })
        expect(outcomes[charges.indexOf(full)]).toMatchObject({ allowed: false })
      }
      expect(await bench.state(one, full)).toEqual(before)
    })

    test(`${kind}: is not charged for one subject when it refuses another`, async (bench) => {
      const bob = { ...one, subject: 'bob' }
      await fill(bench, bob)
      const before = await bench.state(one, bob)
      const [alice] = await bench.consume([one, bob])
      if (alice !== undefined) expect(alice).toMatchObject({ allowed: true, remaining: TEN, granted: 0 })
      expect(await bench.state(one, bob)).toEqual(before)
    })

    test(`${kind}: several charges of one subject in a decision add up`, async (bench) => {
      await fill(bench, one, TEN - 2)
      const before = await bench.state(one)
      const refused = await bench.consume([one, one, one])
      expect(refused[2]).toMatchObject({ allowed: false, remaining: 0, granted: 0 })
      expect(await bench.state(one)).toEqual(before)
      const admitted = await bench.consume([one, one])
      expect(admitted[0]).toMatchObject({ allowed: true, remaining: 1, granted: 1 })
      expect(admitted[1]).toMatchObject({ allowed: true, remaining: 0, granted: 1 })
      expect((await bench.peek(one)).allowed).toBe(false)
    })

    test(`${kind}: a refused decision gives nothing back either`, async (bench) => {
      const two = kind === 'concurrency' ? one : { ...one, cost: 2 }
      await bench.one(full)
      await fill(bench, one, 4)
      const taken = await bench.one(two)
      const before = await bench.state(one)
      await bench.consume([giveBack(two, taken), full])
      expect(await bench.state(one)).toEqual(before)
      const [given] = await bench.consume([giveBack(two, taken)])
      expect(given).toMatchObject({ allowed: true, granted: -two.cost })
    })

    test(`${kind}: a decision that cannot be made leaves nothing half done`, async (bench) => {
      const bare = charge(changed(limits.slidingLog, { name: 'bare' }), -1)
      expect(await bench.errorOf([one, bare])).toBe('ERR_RECEIPT_REQUIRED')
      expect(await bench.errorOf([bare, one])).toBe('ERR_RECEIPT_REQUIRED')
      expect(await bench.peek(one)).toMatchObject({ remaining: TEN, resetAfter: 0 })
    })
  }

  test('all algorithms in one decision: all are charged, then none', async (bench) => {
    const charges = every.map(([kind, limit], i) => charge(changed(limit, { name: `l${i}` }), 1, { scope: `p/${kind}` }))
    const admitted = await bench.consume(charges)
    for (const outcome of admitted) expect(outcome).toMatchObject({ allowed: true, remaining: TEN - 1, granted: 1 })
    const costly = [...charges, charge(changed(limits.tokenBucket, { name: 'last' }), TEN + 1)]
    const refused = await bench.consume(costly)
    expect(refused.at(-1)).toMatchObject({ allowed: false, retryAfter: Infinity })
    for (const one of charges) expect(await bench.peek(one)).toMatchObject({ remaining: TEN - 1 })
  })

  test('a forced decision is taken whole, whatever is left', async (bench) => {
    const charges = metered.map(([kind, limit]) => charge(limit, TEN, { scope: `p/${kind}` }))
    await bench.consume(charges)
    const forced = await bench.consume(
      charges.map((one) => ({ ...one, cost: 3 })),
      { how: 'force' },
    )
    for (const outcome of forced) expect(outcome).toMatchObject({ allowed: true, granted: 3, remaining: 0 })
  })
}
