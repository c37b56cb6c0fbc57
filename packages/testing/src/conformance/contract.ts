import { expect } from 'vitest'
import { type Bench, charge, type Suite } from './suite.ts'
import { changed, every, metered, TEN } from './limits.ts'

/** What every algorithm has in common: what an outcome says, and what a refusal, a peek and a forced charge do. */
export function contract({ test, timed }: Suite): void {
  for (const [kind, limit] of every) {
    const one = charge(limit)

    test(`${kind}: a new subject has all there is`, async (bench) => {
      const outcome = await bench.peek(one)
      expect(outcome).toMatchObject({
        allowed: true,
        remaining: TEN,
        retryAfter: 0,
        nextAfter: 0,
        resetAfter: 0,
        delay: 0,
        leaseFor: 0,
        granted: 1,
      })
      expect(outcome.receipt).toBeUndefined()
      expect(outcome.held).toBeUndefined()
    })

    timed(`${kind}: an outcome names the store, and its time in µs`, async (bench) => {
      bench.clock.set(1_700_000_000_123.456)
      const outcome = await bench.one(one)
      expect(outcome.source).toBe(bench.store.name)
      expect(outcome.at).toBe(1_700_000_000_123_456)
    })

    test(`${kind}: admits what there is, one by one, then refuses`, async (bench) => {
      for (let left = TEN - 1; left >= 0; left--) {
        const outcome = await bench.one(one)
        expect(outcome).toMatchObject({ allowed: true, remaining: left, retryAfter: 0, granted: 1 })
        expect(outcome.receipt).toBeDefined()
        expect(outcome.resetAfter).toBeGreaterThan(0)
      }
      const refused = await bench.one(one)
      expect(refused).toMatchObject({ allowed: false, remaining: 0, delay: 0, granted: 0 })
      expect(refused.receipt).toBeUndefined()
      expect(refused.retryAfter).toBeGreaterThan(0)
      expect(refused.retryAfter).toBeLessThan(Infinity)
    })

    test(`${kind}: every duration is a whole number of ms`, async (bench) => {
      const odd = charge(changed(limit, { limit: 7 }))
      for (let i = 0; i < 8; i++) {
        const { retryAfter, nextAfter, resetAfter, delay } = await bench.one(odd)
        for (const ms of [retryAfter, nextAfter, resetAfter, delay]) expect(Number.isInteger(ms)).toBe(true)
      }
    })

    test(`${kind}: a refusal changes nothing`, async (bench) => {
      await fill(bench, one)
      const before = await bench.state(one)
      for (let i = 0; i < 5; i++) expect((await bench.one(one)).allowed).toBe(false)
      expect(await bench.state(one)).toEqual(before)
    })

    test(`${kind}: a peek decides for the cost and writes nothing`, async (bench) => {
      for (let i = 0; i < TEN + 2; i++) expect(await bench.peek(one)).toMatchObject({ allowed: true, remaining: TEN, granted: 1 })
      await fill(bench, one)
      for (let i = 0; i < 2; i++) expect(await bench.peek(one)).toMatchObject({ allowed: false, remaining: 0, granted: 0 })
    })

    test(`${kind}: a cost of 0 takes nothing`, async (bench) => {
      await bench.one(one)
      const before = await bench.state(one)
      const outcome = await bench.one({ ...one, cost: 0 })
      expect(outcome).toMatchObject({ allowed: true, remaining: TEN - 1, granted: 0 })
      expect(outcome.receipt).toBeUndefined()
      expect(await bench.state(one)).toEqual(before)
    })

    test(`${kind}: a limit of 0 refuses all, for ever`, async (bench) => {
      const none = charge(changed(limit, { limit: 0 }))
      expect(await bench.one(none)).toMatchObject({ allowed: false, remaining: 0, retryAfter: Infinity, nextAfter: 0, granted: 0 })
    })

    test(`${kind}: a limit of 1 passes once`, async (bench) => {
      const single = charge(changed(limit, { limit: 1, burst: undefined, maxDelay: limit.maxDelay === undefined ? undefined : 1 }))
      expect(await bench.one(single)).toMatchObject({ allowed: true, remaining: 0 })
      expect(await bench.one(single)).toMatchObject({ allowed: false, remaining: 0 })
    })

    test(`${kind}: force charges past the limit, and what is left is never below 0`, async (bench) => {
      await fill(bench, one)
      expect(await bench.one(one, { how: 'force' })).toMatchObject({ allowed: true, retryAfter: 0, remaining: 0, granted: 1 })
      expect(await bench.one(one)).toMatchObject({ allowed: false, remaining: 0 })
    })

    test(`${kind}: outcomes are fresh, also for equal charges of one decision`, async (bench) => {
      const [first, second] = await bench.consume([one, one])
      const [third] = await bench.consume([{ ...one, cost: 0 }])
      const [fourth] = await bench.consume([{ ...one, cost: 0 }])
      expect(new Set([first, second, third, fourth]).size).toBe(4)
      expect(first).toMatchObject({ remaining: TEN - 1 })
      expect(second).toMatchObject({ remaining: TEN - 2 })
    })

    test(`${kind}: a decision without charges is an empty one`, async (bench) => {
      expect(await bench.consume([])).toEqual([])
    })

    test(`${kind}: a reset forgets the subject, and nobody else`, async (bench) => {
      const other = { ...one, subject: 'bob' }
      await fill(bench, one)
      await fill(bench, other)
      await bench.store.reset([one])
      expect(await bench.peek(one)).toMatchObject({ allowed: true, remaining: TEN, resetAfter: 0 })
      expect(await bench.peek(other)).toMatchObject({ allowed: false, remaining: 0 })
    })

    // A holder may be released at any time, so the wait of a full concurrency limit is a hint.
    if (kind === 'concurrency') continue

    timed(`${kind}: retryAfter is the first ms at which the cost is admitted`, async (bench) => {
      await bench.one({ ...one, cost: TEN })
      bench.clock.advance(12.345)
      const { retryAfter } = await bench.one({ ...one, cost: 3 })
      bench.clock.advance(retryAfter - 1)
      expect((await bench.peek({ ...one, cost: 3 })).allowed).toBe(false)
      bench.clock.advance(1)
      expect((await bench.one({ ...one, cost: 3 })).allowed).toBe(true)
    })

    timed(`${kind}: nextAfter is the first ms at which one more is left`, async (bench) => {
      const { nextAfter, remaining } = await bench.one({ ...one, cost: 4 })
      expect(remaining).toBe(TEN - 4)
      bench.clock.advance(nextAfter - 1)
      expect((await bench.peek(one)).remaining).toBe(remaining)
      bench.clock.advance(1)
      expect((await bench.peek(one)).remaining).toBeGreaterThan(remaining)
    })

    timed(`${kind}: resetAfter is the first ms at which nothing is used`, async (bench) => {
      const { resetAfter } = await bench.one({ ...one, cost: 4 })
      bench.clock.advance(resetAfter - 1)
      expect((await bench.peek(one)).resetAfter).toBe(1)
      bench.clock.advance(1)
      expect(await bench.peek(one)).toMatchObject({ remaining: TEN, nextAfter: 0, resetAfter: 0 })
    })
  }
  costs({ test })
}

