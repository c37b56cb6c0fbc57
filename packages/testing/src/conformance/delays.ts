import { expect } from 'vitest'
import { limits, limitWith, QUOTA, WINDOW } from './limits.ts'
import { chargeOf, type Suite } from './suite.ts'

/** M3: a delay that grows with what is used, before charges are refused. */
export function delays({ test, testWithClock }: Suite): void {
  const delay = { after: 3, step: 500, max: 2_000 }
  const kinds = ['fixedWindow', 'fixedWindow, first', 'fixedWindow, day', 'slidingWindow', 'slidingLog'] as const
  for (const kind of kinds) {
    const charge = chargeOf(limitWith(limits[kind], { delay }))

    test(`M3: ${kind}: no delay, then one that grows up to its maximum, then a refusal`, async (harness) => {
      const seen = []
      for (let i = 0; i < QUOTA; i++) seen.push((await harness.consumeOne(charge)).delay)
      expect(seen).toEqual([0, 0, 0, 500, 1_000, 1_500, 2_000, 2_000, 2_000, 2_000])
      const before = await harness.state(charge)
      expect(await harness.consumeOne(charge)).toMatchObject({ allowed: false, delay: 0, granted: 0 })
      expect(await harness.state(charge)).toEqual(before)
    })

    test(`M3: ${kind}: the delay is that of all units of the charge; a peek shows it, and a part of a cost has its own`, async (harness) => {
      expect(await harness.peek({ ...charge, cost: 5 })).toMatchObject({ delay: 1_000 })
      expect(await harness.consumeOne({ ...charge, cost: 5 })).toMatchObject({ delay: 1_000, granted: 5 })
      expect(await harness.peek(charge)).toMatchObject({ delay: 1_500 })
      expect(await harness.consumeOne({ ...charge, cost: 9 }, { atLeast: 1 })).toMatchObject({ delay: 2_000, granted: 5 })
    })

    test(`M3: ${kind}: what is given back shortens the delay, and a limit without a delay shares the state`, async (harness) => {
      const taken = await harness.consumeOne({ ...charge, cost: 5 })
      expect(await harness.consumeOne({ ...charge, cost: -2, receipt: taken.receipt })).toMatchObject({ delay: 0 })
      expect(await harness.consumeOne(charge)).toMatchObject({ used: 4, delay: 500 })
      expect(await harness.consumeOne({ ...charge, limit: limits[kind] })).toMatchObject({ used: 5, delay: 0 })
      expect(await harness.consumeOne(charge)).toMatchObject({ used: 6, delay: 1_500 })
    })

    testWithClock(`M3: ${kind}: there is no delay when what was used no longer counts`, async (harness) => {
      await harness.consumeOne({ ...charge, cost: QUOTA })
      harness.clock.advance(kind === 'fixedWindow, day' ? 24 * 3_600_000 : 2 * WINDOW)
      expect(await harness.consumeOne(charge)).toMatchObject({ allowed: true, delay: 0 })
    })
  }

  test('M3: several limits: each charge has its own delay', async (harness) => {
    const slow = chargeOf(limitWith(limits.slidingWindow, { delay: { after: 0, step: 7, max: 1_000 } }), 1, {
      scope: 'p+slow.slidingWindow',
    })
    const fast = chargeOf(limits.fixedWindow, 1, { scope: 'p+fast.fixedWindow' })
    const seen = (await harness.consume([slow, fast, slow])).map((outcome) => outcome?.delay)
    expect(seen).toEqual([7, 0, 14])
  })
}
