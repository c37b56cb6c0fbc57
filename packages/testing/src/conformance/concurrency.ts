import { expect } from 'vitest'
import { charge, giveBack, type Suite } from './suite.ts'
import { fill } from './contract.ts'
import { changed, limits, TEN, WINDOW } from './limits.ts'

/** Concurrency: holders that live until they are released or expire. */
export function holders({ test, timed }: Suite): void {
  const one = charge(limits.concurrency)

  test('concurrency: a released holder makes room for another', async (bench) => {
    const taken = await bench.one(one)
    await fill(bench, one, TEN - 1)
    expect((await bench.one(one)).allowed).toBe(false)
    await bench.one(giveBack(one, taken))
    expect(await bench.one(one)).toMatchObject({ allowed: true, remaining: 0 })
  })

  test('concurrency: every holder has a receipt of its own', async (bench) => {
    const receipts = (await bench.consume([one, one, { ...one, subject: 'bob' }])).map((outcome) => outcome?.receipt)
    expect(new Set(receipts).size).toBe(3)
  })

  test('concurrency: a release by another subject does nothing', async (bench) => {
    const taken = await bench.one(one)
    const bob = { ...one, subject: 'bob' }
    await bench.one(bob)
    expect(await bench.one({ ...giveBack(bob, taken) })).toMatchObject({ granted: 0, remaining: TEN - 1 })
    expect((await bench.peek(one)).remaining).toBe(TEN - 1)
  })

  timed('concurrency: a holder ends with its ttl', async (bench) => {
    await fill(bench, one)
    bench.clock.advance(WINDOW - 0.001)
    expect((await bench.peek(one)).allowed).toBe(false)
    bench.clock.advance(0.001)
    expect(await bench.peek(one)).toMatchObject({ allowed: true, remaining: TEN, resetAfter: 0 })
  })

  timed('concurrency: a renewed holder lives for another ttl, as the same holder', async (bench) => {
    const taken = await bench.one(one)
    bench.clock.advance(WINDOW - 1)
    const renewed = await bench.one({ ...one, receipt: taken.receipt })
    expect(renewed).toMatchObject({ allowed: true, granted: 1, remaining: TEN - 1, resetAfter: WINDOW, receipt: taken.receipt })
    bench.clock.advance(WINDOW - 1)
    expect((await bench.peek(one)).remaining).toBe(TEN - 1)
    expect(await bench.one(giveBack(one, taken))).toMatchObject({ granted: -1, remaining: TEN })
  })

  test('concurrency: a holder is renewed also when there is no room', async (bench) => {
    const taken = await bench.one(one)
    await fill(bench, one, TEN - 1)
    expect(await bench.one({ ...one, receipt: taken.receipt })).toMatchObject({ allowed: true, granted: 1, remaining: 0 })
    expect(await bench.one({ ...one, receipt: taken.receipt }, { how: 'peek' })).toMatchObject({ allowed: true, remaining: 0 })
  })

  test('concurrency: a cost of 0 asks for no renewal, whatever receipt is beside it', async (bench) => {
    const taken = await bench.one(one)
    await fill(bench, one, TEN - 1)
    await bench.one(one, { how: 'force' })
    expect(await bench.one({ ...one, cost: 0, receipt: taken.receipt }, { how: 'force' })).toMatchObject({ allowed: true, granted: 0 })
  })

  timed('concurrency: a holder that has expired, or was released, is not renewed', async (bench) => {
    const expired = await bench.one(one)
    bench.clock.advance(WINDOW)
    const refused = await bench.one({ ...one, receipt: expired.receipt })
    expect(refused).toMatchObject({ allowed: false, granted: 0, remaining: TEN })
    expect(refused.receipt).toBeUndefined()
    expect(refused.retryAfter).toBeGreaterThan(0)
    const released = await bench.one(one)
    await bench.one(giveBack(one, released))
    expect(await bench.one({ ...one, receipt: released.receipt })).toMatchObject({ allowed: false, remaining: TEN })
  })

  timed('concurrency: a refusal waits for the first holder to expire, but no longer than retryHint', async (bench) => {
    const pair = changed(limits.concurrency, { limit: 2, retryHint: 3_000 })
    await bench.one(charge(pair))
    bench.clock.advance(1_000)
    await bench.one(charge(pair))
    expect(await bench.one(charge(pair))).toMatchObject({ allowed: false, retryAfter: 3_000, nextAfter: 3_000, resetAfter: WINDOW })
    bench.clock.advance(7_500.5)
    expect(await bench.one(charge(pair))).toMatchObject({ allowed: false, retryAfter: 1_500 })
  })

  test('concurrency: a cost is 1', async (bench) => {
    await bench.errorOf([{ ...one, cost: 2 }])
    expect((await bench.peek(one)).remaining).toBe(TEN)
  })

  test('concurrency: a smaller limit ends nobody', async (bench) => {
    await fill(bench, one)
    expect(await bench.peek(charge(changed(limits.concurrency, { limit: 3 })))).toMatchObject({ allowed: false, remaining: 0 })
    expect(await bench.peek(charge(changed(limits.concurrency, { limit: 12 })))).toMatchObject({ allowed: true, remaining: 2 })
  })
}
