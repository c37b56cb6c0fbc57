import { expect } from 'vitest'
import { charge, type Suite } from './suite.ts'
import { fill } from './contract.ts'
import { changed, limits, TEN, windows } from './limits.ts'

const MINUTE = 60_000

/** Another limit over the same state: a used part stays the same part, and counts stay what they are. */
export function changes({ test, timed }: Suite): void {
  const perMinute = (limit: number): ReturnType<typeof charge> =>
    charge(changed(limits.tokenBucket, { limit, window: MINUTE, name: 'plan' }))

  test('trap: A plan change turns 1 token left into 10, or 10 into 0, because the state counts tokens.', async (bench) => {
    await bench.one({ ...perMinute(7), cost: 6 })
    expect((await bench.peek(perMinute(7))).remaining).toBe(1)
    expect((await bench.peek(perMinute(10))).remaining).toBe(1)
    await bench.store.reset([perMinute(7)])
    await bench.one({ ...perMinute(60), cost: 50 })
    expect((await bench.peek(perMinute(60))).remaining).toBe(10)
    expect((await bench.peek(perMinute(61))).remaining).toBe(10)
  })

  test('tokenBucket: what was used under one plan is the same time under every other', async (bench) => {
    await bench.one({ ...perMinute(60), cost: 30 })
    for (const plan of [1, 7, 60, 61, 1000])
      expect(await bench.peek(perMinute(plan))).toMatchObject({ remaining: Math.floor(plan / 2), resetAfter: 30_000 })
  })

  timed('tokenBucket: going to and fro between plans gives nothing', async (bench) => {
    await bench.one({ ...perMinute(7), cost: 7 })
    for (let i = 0; i < 50; i++) {
      bench.clock.advance(0.001)
      for (const plan of [10, 7, 60, 61]) expect((await bench.one(perMinute(plan))).allowed).toBe(false)
    }
  })

  for (const kind of ['fixedWindow', 'slidingWindow', 'slidingLog'] as const) {
    test(`trap: Counts capped to a smaller limit are a refund for the larger. (${kind})`, async (bench) => {
      const five = charge(changed(limits[kind], { limit: 5 }))
      await bench.one(charge(limits[kind], 8))
      expect(await bench.peek(five)).toMatchObject({ allowed: false, remaining: 0 })
      expect((await bench.one(five, { how: 'force' })).remaining).toBe(0)
      expect((await bench.peek(charge(limits[kind]))).remaining).toBe(1)
      expect((await bench.peek(charge(changed(limits[kind], { limit: 20 })))).remaining).toBe(11)
    })
  }

  for (const [kind, limit] of windows) {
    test(`${kind}: more is left at once under a larger limit`, async (bench) => {
      await fill(bench, charge(limit))
      expect(await bench.one(charge(changed(limit, { limit: 15 }), 5))).toMatchObject({ allowed: true, remaining: 0 })
      expect((await bench.peek(charge(limit))).allowed).toBe(false)
    })
  }

  for (const kind of ['tokenBucket', 'leakyBucket, meter'] as const) {
    test(`${kind}: force leaves a debt of the burst at most, which is paid`, async (bench) => {
      const one = charge(limits[kind])
      expect(await bench.one({ ...one, cost: 1_000_000 }, { how: 'force' })).toMatchObject({
        allowed: true,
        granted: 2 * TEN,
        remaining: 0,
        resetAfter: 20_000,
      })
      const before = await bench.state(one)
      const again = await bench.one(one, { how: 'force' })
      expect(again).toMatchObject({ allowed: true, granted: 0 })
      expect(again.receipt).toBeUndefined()
      expect(await bench.state(one)).toEqual(before)
      expect((await bench.one(one)).retryAfter).toBe(11_000)
    })
  }

  test('tokenBucket: a debt of its own, also none', async (bench) => {
    for (const [debt, granted] of [
      [0, TEN],
      [3, TEN + 3],
    ] as const) {
      const limit = changed(limits.tokenBucket, { debt })
      expect(await bench.one(charge(limit, 100, { subject: `${debt}` }), { how: 'force' })).toMatchObject({ granted })
    }
  })

  timed('tokenBucket: a forced charge that less than a unit is left for takes that, and counts none', async (bench) => {
    const one = charge(limits.tokenBucket)
    await bench.one({ ...one, cost: 2 * TEN }, { how: 'force' })
    bench.clock.advance(400)
    const forced = await bench.one(one, { how: 'force' })
    expect(forced).toMatchObject({ allowed: true, granted: 0, resetAfter: 20_000 })
    expect((await bench.peek(one)).resetAfter).toBe(forced.resetAfter)
  })

  test('slidingLog: force leaves a debt of the limit at most', async (bench) => {
    const one = charge(limits.slidingLog)
    expect(await bench.one({ ...one, cost: 1_000_000 }, { how: 'force' })).toMatchObject({ allowed: true, granted: 2 * TEN, remaining: 0 })
    const before = await bench.state(one)
    expect(await bench.one(one, { how: 'force' })).toMatchObject({ allowed: true, granted: 0, receipt: undefined })
    expect(await bench.state(one)).toEqual(before)
  })

  test('fixedWindow and slidingWindow: counts saturate', async (bench) => {
    for (const limit of [limits.fixedWindow, limits.slidingWindow]) {
      const huge = charge(limit, Number.MAX_SAFE_INTEGER, { subject: limit.algorithm })
      await bench.one(huge, { how: 'force' })
      expect(await bench.one(huge, { how: 'force' })).toMatchObject({ allowed: true, granted: 0, remaining: 0 })
      expect((await bench.one({ ...huge, cost: 1 })).allowed).toBe(false)
    }
  })

  timed('fixedWindow: a debt dies with the window; slidingWindow: at the second roll-over', async (bench) => {
    const fixed = charge(limits.fixedWindow)
    const sliding = charge(limits.slidingWindow)
    await bench.consume(
      [fixed, sliding].map((one) => ({ ...one, cost: 5 * TEN })),
      { how: 'force' },
    )
    bench.clock.advance(10_000)
    expect(await bench.peek(fixed)).toMatchObject({ allowed: true, remaining: TEN })
    expect(await bench.peek(sliding)).toMatchObject({ allowed: false, remaining: 0 })
    bench.clock.advance(10_000)
    expect(await bench.peek(sliding)).toMatchObject({ allowed: true, remaining: TEN })
  })
}
