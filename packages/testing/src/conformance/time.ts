import { type Limit, fixedWindow } from '@sluice/core'
import { expect } from 'vitest'
import { START } from '../fake-clock.ts'
import { type Bench, charge, type Suite } from './suite.ts'
import { fill } from './contract.ts'
import { every, limits, TEN, WINDOW } from './limits.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR

/** Clocks that step, edges of windows, calendars. All of it needs a clock of the test's own. */
export function time({ timed }: Suite): void {
  for (const [kind, limit] of every) {
    for (const back of [0.001, 1_000, 5_000, 5_001, 58_000]) {
      timed(`${kind}: a clock that steps back by ${back} ms refills nothing`, async (bench) => {
        bench.clock.advance(70_000)
        const one = charge(limit)
        await fill(bench, one)
        bench.clock.advance(-back)
        const refused = await bench.one(one)
        expect(refused).toMatchObject({ allowed: false, remaining: 0 })
        expect(refused.retryAfter).toBeGreaterThan(0)
        bench.clock.advance(back)
        expect((await bench.one(one)).allowed).toBe(false)
      })
    }
  }

  timed('fixedWindow: a start up to 5 s ahead of now is kept; from further ahead the count moves to the window of now', async (bench) => {
    const one = charge(limits.fixedWindow)
    bench.clock.advance(WINDOW)
    await bench.one({ ...one, cost: TEN })
    bench.clock.advance(-5_000)
    expect(await bench.one(one)).toMatchObject({ allowed: false, retryAfter: WINDOW + 5_000, resetAfter: WINDOW + 5_000 })
    bench.clock.advance(-1)
    expect(await bench.one(one)).toMatchObject({ allowed: false, retryAfter: 5_001, resetAfter: 5_001 })
  })

  timed('slidingWindow: a start up to 5 s ahead of now holds at its beginning; from further ahead the counts move', async (bench) => {
    const one = charge(limits.slidingWindow)
    await bench.one({ ...one, cost: 6 })
    bench.clock.advance(WINDOW)
    await bench.one({ ...one, cost: 4 })
    bench.clock.advance(-5_000)
    expect(await bench.one(one)).toMatchObject({ allowed: false, remaining: 0, retryAfter: 5_000 + 1_667, resetAfter: 2 * WINDOW + 5_000 })
    bench.clock.advance(-1)
    // Of the 6 now before the window of now, ⌈6 · 5,001 / 10,000⌉ still count.
    expect(await bench.one({ ...one, cost: 3 })).toMatchObject({ allowed: false, remaining: 2, resetAfter: WINDOW + 5_001 })
  })

  timed('slidingLog: after a step back, a new entry is as late as the newest', async (bench) => {
    const one = charge(limits.slidingLog)
    await bench.one(one)
    bench.clock.advance(-3_000)
    expect(await bench.one({ ...one, cost: TEN - 1 })).toMatchObject({
      allowed: true,
      remaining: 0,
      nextAfter: WINDOW + 3_000,
      resetAfter: WINDOW + 3_000,
    })
  })

  timed('tokenBucket: a step back is waited out, and retryAfter says so', async (bench) => {
    const one = charge(limits.tokenBucket)
    await bench.one({ ...one, cost: TEN })
    bench.clock.advance(-30_000)
    expect(await bench.one(one)).toMatchObject({ allowed: false, retryAfter: 31_000, resetAfter: 40_000 })
  })

  timed('fixedWindow: windows are aligned to the epoch, half-open', async (bench) => {
    const one = charge(limits.fixedWindow)
    bench.clock.advance(WINDOW - 0.001)
    expect(await bench.one({ ...one, cost: TEN })).toMatchObject({ allowed: true, resetAfter: 1 })
    expect((await bench.peek(one)).allowed).toBe(false)
    bench.clock.advance(0.001)
    expect(await bench.one({ ...one, cost: TEN })).toMatchObject({ allowed: true, resetAfter: WINDOW })
  })

  timed('fixedWindow, first: starts with the first admitted charge, not with a refusal, a peek or a cost of 0', async (bench) => {
    const one = charge(limits['fixedWindow, first'])
    await bench.peek(one)
    await bench.one({ ...one, cost: 0 })
    await bench.one({ ...one, cost: TEN + 1 })
    bench.clock.advance(1_234)
    expect(await bench.one(one)).toMatchObject({ resetAfter: WINDOW })
    bench.clock.advance(WINDOW - 1)
    expect(await bench.one({ ...one, cost: TEN - 1 })).toMatchObject({ allowed: true, remaining: 0, resetAfter: 1 })
    bench.clock.advance(1)
    expect(await bench.one(one)).toMatchObject({ allowed: true, remaining: TEN - 1, resetAfter: WINDOW })
  })

  timed('slidingLog: an entry counts while its time > now − W', async (bench) => {
    const one = charge(limits.slidingLog)
    await bench.one({ ...one, cost: TEN })
    bench.clock.advance(WINDOW - 0.001)
    expect(await bench.one(one)).toMatchObject({ allowed: false, retryAfter: 1 })
    bench.clock.advance(0.001)
    expect(await bench.one(one)).toMatchObject({ allowed: true, remaining: TEN - 1 })
  })

  timed('slidingLog: retryAfter is when enough of the oldest have gone', async (bench) => {
    const one = charge(limits.slidingLog)
    for (const cost of [2, 3, 5]) {
      await bench.one({ ...one, cost })
      bench.clock.advance(1_000)
    }
    const waits = await Promise.all([1, 2, 3, 5, 6].map(async (cost) => (await bench.peek({ ...one, cost })).retryAfter))
    expect(waits).toEqual([7_000, 7_000, 8_000, 8_000, 9_000])
  })

  timed('leakyBucket, queue: admits with the delay after which it is its turn', async (bench) => {
    const one = charge(limits['leakyBucket, queue'], 2)
    const delays = []
    for (let i = 0; i < 3; i++) delays.push((await bench.one(one)).delay)
    expect(delays).toEqual([0, 2_000, 4_000])
    bench.clock.advance(500)
    expect(await bench.one(one, { how: 'peek' })).toMatchObject({ delay: 5_500 })
    expect(await bench.one({ ...one, cost: 5 })).toMatchObject({ allowed: false, delay: 0 })
  })

  timed('trap: Floats: `tostring(1700000000123456)` is `1.7000000001235e+15`', async (bench) => {
    bench.clock.set(1_700_000_000_123.456)
    for (const [kind, limit] of every) {
      const one = charge(limit, 1, { scope: `p/${kind}` })
      await bench.one(one)
      bench.clock.advance(0.001)
      expect(await bench.one(one)).toMatchObject({ remaining: TEN - 2 })
      bench.clock.advance(-0.001)
    }
    const log = await bench.peek(charge(limits.slidingLog, 1, { scope: 'p/slidingLog' }))
    expect(log).toMatchObject({ at: 1_700_000_000_123_456, resetAfter: WINDOW + 1 })
  })

  calendars({ timed })
}