function costs({ test }: Pick<Suite, 'test'>): void {
  for (const [kind, limit] of metered) {
    const one = charge(limit)

    test(`${kind}: a cost above the limit is never admitted, and costs nothing`, async (bench) => {
      await bench.one({ ...one, cost: 2 })
      const before = await bench.state(one)
      expect(await bench.one({ ...one, cost: TEN + 1 })).toMatchObject({
        allowed: false,
        remaining: TEN - 2,
        retryAfter: Infinity,
        granted: 0,
      })
      expect(await bench.one({ ...one, cost: Number.MAX_SAFE_INTEGER })).toMatchObject({ allowed: false, retryAfter: Infinity })
      expect(await bench.state(one)).toEqual(before)
    })

    test(`${kind}: atLeast grants what is left, from there up to the cost`, async (bench) => {
      await bench.one({ ...one, cost: 7 })
      expect(await bench.one({ ...one, cost: 5 }, { how: 'peek', atLeast: 2 })).toMatchObject({ allowed: true, remaining: 3, granted: 3 })
      expect(await bench.one({ ...one, cost: 5 }, { atLeast: 2 })).toMatchObject({ allowed: true, remaining: 0, granted: 3 })
    })

    test(`${kind}: atLeast grants the whole cost when it fits, also a cost above the limit in part`, async (bench) => {
      expect(await bench.one({ ...one, cost: 4 }, { atLeast: 2 })).toMatchObject({ granted: 4, remaining: 6 })
      expect(await bench.one({ ...one, cost: 100 }, { atLeast: 1 })).toMatchObject({ allowed: true, granted: 6, remaining: 0 })
    })

    test(`${kind}: atLeast refuses less than that, and tells when there would be as much`, async (bench) => {
      await bench.one({ ...one, cost: 9 })
      const two = await bench.peek({ ...one, cost: 2 })
      expect(await bench.one({ ...one, cost: 8 }, { atLeast: 2 })).toMatchObject({
        allowed: false,
        remaining: 1,
        granted: 0,
        retryAfter: two.retryAfter,
      })
    })

    test(`${kind}: what atLeast took in part is given back in part`, async (bench) => {
      await bench.one({ ...one, cost: 7 })
      const taken = await bench.one({ ...one, cost: 5 }, { atLeast: 1 })
      expect(await bench.one({ ...one, cost: -5, receipt: taken.receipt })).toMatchObject({ allowed: true, granted: -3, remaining: 3 })
    })
  }
}

/** Takes all there is, one by one: a holder is one unit. */
export async function fill(bench: Bench, one: Parameters<Bench['one']>[0], units: number = TEN): Promise<void> {
  for (let i = 0; i < units; i++) expect((await bench.one(one)).allowed).toBe(true)
}
