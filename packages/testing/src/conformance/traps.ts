import { expect } from 'vitest'
import { charge, giveBack, type Suite } from './suite.ts'
import { fill } from './contract.ts'
import { changed, every, limits, metered, TEN, WINDOW } from './limits.ts'

/** The counting rows of traps.md, in its words; more of them are in limit-changes.ts, subjects.ts and time.ts. */
export function traps({ test, timed }: Suite): void {
  test('trap: A refused request drains the quota (or, of two limits, the one that had room).', async (bench) => {
    for (const [kind, limit] of metered) {
      const one = charge(limit, 1, { scope: `p/${kind}` })
      const other = charge(limit, 1, { scope: `q/${kind}` })
      await bench.one({ ...one, cost: TEN - 1 })
      for (let i = 0; i < 20; i++) {
        await bench.one({ ...one, cost: 2 })
        await bench.consume([other, { ...one, cost: 2 }])
      }
      expect(await bench.one(one)).toMatchObject({ allowed: true, remaining: 0 })
      expect(await bench.peek(other)).toMatchObject({ remaining: TEN, resetAfter: 0 })
    }
  })

  test('trap: A costly request overdraws: limit 10, cost 7 twice, 14 admitted; or the refusal of cost 5 with 2 left stores −3.', async (bench) => {
    for (const [kind, limit] of metered) {
      const one = charge(limit, 1, { scope: `p/${kind}` })
      expect((await bench.one({ ...one, cost: 7 })).allowed).toBe(true)
      expect((await bench.one({ ...one, cost: 7 })).allowed).toBe(false)
      await bench.one(one)
      expect(await bench.one({ ...one, cost: 5 })).toMatchObject({ allowed: false, remaining: 2 })
      expect(await bench.one({ ...one, cost: 2 })).toMatchObject({ allowed: true, remaining: 0 })
    }
  })

  timed('trap: `limit: 1` in a sliding window never passes again.', async (bench) => {
    const one = charge(changed(limits.slidingWindow, { limit: 1 }))
    for (let i = 0; i < 5; i++) {
      const taken = await bench.one(one)
      expect(taken).toMatchObject({ allowed: true, remaining: 0 })
      bench.clock.advance((await bench.one(one)).retryAfter)
    }
  })

  test('trap: Remaining below 0. Remaining off by one on a fresh key because of floats.', async (bench) => {
    for (const [kind, limit] of every) {
      const one = charge(limit, 1, { scope: `p/${kind}` })
      expect((await bench.one(one)).remaining).toBe(TEN - 1)
      await fill(bench, one, TEN - 1)
      for (let i = 0; i < 3; i++) expect((await bench.one(one, { how: 'force' })).remaining).toBe(0)
      expect((await bench.one(one)).remaining).toBe(0)
    }
    for (const limit of [3, 7, 49, 60, 1_000]) {
      const awkward = charge(changed(limits.tokenBucket, { limit, window: 60_000 }), 1, { subject: `${limit}` })
      for (let left = limit - 1; left >= 0; left--) expect((await bench.one(awkward)).remaining).toBe(left)
      expect((await bench.one(awkward)).allowed).toBe(false)
    }
  })

  timed('trap: Refund without bound; refund after expiry leaves a negative value without TTL.', async (bench) => {
    for (const [kind, limit] of metered) {
      const one = charge(limit, 3, { scope: `p/${kind}` })
      const taken = await bench.one(one)
      await bench.one({ ...one, cost: -1_000, receipt: taken.receipt })
      expect((await bench.peek(one)).remaining).toBeLessThanOrEqual(TEN)
    }
    const receipts = await Promise.all(
      metered.map(async ([kind, limit]) => (await bench.one(charge(limit, 3, { scope: `q/${kind}` }))).receipt),
    )
    bench.clock.advance(3 * 86_400_000)
    for (const [i, [kind, limit]] of metered.entries()) {
      const one = charge(limit, 3, { scope: `q/${kind}` })
      expect(await bench.one({ ...one, cost: -3, receipt: receipts[i] })).toMatchObject({
        allowed: true,
        granted: 0,
        remaining: TEN,
        resetAfter: 0,
      })
      expect(await bench.one({ ...one, cost: TEN })).toMatchObject({ allowed: true, remaining: 0 })
      expect((await bench.one(one)).allowed).toBe(false)
    }
  })

  test('trap: Two hits with the same timestamp count once in a sorted set.', async (bench) => {
    const one = charge(limits.slidingLog)
    expect((await bench.one(one)).remaining).toBe(TEN - 1)
    expect((await bench.one(one)).remaining).toBe(TEN - 2)
    const [third, fourth] = await bench.consume([one, one])
    expect([third?.remaining, fourth?.remaining]).toEqual([TEN - 3, TEN - 4])
    expect(third?.receipt).not.toEqual(fourth?.receipt)
  })

  test("trap: A result object shared between requests: concurrent requests read each other's verdict.", async (bench) => {
    const one = charge(changed(limits.slidingWindow, { limit: 1 }))
    const [first, second] = await Promise.all([bench.consume([one]), bench.consume([one])])
    expect(first).not.toBe(second)
    expect(first[0]).not.toBe(second[0])
    expect([first[0]?.allowed, second[0]?.allowed].filter(Boolean)).toHaveLength(1)
  })

  timed('trap: A refund after the window rolled over lands in the new one: the promise is broken.', async (bench) => {
    for (const limit of [limits.fixedWindow, limits.slidingWindow, limits.slidingLog]) {
      const one = charge(limit, TEN, { scope: `p/${limit.algorithm}` })
      const taken = await bench.one(one)
      bench.clock.advance(2 * WINDOW)
      await bench.one(one)
      await bench.one(giveBack(one, taken))
      expect(await bench.one({ ...one, cost: 1 })).toMatchObject({ allowed: false, remaining: 0 })
    }
  })

  timed("trap: A late release frees somebody else's slot.", async (bench) => {
    const one = charge(changed(limits.concurrency, { limit: 1 }))
    const late = await bench.one(one)
    bench.clock.advance(WINDOW)
    expect((await bench.one(one)).allowed).toBe(true)
    expect(await bench.one(giveBack(one, late))).toMatchObject({ allowed: true, granted: 0, remaining: 0 })
    expect((await bench.one(one)).allowed).toBe(false)
  })

  test('trap: Two unnamed limiters on one store share a counter; a shadow policy spends the real one.', async (bench) => {
    const real = charge(limits.slidingWindow)
    await fill(bench, { ...real, scope: `~${real.scope}` })
    expect(await bench.peek(real)).toMatchObject({ remaining: TEN })
    await fill(bench, { ...real, scope: real.scope.replace('policy', 'other') })
    expect(await bench.peek(real)).toMatchObject({ remaining: TEN })
  })

  test('trap: A batch that reads all keys and then writes all: one subject repeated in it is admitted without end.', async (bench) => {
    for (const [kind, limit] of every) {
      const one = charge(limit, 1, { scope: `p/${kind}` })
      const tooMany = await bench.consume(Array.from({ length: TEN + 1 }, () => one))
      expect(tooMany.some((outcome) => outcome?.allowed === false)).toBe(true)
      expect(await bench.peek(one)).toMatchObject({ remaining: TEN })
      const all = await Promise.all(Array.from({ length: 2 * TEN }, () => bench.consume([one])))
      expect(all.filter(([outcome]) => outcome?.allowed)).toHaveLength(TEN)
    }
  })

  test('trap: An error in the middle leaves half of it charged.', async (bench) => {
    const one = charge(limits.tokenBucket)
    const wrong = charge(limits.fixedWindow, -1)
    expect(await bench.errorOf([one, wrong, one])).toBe('ERR_RECEIPT_REQUIRED')
    expect(await bench.peek(one)).toMatchObject({ remaining: TEN, resetAfter: 0 })
  })
}
