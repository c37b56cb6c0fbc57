import { type CalendarAnchor, type CalendarWindow, type Charge, type Limit, fixedWindow } from '@sluice/core'
import { expect } from 'vitest'
import { START } from '../fake-clock.ts'
import { type Harness, chargeOf, fill, type Suite } from './suite.ts'
import { allLimits, limits, QUOTA, WINDOW } from './limits.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR

/** Clocks that step back, edges of windows, calendars. Every test moves the clock. */
export function time({ testWithClock }: Suite): void {
  for (const [kind, limit] of allLimits) {
    for (const back of [0.001, 1_000, 5_000, 5_001, 58_000]) {
      testWithClock(`${kind}: a clock that steps back by ${back} ms refills nothing`, async (harness) => {
        harness.clock.advance(70_000)
        const charge = chargeOf(limit)
        await fill(harness, charge, QUOTA)
        harness.clock.advance(-back)
        const refused = await harness.consumeOne(charge)
        expect(refused).toMatchObject({ allowed: false, remaining: 0 })
        expect(refused.retryAfter).toBeGreaterThan(0)
        harness.clock.advance(back)
        expect((await harness.consumeOne(charge)).allowed).toBe(false)
      })
    }
  }

  testWithClock(
    'fixedWindow: a window that starts up to 5 s ahead is kept; from further ahead its count moves to the current window',
    async (harness) => {
      const charge = chargeOf(limits.fixedWindow)
      harness.clock.advance(WINDOW)
      await harness.consumeOne({ ...charge, cost: QUOTA })
      harness.clock.advance(-5_000)
      expect(await harness.consumeOne(charge)).toMatchObject({ allowed: false, retryAfter: WINDOW + 5_000, resetAfter: WINDOW + 5_000 })
      harness.clock.advance(-1)
      expect(await harness.consumeOne(charge)).toMatchObject({ allowed: false, retryAfter: 5_001, resetAfter: 5_001 })
    },
  )

  testWithClock(
    'slidingWindow: a window that starts up to 5 s ahead is kept; from further ahead its counts move to the current window',
    async (harness) => {
      const charge = chargeOf(limits.slidingWindow)
      await harness.consumeOne({ ...charge, cost: 6 })
      harness.clock.advance(WINDOW)
      await harness.consumeOne({ ...charge, cost: 4 })
      harness.clock.advance(-5_000)
      expect(await harness.consumeOne(charge)).toMatchObject({
        allowed: false,
        remaining: 0,
        retryAfter: 5_000 + 1_667,
        resetAfter: 2 * WINDOW + 5_000,
      })
      harness.clock.advance(-1)
      // The 6 units are now in the previous window: ⌈6 · 5,001 / 10,000⌉ of them still count.
      expect(await harness.consumeOne({ ...charge, cost: 3 })).toMatchObject({ allowed: false, remaining: 2, resetAfter: WINDOW + 5_001 })
    },
  )

  testWithClock('slidingLog: after a clock steps back, a new entry gets the time of the newest', async (harness) => {
    const charge = chargeOf(limits.slidingLog)
    await harness.consumeOne(charge)
    harness.clock.advance(-3_000)
    expect(await harness.consumeOne({ ...charge, cost: QUOTA - 1 })).toMatchObject({
      allowed: true,
      remaining: 0,
      nextAfter: WINDOW + 3_000,
      resetAfter: WINDOW + 3_000,
    })
  })

  testWithClock('tokenBucket: after a clock steps back, retryAfter includes the step', async (harness) => {
    const charge = chargeOf(limits.tokenBucket)
    await harness.consumeOne({ ...charge, cost: QUOTA })
    harness.clock.advance(-30_000)
    expect(await harness.consumeOne(charge)).toMatchObject({ allowed: false, retryAfter: 31_000, resetAfter: 40_000 })
  })

  testWithClock('fixedWindow: windows are aligned to the epoch and half-open', async (harness) => {
    const charge = chargeOf(limits.fixedWindow)
    harness.clock.advance(WINDOW - 0.001)
    expect(await harness.consumeOne({ ...charge, cost: QUOTA })).toMatchObject({ allowed: true, resetAfter: 1 })
    expect((await harness.peek(charge)).allowed).toBe(false)
    harness.clock.advance(0.001)
    expect(await harness.consumeOne({ ...charge, cost: QUOTA })).toMatchObject({ allowed: true, resetAfter: WINDOW })
  })

  testWithClock(
    'fixedWindow, first: a window starts with the first admitted charge, not with a refusal, a peek or a cost of 0',
    async (harness) => {
      const charge = chargeOf(limits['fixedWindow, first'])
      await harness.peek(charge)
      await harness.consumeOne({ ...charge, cost: 0 })
      await harness.consumeOne({ ...charge, cost: QUOTA + 1 })
      harness.clock.advance(1_234)
      expect(await harness.consumeOne(charge)).toMatchObject({ resetAfter: WINDOW })
      harness.clock.advance(WINDOW - 1)
      expect(await harness.consumeOne({ ...charge, cost: QUOTA - 1 })).toMatchObject({ allowed: true, remaining: 0, resetAfter: 1 })
      harness.clock.advance(1)
      expect(await harness.consumeOne(charge)).toMatchObject({ allowed: true, remaining: QUOTA - 1, resetAfter: WINDOW })
    },
  )

  testWithClock('slidingLog: an entry counts while it is younger than the window', async (harness) => {
    const charge = chargeOf(limits.slidingLog)
    await harness.consumeOne({ ...charge, cost: QUOTA })
    harness.clock.advance(WINDOW - 0.001)
    expect(await harness.consumeOne(charge)).toMatchObject({ allowed: false, retryAfter: 1 })
    harness.clock.advance(0.001)
    expect(await harness.consumeOne(charge)).toMatchObject({ allowed: true, remaining: QUOTA - 1 })
  })

  testWithClock('slidingLog: retryAfter is when enough of the oldest entries have expired', async (harness) => {
    const charge = chargeOf(limits.slidingLog)
    for (const cost of [2, 3, 5]) {
      await harness.consumeOne({ ...charge, cost })
      harness.clock.advance(1_000)
    }
    const waits = await Promise.all([1, 2, 3, 5, 6].map(async (cost) => (await harness.peek({ ...charge, cost })).retryAfter))
    expect(waits).toEqual([7_000, 7_000, 8_000, 8_000, 9_000])
  })

  testWithClock('leakyBucket, queue: an admitted charge has the delay after which it may run', async (harness) => {
    const charge = chargeOf(limits['leakyBucket, queue'], 2)
    const delays = []
    for (let i = 0; i < 3; i++) delays.push((await harness.consumeOne(charge)).delay)
    expect(delays).toEqual([0, 2_000, 4_000])
    harness.clock.advance(500)
    expect(await harness.consumeOne(charge, { how: 'peek' })).toMatchObject({ delay: 5_500 })
    expect(await harness.consumeOne({ ...charge, cost: 5 })).toMatchObject({ allowed: false, delay: 0 })
  })

  testWithClock('trap: Floats: `tostring(1700000000123456)` is `1.7000000001235e+15`', async (harness) => {
    harness.clock.set(1_700_000_000_123.456)
    for (const [kind, limit] of allLimits) {
      const charge = chargeOf(limit, 1, { scope: `p+${kind}` })
      await harness.consumeOne(charge)
      harness.clock.advance(0.001)
      expect(await harness.consumeOne(charge)).toMatchObject({ remaining: QUOTA - 2 })
      harness.clock.advance(-0.001)
    }
    const log = await harness.peek(chargeOf(limits.slidingLog, 1, { scope: 'p+slidingLog' }))
    expect(log).toMatchObject({ at: 1_700_000_000_123_456, resetAfter: WINDOW + 1 })
  })

  calendars({ testWithClock })
}

