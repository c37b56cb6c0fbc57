// What decides while the store is away.
import { concurrency, createLimiter, leakyBucket, type Outcome, slidingWindow } from '@sluice/core'
import { describe, expect, test } from 'vitest'
import { charge, consumeNow, consumeOne, healAndWait, openBreaker, setUp, TEN } from './lab.ts'

describe('the local share', () => {
  test('is 1 / instances of each limit, in whole units, at least 1', async () => {
    for (const [instances, most] of [
      [1, 10],
      [3, 3],
      [11, 1],
    ] as const) {
      const at = setUp({ instances })
      await openBreaker(at)
      const outcomes = Array.from({ length: 12 }, () => consumeNow(at.store, charge('a')) as Outcome)
      expect(outcomes.filter(({ allowed }) => allowed)).toHaveLength(most)
    }
  })

  test('is the whole limit with share: 1; a limit of 0 stays 0', async () => {
    const at = setUp({ share: 1 })
    await openBreaker(at)
    expect(consumeNow(at.store, charge('a', TEN, 10))).toMatchObject({ allowed: true })
    expect(consumeNow(at.store, charge('a', { ...TEN, limit: 0 }))).toMatchObject({ allowed: false, retryAfter: Infinity })
    const half = setUp({ share: 0.5 })
    await openBreaker(half)
    expect(consumeNow(half.store, charge('a', { ...TEN, limit: 0 }))).toMatchObject({ allowed: false, retryAfter: Infinity })
  })

  test('refuses for 5 s, not for ever, a cost that the limit admits and the share never does', async () => {
    const at = setUp({ instances: 10 })
    await openBreaker(at)
    expect(consumeNow(at.store, charge('a', TEN, 5))).toMatchObject({ allowed: false, retryAfter: 5_000 })
    expect(consumeNow(at.store, charge('a', TEN, 11))).toMatchObject({ allowed: false, retryAfter: Infinity })
  })

  test('works for queues and holders', async () => {
    const at = setUp({ instances: 2 })
    await openBreaker(at)
    const queue = leakyBucket({ name: 'queue', limit: 10, window: '1s', queue: true, maxDelay: '1s' }).limit
    expect(consumeNow(at.store, charge('a', queue))).toMatchObject({ allowed: true, delay: 0 })
    expect(consumeNow(at.store, charge('a', queue))?.delay).toBeGreaterThan(0)
    const slots = concurrency({ name: 'slots', limit: 4, ttl: '1m' }).limit
    const held = [1, 2, 3].map(() => consumeNow(at.store, charge('a', slots)) as Outcome)
    expect(held.map(({ allowed }) => allowed)).toEqual([true, true, false])
    const { receipt } = held[0] as Outcome
    expect(JSON.parse(JSON.stringify(receipt))).toBe(receipt)
    expect(consumeNow(at.store, { ...charge('a', slots, 1), receipt })).toMatchObject({ allowed: true })
    expect(consumeNow(at.store, { ...charge('a', slots, -1), receipt })).toMatchObject({ granted: -1 })
    expect(consumeNow(at.store, charge('a', slots))).toMatchObject({ allowed: true })
  })

  test('trap: the fallback Map that fills during an outage: it is bounded', async () => {
    const at = setUp({ instances: 1, maxSubjects: 100 })
    await openBreaker(at)
    for (let i = 0; i < 100; i++) consumeNow(at.store, charge('x'.repeat(10_000) + i))
    for (let i = 0; i < 5_000; i++) consumeNow(at.store, charge(`s${i}`))
    await healAndWait(at)
    const charged = at.inner.calls.filter(({ options }) => options.how === 'force')
    expect([at.store.health?.().breaker, charged.length]).toEqual(['closed', 100])
  })
})

describe('failMode', () => {
  test('open admits everything, closed nothing', async () => {
    const at = setUp()
    await openBreaker(at)
    expect(consumeNow(at.store, charge('a', TEN, 3), { failMode: 'open' })).toMatchObject({
      allowed: true,
      source: 'open',
      granted: 3,
      receipt: undefined,
    })
    expect(consumeNow(at.store, charge('a'), { failMode: 'closed' })).toMatchObject({ allowed: false, source: 'closed', granted: 0 })
    const limits = [slidingWindow({ name: 'minute', limit: 1, window: '1m' })]
    for (const [failMode, verdict] of [
      ['open', 'allowed'],
      ['closed', 'unavailable'],
      ['local', 'allowed'],
    ] as const) {
      const limiter = createLimiter({ name: failMode, limits, failMode, store: at.store })
      const decision = await limiter.consume('a')
      expect([decision.verdict, decision.source, limiter.health().tier]).toEqual([verdict, failMode, failMode])
      await limiter.refund(decision)
    }
  })
})

describe('receipts', () => {
  test('a give-back goes to the store or local share that took the units, also after recovery', async () => {
    const at = setUp()
    const there = await consumeOne(at.store, charge('a'))
    await openBreaker(at)
    const here = consumeNow(at.store, charge('a')) as Outcome
    // Only the store could give it back, and it is away.
    expect(consumeNow(at.store, { ...charge('a', TEN, -1), receipt: there.receipt })).toMatchObject({ allowed: true, granted: 0 })
    expect(consumeNow(at.store, { ...charge('a', TEN, -1), receipt: here.receipt })).toMatchObject({ granted: -1 })
    expect(consumeNow(at.store, { ...charge('a', TEN, -1), receipt: here.receipt })).toMatchObject({ granted: 0 })
    await healAndWait(at)
    const before = at.inner.calls.length
    await consumeOne(at.store, { ...charge('a', TEN, -1), receipt: here.receipt })
    expect(at.inner.calls.length).toBe(before)
    // D02: the store got its give-back when it was back. A second one gives back nothing.
    expect(at.inner.used('a')).toBe(0)
    expect(await consumeOne(at.store, { ...charge('a', TEN, -1), receipt: there.receipt })).toMatchObject({ granted: 0, source: 'redis' })
  })

  test('a decision of both tiers is settled in both', async () => {
    const at = setUp({ instances: 1 }, {}, ({ subject }) => subject)
    const limits = [slidingWindow({ name: 'a', limit: 10, window: '1m' }), slidingWindow({ name: 'b', limit: 10, window: '1m' })]
    const limiter = createLimiter({ limits, store: at.store })
    at.inner.fail({ refusal: 'unwritable' })
    await limiter.consume({ a: 'away', b: 'away' })
    at.inner.heal()
    const decision = await limiter.consume({ a: 'away', b: 'there' }, { cost: 4 })
    expect(decision.outcomes.map((outcome) => outcome?.source)).toEqual(['local', 'redis'])
    await limiter.settle(decision, 1)
    const after = await limiter.peek({ a: 'away', b: 'there' })
    expect(after.outcomes.map((outcome) => outcome?.remaining)).toEqual([8, 9])
  })

  test('a forged receipt is refused', async () => {
    const { store } = setUp()
    const forged = { ...charge('a', TEN, -1), receipt: 'local:{' }
    expect(() => store.consume([forged])).toThrow(expect.objectContaining({ code: 'ERR_RECEIPT_INVALID' }))
  })
})