function calendars({ timed }: Pick<Suite, 'timed'>): void {
  const ends = (limit: Limit, starts: number, hours: number, before: string): void => {
    timed(`fixedWindow, calendar: ${before}`, async (bench) => {
      const one = charge(limit)
      bench.clock.set(starts - 1)
      expect(await bench.one({ ...one, cost: TEN })).toMatchObject({ allowed: true, resetAfter: 1 })
      bench.clock.set(starts)
      await wholeWindow(bench, one, hours * HOUR)
    })
  }
  const wholeWindow = async (bench: Bench, one: ReturnType<typeof charge>, length: number): Promise<void> => {
    expect(await bench.one({ ...one, cost: TEN })).toMatchObject({ allowed: true, remaining: 0, resetAfter: length })
    bench.clock.advance(length - 1)
    expect(await bench.one(one)).toMatchObject({ allowed: false, retryAfter: 1 })
    bench.clock.advance(1)
    expect((await bench.one(one)).allowed).toBe(true)
  }
  const of = (window: 'day' | 'week' | 'month', timeZone?: string): Limit =>
    fixedWindow({ name: 'calendar', limit: TEN, window, timeZone }).limit

  ends(of('day'), START, 24, 'a day is one of UTC by default')
  ends(of('day', 'Europe/Berlin'), Date.UTC(2026, 2, 28, 23), 23, 'Berlin, the day of 23 hours')
  ends(of('day', 'Europe/Berlin'), Date.UTC(2026, 9, 24, 22), 25, 'Berlin, the day of 25 hours')
  ends(of('day', 'Australia/Lord_Howe'), Date.UTC(2026, 3, 4, 13), 24.5, 'Lord Howe, half an hour more')
  ends(of('day', 'Asia/Kathmandu'), Date.UTC(2026, 4, 1, 18, 15), 24, 'Kathmandu, at a quarter to')
  ends(of('day', 'America/Havana'), Date.UTC(2026, 2, 8, 5), 23, 'Havana, a day without a midnight')
  ends(of('day', 'America/Havana'), Date.UTC(2026, 10, 1, 4), 25, 'Havana, a day with two midnights starts with the first')
  ends(of('day', 'Pacific/Apia'), Date.UTC(2011, 11, 29, 10), 24, 'Apia, the day before the one that was left out')
  ends(of('week', 'Europe/Berlin'), Date.UTC(2026, 2, 22, 23), 7 * 24 - 1, 'a week starts on Monday, and may be an hour shorter')
  ends(of('month', 'Europe/Berlin'), Date.UTC(2026, 9, 31, 23), 30 * 24, 'a month of 30 days')
  ends(of('month', 'UTC'), Date.UTC(2028, 1, 1), 29 * 24, 'February of a leap year')
  ends(of('month', 'UTC'), Date.UTC(2025, 11, 1), 31 * 24, 'a month into another year')

  timed('fixedWindow, calendar: many empty windows later it is a new one', async (bench) => {
    const one = charge(of('day', 'Europe/Berlin'))
    await bench.one({ ...one, cost: TEN })
    bench.clock.advance(400 * DAY)
    expect(await bench.one(one)).toMatchObject({ allowed: true, remaining: TEN - 1 })
  })

  timed('fixedWindow, calendar: a start a little ahead of now is kept, as in any window', async (bench) => {
    const one = charge(of('day', 'Europe/Berlin'))
    bench.clock.set(Date.UTC(2026, 2, 28, 23))
    await bench.one({ ...one, cost: TEN })
    bench.clock.advance(-5_000)
    expect(await bench.one(one)).toMatchObject({ allowed: false, retryAfter: 23 * HOUR + 5_000 })
    bench.clock.advance(-1)
    expect(await bench.one(one)).toMatchObject({ allowed: false, retryAfter: 5_001 })
  })
}
