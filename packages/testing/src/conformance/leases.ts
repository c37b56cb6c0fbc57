import { type Charge, concurrency, type ConsumeOptions, fixedWindow, leakyBucket, type Limit, type Outcome, slidingLog } from '@sluice/core'
import { slidingWindow, tokenBucket } from '@sluice/core'
import { describe, expect } from 'vitest'
import { chargeOf, refundOf, type StoreUnderTest, suiteOf } from './suite.ts'

const TTL = 250
const LEASABLE: readonly Limit[] = [
  fixedWindow({ name: 'fixed', limit: 100, window: '1m' }).limit,
  slidingWindow({ name: 'sliding', limit: 100, window: '1m' }).limit,
  tokenBucket({ name: 'token', limit: 100, window: '1m' }).limit,
]
const OTHERS: readonly Limit[] = [
  slidingLog({ name: 'log', limit: 100, window: '1m' }).limit,
  leakyBucket({ name: 'leaky', limit: 100, window: '1m' }).limit,
  concurrency({ name: 'holders', limit: 100, ttl: '1m' }).limit,
]

const lease = (ceiling: number, more: ConsumeOptions = {}): ConsumeOptions => ({ lease: { ttl: TTL, ceiling }, ...more })
/** A lease of any size up to the cost. */
const part = (ceiling: number): ConsumeOptions => lease(ceiling, { atLeast: 1 })
/** The receipt of units that were spent from a lease, as the layer of leases sends it. */
const spent = (taken: Charge, { receipt }: Outcome, units: number): Charge => ({
  ...taken,
  cost: -units,
  receipt: `spent:${JSON.stringify(receipt)}`,
})

/**
 * Registers the tests of a store that grants leases: units that it debits at once and a process spends later, up to a ceiling over all
 * processes. Call it beside `storeConformance`.
 *
 * @param name title of the tests
 * @param under how to create and close the store. It must accept a clock
 *
 * @example
 * ```ts
 * import type { Clock, Store } from '@sluice/core'
 * import { leaseConformance } from '@sluice/testing'
 *
 * declare function myStore(options: { readonly clock: Clock }): Store
 *
 * leaseConformance('myStore', { make: (clock) => myStore({ clock }) })
 * ```
 */
