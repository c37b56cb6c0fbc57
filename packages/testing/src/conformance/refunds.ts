import { expect } from 'vitest'
import { charge, giveBack, type Suite } from './suite.ts'
import { fill } from './contract.ts'
import { changed, every, limits, metered, receipted, TEN, WINDOW } from './limits.ts'

/** By receipt, at most what was taken, at most once, and only there. */
export function givingBack({ test, timed }: Suite): void {
  for (const [kind, limit] of every) {
    const one = charge(limit)
    const two = kind === 'concurrency' ? one : { ...one, cost: 2 }

    test(`${kind}: gives back what a charge took`, async (bench) => {
      // A queue gives back while the turn of the charge has not come, so something must be before it.
      await fill(bench, one, 3)
      const before = await bench.state(one)
      const taken = await bench.one(two)
      const given = await bench.one(giveBack(two, taken))
      expect(given).toMatchObject({ allowed: true, remaining: TEN - 3, retryAfter: 0, delay: 0, granted: -two.cost })
      expect(given.receipt).toBeUndefined()
      expect(await bench.state(one)).toEqual(before)
    })

    test(`${kind}: a receipt survives JSON`, async (bench) => {
      await fill(bench, one, 3)
      const taken = await bench.one(two)
      const receipt = JSON.parse(JSON.stringify(taken.receipt)) as typeof taken.receipt
      expect(['string', 'number']).toContain(typeof receipt)
      expect(await bench.one({ ...two, cost: -two.cost, receipt })).toMatchObject({ granted: -two.cost, remaining: TEN - 3 })
    })

    test(`${kind}: looking at a give-back gives nothing back`, async (bench) => {
      await fill(bench, one, 3)
      const taken = await bench.one(two)
      const left = TEN - 3 - two.cost
      expect(await bench.one(giveBack(two, taken), { how: 'peek' })).toMatchObject({ allowed: true, remaining: left, granted: 0 })
      expect((await bench.peek(one)).remaining).toBe(left)
    })

    test(`${kind}: gives back on a limit that is past full`, async (bench) => {
      await fill(bench, one)
      const forced = await bench.one(one, { how: 'force' })
      await bench.one(giveBack(one, forced))
      expect(await bench.peek(one)).toMatchObject({ allowed: false, remaining: 0 })
    })
  }

  for (const [kind, limit] of metered) {
    const one = charge(limit)
    test(`${kind}: gives back at most what that receipt took`, async (bench) => {
      await fill(bench, one, 5)
      const taken = await bench.one({ ...one, cost: 2 })
      expect(await bench.one({ ...one, cost: -4, receipt: taken.receipt })).toMatchObject({ granted: -2, remaining: TEN - 5 })
    })
    test(`${kind}: gives back a part`, async (bench) => {
      await fill(bench, one, 5)
      const taken = await bench.one({ ...one, cost: 4 })
      expect(await bench.one({ ...one, cost: -3, receipt: taken.receipt })).toMatchObject({ granted: -3, remaining: 4 })
    })
  }

  for (const [kind, limit] of receipted) {
    test(`${kind}: without a receipt it is refused with a code`, async (bench) => {
      const one = charge(limit)
      await bench.one(one)
      const before = await bench.state(one)
      expect(await bench.errorOf([{ ...one, cost: -1 }])).toBe('ERR_RECEIPT_REQUIRED')
      expect(await bench.state(one)).toEqual(before)
    })
  }

  for (const kind of ['tokenBucket', 'leakyBucket, meter'] as const) {
    test(`${kind}: gives back without a receipt, clamped at full`, async (bench) => {
      const one = charge(limits[kind])
      await bench.one({ ...one, cost: 3 })
      expect(await bench.one({ ...one, cost: -1 })).toMatchObject({ allowed: true, granted: -1, remaining: TEN - 2 })
      expect(await bench.one({ ...one, cost: -100 })).toMatchObject({ allowed: true, granted: -2, remaining: TEN, resetAfter: 0 })
      expect(await bench.one({ ...one, cost: -1 })).toMatchObject({ allowed: true, granted: 0, remaining: TEN })
    })
    timed(`${kind}: gives a part of a unit back too, so that it is full`, async (bench) => {
      const one = charge(limits[kind])
      const taken = await bench.one(one)
      bench.clock.advance(600)
      expect(await bench.one(giveBack(one, taken))).toMatchObject({ allowed: true, granted: 0, remaining: TEN, resetAfter: 0 })
    })
    test(`${kind}: what was taken under a large plan is given back whole under a small one`, async (bench) => {
      const large = charge(changed(limits[kind], { burst: 5 * TEN }))
      const small = charge(changed(limits[kind], { limit: 1 }))
      // Fifty units of ten in a window are five windows, so five units here: more than a debt could ever be.
      const taken = await bench.one({ ...large, cost: 5 * TEN })
      expect(await bench.one({ ...small, cost: -5, receipt: taken.receipt })).toMatchObject({ granted: -5, remaining: 1, resetAfter: 0 })
    })
  }

  for (const kind of ['slidingLog', 'concurrency', 'leakyBucket, queue'] as const) {
    test(`${kind}: gives back once`, async (bench) => {
      const one = charge(limits[kind])
      await fill(bench, one, 3)
      const taken = await bench.one(one)
      expect(await bench.one(giveBack(one, taken))).toMatchObject({ granted: -1, remaining: TEN - 3 })
      const before = await bench.state(one)
      expect(await bench.one(giveBack(one, taken))).toMatchObject({ allowed: true, granted: 0, remaining: TEN - 3 })
      expect(await bench.state(one)).toEqual(before)
    })
  }

  test('slidingLog: gives back once, also when another charge came at the same µs', async (bench) => {
    const one = charge(limits.slidingLog)
    const first = await bench.one(one)
    await bench.one(giveBack(one, first))
    await bench.one(one)
    expect(await bench.one(giveBack(one, first))).toMatchObject({ granted: 0, remaining: TEN - 1 })
  })

  timed('fixedWindow: gives back only while its window is current', async (bench) => {
    for (const limit of [limits.fixedWindow, limits['fixedWindow, first']]) {
      const one = charge(limit, 3, { scope: `p/${limit.anchor}` })
      const taken = await bench.one(one)
      bench.clock.advance(WINDOW)
      expect(await bench.one(giveBack(one, taken))).toMatchObject({ allowed: true, granted: 0, remaining: TEN })
      await bench.one(one)
      expect(await bench.one(giveBack(one, taken))).toMatchObject({ allowed: true, granted: 0, remaining: TEN - 3 })
      bench.clock.advance(5 * WINDOW)
    }
  })

  timed('slidingWindow: gives back from the window that was charged, this one or the last, nothing if older', async (bench) => {
    const one = charge(limits.slidingWindow, 4)
    const first = await bench.one(one)
    bench.clock.advance(WINDOW)
    const second = await bench.one(one)
    expect(second.remaining).toBe(2)
    expect(await bench.one(giveBack(one, first, 1))).toMatchObject({ granted: -1, remaining: 3 })
    expect(await bench.one(giveBack(one, second, 4))).toMatchObject({ granted: -4, remaining: 7 })
    await bench.one(one)
    bench.clock.advance(WINDOW)
    expect(await bench.one(giveBack(one, first, 3))).toMatchObject({ granted: 0, remaining: 6 })
  })

  timed('slidingLog: gives back only its own entry, and nothing once that has expired', async (bench) => {
    const one = charge(limits.slidingLog, 4)
    const first = await bench.one(one)
    bench.clock.advance(5_000)
    await bench.one(one)
    bench.clock.advance(5_000)
    expect(await bench.one(giveBack(one, first))).toMatchObject({ granted: 0, remaining: TEN - 4 })
  })

  timed('slidingLog: a receipt from before a reset gives nothing back', async (bench) => {
    const one = charge(limits.slidingLog, 4)
    const before = await bench.one(one)
    await bench.store.reset([one])
    bench.clock.advance(1)
    await bench.one(one)
    expect(await bench.one(giveBack(one, before))).toMatchObject({ granted: 0, remaining: TEN - 4 })
  })

  test('leakyBucket, queue: only the last in the queue gives back', async (bench) => {
    const one = charge(limits['leakyBucket, queue'], 2)
    await bench.one(one)
    const second = await bench.one(one)
    await bench.one(one)
    expect(await bench.one(giveBack(one, second))).toMatchObject({ allowed: true, granted: 0, remaining: TEN - 6 })
  })

  timed('leakyBucket, queue: gives nothing back once its turn has come', async (bench) => {
    const one = charge(limits['leakyBucket, queue'], 2)
    await bench.one(one)
    const second = await bench.one(one)
    expect(second.delay).toBe(2_000)
    bench.clock.advance(1_999.999)
    expect(await bench.one(giveBack(one, second), { how: 'peek' })).toMatchObject({ granted: 0 })
    bench.clock.advance(0.001)
    const before = await bench.state(one)
    expect(await bench.one(giveBack(one, second))).toMatchObject({ allowed: true, granted: 0 })
    expect(await bench.state(one)).toEqual(before)
  })

  test('a receipt that no store made is refused by a code, and gives nothing back', async (bench) => {
    for (const limit of Object.values(limits)) {
      const one = charge(limit)
      await bench.one(one)
      const before = await bench.state(one)
      for (const receipt of [0.5, 5e-324, '~~', '~{}', '1:2:3', 'nonsense']) {
        const told: unknown = await bench.one({ ...one, cost: -1, receipt }).catch((error: unknown) => error)
        if (told instanceof Error) expect(told).toMatchObject({ code: 'ERR_RECEIPT_INVALID' })
        else expect(told).toMatchObject({ granted: expect.closeTo(0, 20) as number })
      }
      expect(await bench.state(one)).toEqual(before)
    }
  })
}
