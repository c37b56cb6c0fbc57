import type { BlockChange, Charge } from '@sluice/core'
import { expect } from 'vitest'
import { allLimits, limits, QUOTA } from './limits.ts'
import { chargeOf, fill, type Harness, refundOf, type Suite } from './suite.ts'

const HOUR = 3_600_000
/** A state in a value, and two that have a key of their own in Redis. */
const OTHERS = ['tokenBucket', 'slidingLog', 'concurrency'] as const

function blockOf({ store }: Harness, charges: readonly Charge[], ms: number): Promise<BlockChange> {
  return Promise.resolve(store.block?.(charges, ms) as BlockChange)
}

/** A block refuses new charges of a subject before anything is charged. For a store with `block`. */
export function blocks({ test, testWithClock }: Suite): void {
  for (const [kind, limit] of allLimits) {
    const charge = chargeOf(limit)
    const bob = chargeOf(limit, 1, { subject: 'bob' })

    test(`${kind}: a blocked subject is refused at once, and nothing is charged`, async (harness) => {
      await fill(harness, charge, 2)
      const before = await harness.state(charge)
      const { until, wasBlocked } = await blockOf(harness, [charge], HOUR)
      expect(wasBlocked).toBe(false)
      const refused = await harness.consumeOne(charge)
      const waits = { retryAfter: expect.any(Number), nextAfter: refused.retryAfter, resetAfter: refused.retryAfter }
      expect(refused).toEqual({
        allowed: false,
        blocked: true,
        remaining: 0,
        used: 0,
        ...waits,
        delay: 0,
        source: harness.store.name,
        at: expect.any(Number),
        receipt: undefined,
        leaseFor: 0,
        granted: 0,
      })
      expect(refused.retryAfter).toBeGreaterThan(HOUR - 60_000)
      expect(refused.retryAfter).toBeLessThanOrEqual(HOUR)
      expect(Math.abs(refused.at / 1000 + refused.retryAfter - until)).toBeLessThan(2)
      expect(await harness.peek(charge)).toMatchObject({ allowed: false, blocked: true })
      expect(await harness.consumeOne({ ...charge, cost: 0 })).toMatchObject({ allowed: false, blocked: true })
      expect(await harness.consumeOne(charge, { atLeast: 1 })).toMatchObject({ allowed: false, granted: 0 })
      expect(await harness.consumeOne(charge, { lease: { ttl: 250, ceiling: 5 } })).toMatchObject({ allowed: false, leaseFor: 0 })
      expect(await harness.consumeOne(bob)).toMatchObject({ allowed: true })
      expect(await blockOf(harness, [charge], 0)).toEqual({ until: 0, wasBlocked: true })
      expect(await blockOf(harness, [charge], 0)).toEqual({ until: 0, wasBlocked: false })
      expect(await harness.state(charge)).toMatchObject((before as object[]).map(() => ({ allowed: true, remaining: QUOTA - 2 })))
    })

    testWithClock(`${kind}: a block ends by itself, and the last one holds, be it longer or shorter`, async (harness) => {
      const { clock } = harness
      const start = clock.now()
      expect(await blockOf(harness, [charge], 1_000)).toEqual({ until: Math.ceil(start + 1_000), wasBlocked: false })
      clock.advance(999)
      expect(await harness.consumeOne(charge)).toMatchObject({ allowed: false, retryAfter: 1 })
      clock.advance(1)
      expect(await harness.consumeOne(charge)).toMatchObject({ allowed: true })
      await blockOf(harness, [charge], 10_000)
      expect(await blockOf(harness, [charge], 20_000)).toEqual({ until: Math.ceil(start + 21_000), wasBlocked: true })
      expect(await harness.peek(charge)).toMatchObject({ retryAfter: 20_000 })
      expect(await blockOf(harness, [charge], 500)).toEqual({ until: Math.ceil(start + 1_500), wasBlocked: true })
      clock.advance(500)
      expect(await harness.peek(charge)).toMatchObject({ allowed: true })
      expect(await blockOf(harness, [charge], 500)).toMatchObject({ wasBlocked: false })
    })

    test(`${kind}: what was admitted before a block is refunded, and charged by force, as ever`, async (harness) => {
      await fill(harness, charge, 1)
      const taken = await harness.consumeOne(charge)
      await blockOf(harness, [charge], HOUR)
      expect(await harness.consumeOne(charge, { how: 'force' })).toMatchObject({ allowed: true, granted: 1 })
      if (kind === 'concurrency')
        expect(await harness.consumeOne({ ...charge, receipt: taken.receipt })).toMatchObject({ allowed: true, granted: 1 })
      expect(await harness.consumeOne(refundOf(charge, taken))).toMatchObject({ allowed: true })
      expect(await harness.consumeOne(charge)).toMatchObject({ allowed: false, blocked: true })
    })

    test(`${kind}: a reset deletes the count and leaves the block`, async (harness) => {
      await fill(harness, charge, QUOTA)
      await blockOf(harness, [charge], HOUR)
      expect(await harness.store.reset([charge])).toBe(true)
      expect(await harness.store.reset([charge])).toBe(false)
      expect(await harness.consumeOne(charge)).toMatchObject({ allowed: false, blocked: true })
      expect(await blockOf(harness, [charge], 0)).toMatchObject({ wasBlocked: true })
      expect(await harness.consumeOne(charge)).toMatchObject({ allowed: true, remaining: QUOTA - 1 })
    })
  }

  for (const [kind, limit] of allLimits) {
    for (const otherKind of OTHERS) {
      const other = limits[otherKind]
      if (limit.algorithm === other.algorithm) continue
      const one = chargeOf(limit)
      const two = chargeOf(other)
      test(`${kind} and ${otherKind} of one policy: a block of the subject holds for both, alone and together`, async (harness) => {
        await blockOf(harness, [one, two], HOUR)
        for (const charge of [one, two]) expect(await harness.consumeOne(charge)).toMatchObject({ allowed: false, blocked: true })
        const both = await harness.consume([one, two])
        expect(both.some((outcome) => outcome?.blocked === true)).toBe(true)
        expect(both.every((outcome) => outcome?.allowed !== true)).toBe(true)
        const elsewhere = [one, two].map((charge) => ({ ...charge, scope: `other+${charge.scope.split('+')[1]}` }))
        expect((await harness.consume(elsewhere)).map((outcome) => outcome?.allowed)).toEqual([true, true])
        await blockOf(harness, [one, two], 0)
        expect((await harness.consume([one, two])).map((outcome) => outcome?.remaining)).toEqual([QUOTA - 1, QUOTA - 1])
      })

      test(`${kind} and ${otherKind} of one decision: one blocked subject refuses it, and nothing is charged`, async (harness) => {
        const bob = { ...two, subject: 'bob' }
        await blockOf(harness, [one], HOUR)
        const [refused, untouched] = await harness.consume([one, bob])
        expect(refused).toMatchObject({ allowed: false, blocked: true })
        expect(untouched?.granted ?? 0).toBe(0)
        expect(await harness.peek(bob)).toMatchObject({ allowed: true, remaining: QUOTA })
      })
    }
  }

  test('any subject can be blocked', async (harness) => {
    const [, limit] = allLimits[0] as (typeof allLimits)[number]
    for (const subject of ['a\0b', '{x}', 'x:y', 'ü', '\ud800', 'x'.repeat(10_000), 'a!l', '4711']) {
      const charge = chargeOf(limit, 1, { subject })
      await blockOf(harness, [charge], HOUR)
      expect(await harness.consumeOne(charge)).toMatchObject({ blocked: true })
      expect(await harness.consumeOne({ ...charge, subject: `${subject}?` })).toMatchObject({ allowed: true })
    }
  })
}
