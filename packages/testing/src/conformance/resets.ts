import { concurrency, createLimiter, fixedWindow, tokenBucket } from '@sluice/core'
import { expect } from 'vitest'
import { allLimits, limits, QUOTA, receiptOnlyLimits, WINDOW } from './limits.ts'
import { chargeOf, fill, refundOf, type Suite } from './suite.ts'

/** A reset forgets exactly the states that it names, and answers whether one of them counted anything. */
export function resets({ test, testWithClock }: Suite, resetsAll = true): void {
  for (const [kind, limit] of allLimits) {
    const charge = chargeOf(limit)

    test(`${kind}: a reset answers whether anything was counted`, async (harness) => {
      expect(await harness.store.reset([charge])).toBe(false)
      await fill(harness, charge, QUOTA)
      expect(await harness.store.reset([{ ...charge, subject: 'bob' }])).toBe(false)
      expect(await harness.store.reset([charge])).toBe(true)
      expect(await harness.store.reset([charge])).toBe(false)
      expect(await harness.peek(charge)).toMatchObject({ allowed: true, used: 0, remaining: QUOTA })
    })

    test(`${kind}: a refusal and a peek leave nothing to reset`, async (harness) => {
      await harness.peek(charge)
      await harness.consume([{ ...charge, cost: 0 }])
      expect(await harness.store.reset([charge])).toBe(false)
    })
  }

  for (const [kind, limit] of receiptOnlyLimits) {
    // A queue does not give back the turn of a request that may already have run.
    if (kind === 'leakyBucket, queue') continue
    test(`${kind}: what was given back is nothing to reset`, async (harness) => {
      const charge = chargeOf(limit)
      const taken = await harness.consumeOne(charge)
      await harness.consumeOne(refundOf(charge, taken))
      expect(await harness.store.reset([charge])).toBe(false)
    })
  }

  test('a reset of several subjects answers whether one of them had a state', async (harness) => {
    await harness.consumeOne(chargeOf(limits.slidingLog))
    const targets = [limits.slidingWindow, limits.slidingLog, limits.concurrency].map((limit) => chargeOf(limit))
    expect(await harness.store.reset(targets)).toBe(true)
    expect(await harness.store.reset(targets)).toBe(false)
    expect(await harness.store.reset([])).toBe(false)
  })

  for (const [kind, limit] of allLimits) {
    if (typeof limit.window !== 'number') continue
    testWithClock(`${kind}: a state that has expired is nothing to reset`, async (harness) => {
      const charge = chargeOf(limit)
      await harness.consumeOne(charge)
      harness.clock.advance(2 * WINDOW + 1)
      expect(await harness.store.reset([charge])).toBe(false)
    })
  }

  if (!resetsAll) {
    test('Pf: without resetAll, the limiter refuses it', async ({ store }) => {
      const limiter = createLimiter({ store, limits: [fixedWindow({ name: 'day', limit: 10, window: '1d' })] })
      await expect(async () => limiter.resetAll()).rejects.toMatchObject({ code: 'ERR_RESET_ALL_UNSUPPORTED' })
    })
    return
  }

  test('Pf: resetAll forgets all subjects of one limiter, and no receipt from before changes what is counted after', async ({ store }) => {
    const limits = [
      fixedWindow({ name: 'day', limit: 10, window: '1d' }),
      tokenBucket({ name: 'bucket', limit: 10, window: '1d' }),
      concurrency({ name: 'slots', limit: 10, ttl: '1m' }),
    ]
    const limiter = createLimiter({ name: 'all', store, limits })
    const other = createLimiter({ name: 'all.other', store, limits })
    const usedBy = async (subject: string) => (await limiter.peek(subject)).outcomes.map((outcome) => outcome?.used)
    const before = await limiter.consume('alice', { cost: { day: 4, bucket: 4 } })
    await limiter.consume('bob')
    await other.consume('alice')
    await limiter.resetAll()
    expect([await usedBy('alice'), await usedBy('bob')].flat()).toEqual([0, 0, 0, 0, 0, 0])
    expect((await other.peek('alice')).outcomes.map((outcome) => outcome?.used)).toEqual([1, 1, 1])
    expect(await limiter.reset('alice')).toBe(false)

    const after = await limiter.consume('alice', { cost: { day: 4, bucket: 4 } })
    expect(await limiter.renew(before)).toBe(false)
    await limiter.settle(before, 9)
    await limiter.release(before)
    expect(await usedBy('alice')).toEqual([4, 4, 1])
    await limiter.refund(after)
    expect(await usedBy('alice')).toEqual([0, 0, 0])
    await limiter.close()
    expect((await createLimiter({ name: 'all', store, limits }).peek('alice')).outcomes.map((outcome) => outcome?.used)).toEqual([0, 0, 0])
  })
}