function calendars({ testWithClock }: Pick<Suite, 'testWithClock'>): void {
  const ends = (limit: Limit, starts: number, hours: number, title: string): void => {
    testWithClock(`fixedWindow, calendar: ${title}`, async (harness) => {
      const charge = chargeOf(limit)
      harness.clock.set(starts - 1)
      expect(await harness.consumeOne({ ...charge, cost: QUOTA })).toMatchObject({ allowed: true, resetAfter: 1 })
      harness.clock.set(starts)
      await wholeWindow(harness, charge, hours * HOUR)
    })
  }
  const wholeWindow = async (harness: Harness, charge: Charge, length: number): Promise<void> => {
    expect(await harness.consumeOne({ ...charge, cost: QUOTA })).toMatchObject({ allowed: true, remaining: 0, resetAfter: length })
    harness.clock.advance(length - 1)
    expect(await harness.consumeOne(charge)).toMatchObject({ allowed: false, retryAfter: 1 })
    harness.clock.advance(1)
    expect((await harness.consumeOne(charge)).allowed).toBe(true)
  }
  const of = (window: CalendarWindow, timeZone?: string, anchor?: CalendarAnchor): Limit =>
    fixedWindow({ name: 'calendar', limit: QUOTA, window, timeZone, anchor }).limit

  ends(of('day'), START, 24, 'a day is in UTC by default')
  ends(of('day', 'Europe/Berlin'), Date.UTC(2026, 2, 28, 23), 23, 'Berlin, a day of 23 hours')
  ends(of('day', 'Europe/Berlin'), Date.UTC(2026, 9, 24, 22), 25, 'Berlin, a day of 25 hours')
  ends(of('day', 'Australia/Lord_Howe'), Date.UTC(2026, 3, 4, 13), 24.5, 'Lord Howe, a day of 24.5 hours')
  ends(of('day', 'Asia/Kathmandu'), Date.UTC(2026, 4, 1, 18, 15), 24, 'Kathmandu, a zone with an offset of 5:45')
  ends(of('day', 'America/Havana'), Date.UTC(2026, 2, 8, 5), 23, 'Havana, a day without a midnight')
  ends(of('day', 'America/Havana'), Date.UTC(2026, 10, 1, 4), 25, 'Havana, a day with two midnights starts with the first')
  ends(of('day', 'Pacific/Apia'), Date.UTC(2011, 11, 29, 10), 24, 'Apia, the day before a skipped date')
  ends(of('week', 'Europe/Berlin'), Date.UTC(2026, 2, 22, 23), 7 * 24 - 1, 'a week starts on Monday and may be an hour shorter')
  ends(of('month', 'Europe/Berlin'), Date.UTC(2026, 9, 31, 23), 30 * 24, 'a month of 30 days')
  ends(of('month', 'UTC'), Date.UTC(2028, 1, 1), 29 * 24, 'February of a leap year')
  ends(of('month', 'UTC'), Date.UTC(2025, 11, 1), 31 * 24, 'December ends with the year')
  ends(of('quarter'), Date.UTC(2026, 9, 1), 92 * 24, 'the last quarter ends with the year')
  ends(of('year', 'UTC'), Date.UTC(2028, 0, 1), 366 * 24, 'a leap year')

  const berlin = 'Europe/Berlin'
  ends(of('day', berlin, { hour: 6 }), Date.UTC(2026, 2, 28, 5), 23, 'M6: a day from 06:00 has 23 hours when clocks go forward in it')
  ends(
    of('day', berlin, { hour: 2, minute: 30 }),
    Date.UTC(2026, 2, 29, 1),
    23.5,
    'M6: a day from 02:30 begins at 03:00 where 02:30 is skipped',
  )
  ends(of('day', berlin, { hour: 2, minute: 30 }), Date.UTC(2026, 9, 25, 0, 30), 25, 'M6: a day from 02:30 begins at the first of two')
  ends(of('day', 'Australia/Lord_Howe', { hour: 2 }), Date.UTC(2026, 9, 3, 15, 30), 23.5, 'M6: a skipped half hour')
  ends(of('day', 'America/St_Johns'), Date.UTC(2010, 10, 7, 2, 30), 25, 'M6: a day that lasts a minute, ends, and begins again')
  ends(
    of('day', 'America/St_Johns', { hour: 0, minute: 1 }),
    Date.UTC(2010, 10, 7, 3, 31),
    24,
    'M6: a day from 00:01, which clocks skip the first time',
  )
  ends(of('day', 'Pacific/Apia', { hour: 6 }), Date.UTC(2011, 11, 30, 10), 6, 'M6: 06:00 of a skipped date is the end of that date')
  ends(of('week', 'UTC', { weekday: 'sunday' }), Date.UTC(2026, 10, 29), 7 * 24, 'M6: a week from Sunday')
  ends(of('week', 'UTC', { weekday: 'sunday', hour: 6 }), Date.UTC(2026, 10, 29, 6), 7 * 24, 'M6: a week from Sunday at 06:00')
  ends(of('month', berlin, { day: 15, hour: 6 }), Date.UTC(2026, 2, 15, 5), 31 * 24 - 1, 'M4: a month from the 15th at 06:00')
  ends(of('month', 'UTC', { day: 31 }), Date.UTC(2026, 1, 28), 31 * 24, 'M4: a month from the 31st begins on 28 February')
  ends(of('month', 'UTC', { day: 30 }), Date.UTC(2028, 1, 29), 30 * 24, 'M4: a month from the 30th begins on 29 February of a leap year')
  ends(of('month', 'UTC', { day: 31 }), Date.UTC(2026, 3, 30), 31 * 24, 'M4: a month from the 31st begins on 30 April')
  ends(of('quarter', 'UTC', { month: 2, day: 15 }), Date.UTC(2026, 10, 15), 92 * 24, 'M6: a quarter from 15 November')
  ends(of('year', 'Europe/London', { month: 4, day: 6 }), Date.UTC(2026, 3, 5, 23), 365 * 24, 'M6: a year from 6 April')
  ends(of('year', 'UTC', { month: 2, day: 29 }), Date.UTC(2027, 1, 28), 366 * 24, 'M6: a year from 29 February begins on the 28th')

  testWithClock('fixedWindow, calendar: many windows later the quota is whole again', async (harness) => {
    const charge = chargeOf(of('day', 'Europe/Berlin'))
    await harness.consumeOne({ ...charge, cost: QUOTA })
    harness.clock.advance(400 * DAY)
    expect(await harness.consumeOne(charge)).toMatchObject({ allowed: true, remaining: QUOTA - 1 })
  })

  testWithClock('fixedWindow, calendar: a window that starts up to 5 s ahead is kept', async (harness) => {
    const charge = chargeOf(of('day', 'Europe/Berlin'))
    harness.clock.set(Date.UTC(2026, 2, 28, 23))
    await harness.consumeOne({ ...charge, cost: QUOTA })
    harness.clock.advance(-5_000)
    expect(await harness.consumeOne(charge)).toMatchObject({ allowed: false, retryAfter: 23 * HOUR + 5_000 })
    harness.clock.advance(-1)
    expect(await harness.consumeOne(charge)).toMatchObject({ allowed: false, retryAfter: 5_001 })
  })
}