export function leaseConformance(name: string, under: StoreUnderTest): void {
  const { testWithClock } = suiteOf(under)
  describe(`${name}: leases`, () => {
    for (const limit of LEASABLE) {
      const of = (cost: number): Charge => chargeOf(limit, cost)
      describe(limit.algorithm, () => {
        testWithClock('a lease debits the units at once, at most those that the limit has left', async ({ consumeOne, peek }) => {
          const first = await consumeOne(of(10), part(50))
          expect(first).toMatchObject({ allowed: true, granted: 10, remaining: 90, leaseFor: TTL, retryAfter: 0 })
          expect(first.receipt).toBeDefined()
          expect((await peek(of(1))).remaining).toBe(90)
          await consumeOne(of(85))
          expect(await consumeOne(of(10), part(50))).toMatchObject({ granted: 5, remaining: 0, leaseFor: TTL })
        })

        testWithClock('at most the ceiling is out on lease; a charge without a lease has no ceiling', async ({ consumeOne }) => {
          expect((await consumeOne(of(30), part(50))).granted).toBe(30)
          expect(await consumeOne(of(30), part(50))).toMatchObject({ granted: 20, remaining: 50 })
          expect(await consumeOne(of(1), part(50))).toMatchObject({ allowed: false, granted: 0, leaseFor: 0, receipt: undefined })
          expect(await consumeOne(of(1))).toMatchObject({ allowed: true, granted: 1, leaseFor: 0 })
        })

        testWithClock('nothing below atLeast, which is the cost by default', async ({ consumeOne }) => {
          expect(await consumeOne(of(6), lease(5))).toMatchObject({ allowed: false, granted: 0, retryAfter: Infinity, remaining: 100 })
          expect(await consumeOne(of(9), lease(5, { atLeast: 6 }))).toMatchObject({ allowed: false, granted: 0 })
          expect(await consumeOne(of(9), lease(5, { atLeast: 5 }))).toMatchObject({ allowed: true, granted: 5 })
        })

        testWithClock('units count for their epoch and the next; a refusal says when they stop', async ({ clock, consumeOne }) => {
          clock.advance(100)
          await consumeOne(of(6), part(10))
          clock.advance(TTL)
          expect((await consumeOne(of(9), part(10))).granted).toBe(4)
          const refused = await consumeOne(of(6), lease(10))
          expect(refused).toMatchObject({ allowed: false, retryAfter: TTL - 100 })
          clock.advance(refused.retryAfter - 1)
          expect(await consumeOne(of(6), lease(10))).toMatchObject({ allowed: false, retryAfter: 1 })
          clock.advance(1)
          expect(await consumeOne(of(6), lease(10))).toMatchObject({ allowed: true, granted: 6 })
        })

        testWithClock('units given back within the ttl return to the limit and to the ceiling', async ({ clock, consumeOne }) => {
          clock.advance(200)
          const first = await consumeOne(of(10), part(10))
          expect(await consumeOne(refundOf(of(1), first, 4))).toMatchObject({ granted: -4, remaining: 94 })
          expect(await consumeOne(of(10), part(10))).toMatchObject({ granted: 4, remaining: 90 })
          clock.advance(TTL)
          expect((await consumeOne(refundOf(of(1), first, 6))).granted).toBe(-6)
          expect((await consumeOne(of(10), part(10))).granted).toBe(6)
        })

        testWithClock('trap: after the ttl, or before the grant, no unit returns', async ({ clock, consumeOne, peek }) => {
          const first = await consumeOne(of(10), part(10))
          clock.advance(-1)
          expect((await consumeOne(refundOf(of(1), first))).granted).toBe(0)
          clock.advance(TTL + 1.001)
          expect((await consumeOne(refundOf(of(1), first))).granted).toBe(0)
          expect((await peek(of(1))).remaining).toBe(90)
        })

        testWithClock(
          'D08: units that were spent come back at any time, as those of a plain charge',
          async ({ clock, consumeOne, peek }) => {
            const first = await consumeOne(of(10), part(10))
            clock.advance(2 * TTL)
            const left = (await peek(of(1))).remaining
            expect((await consumeOne(spent(of(1), first, 3))).granted).toBe(-3)
            expect((await peek(of(1))).remaining).toBe(left + 3)
          },
        )

        testWithClock('a clock that steps back frees nothing of the ceiling', async ({ clock, consumeOne }) => {
          await consumeOne(of(10), part(10))
          clock.advance(-3 * TTL)
          expect(await consumeOne(of(1), part(10))).toMatchObject({ allowed: false, retryAfter: 5 * TTL })
        })

        testWithClock('two charges on one state draw on one ceiling', async ({ consume, consumeOne }) => {
          const [a, b] = await consume([of(7), of(7)], part(10))
          expect([a?.granted, b?.granted, b?.remaining]).toEqual([7, 3, 90])
          expect((await consumeOne(of(1), part(10))).allowed).toBe(false)
          const after = await consume([refundOf(of(1), a as Outcome), of(7)], part(10))
          expect(after.map((one) => one?.granted)).toEqual([-7, 7])
        })

        testWithClock('a peek, a forced charge and a reset leave the ceiling as it is', async ({ consumeOne, store }) => {
          await consumeOne(of(6), part(10))
          expect(await consumeOne(of(4), lease(10, { how: 'peek' }))).toMatchObject({ allowed: true, leaseFor: 0, receipt: undefined })
          expect(await consumeOne(of(1), lease(0, { how: 'force' }))).toMatchObject({ granted: 1, leaseFor: 0 })
          await store.reset([of(1)])
          expect((await consumeOne(of(10), part(10))).granted).toBe(4)
        })
      })
    }

    for (const limit of LEASABLE.slice(0, 2)) {
      testWithClock(`${limit.algorithm}: a lease ends with its window`, async ({ clock, consumeOne }) => {
        clock.advance(60_000 - 100.5)
        expect(await consumeOne(chargeOf(limit, 10), part(50))).toMatchObject({ granted: 10, leaseFor: 100 })
      })
    }

    for (const limit of OTHERS) {
      testWithClock(`${limit.algorithm} leases nothing`, async ({ consumeOne }) => {
        const outcome = await consumeOne(chargeOf(limit), lease(0))
        expect(outcome).toMatchObject({ allowed: true, granted: 1, leaseFor: 0 })
        expect((await consumeOne(refundOf(chargeOf(limit), outcome))).granted).toBe(-1)
      })
    }

    testWithClock('several limits in one decision: all or nothing', async ({ consume, consumeOne }) => {
      const [token, log] = [LEASABLE[2] as Limit, OTHERS[0] as Limit]
      const both = (cost: number): readonly Charge[] => [chargeOf(token, cost), chargeOf(log, cost)]
      const [leased, plain] = await consume(both(10), part(20))
      expect([leased?.granted, leased?.leaseFor, plain?.granted, plain?.leaseFor]).toEqual([10, TTL, 10, 0])
      await consumeOne(chargeOf(log, 90))
      expect(await consume(both(5), part(20))).toMatchObject([{ allowed: true, granted: 0, leaseFor: 0 }, { allowed: false }])
      expect((await consumeOne(chargeOf(token, 20), part(20))).granted).toBe(10)
    })

    testWithClock('invalid terms are refused', async ({ errorCodeOf }) => {
      for (const terms of [
        { ttl: 0, ceiling: 1 },
        { ttl: Number.NaN, ceiling: 1 },
        { ttl: TTL, ceiling: -1 },
        { ttl: TTL, ceiling: 1.5 },
      ])
        expect(await errorCodeOf([chargeOf(LEASABLE[0] as Limit)], { lease: terms })).toBe('ERR_OPTION_INVALID')
    })
  })
}
