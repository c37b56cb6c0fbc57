import { calendarSpan } from '@sluice/core/algorithms'
import fc from 'fast-check'
import { Temporal } from 'temporal-polyfill'
import { describe, expect, it } from 'vitest'

const ZONES = [
  'UTC',
  'Europe/Berlin',
  'America/New_York',
  'America/Sao_Paulo', // clocks went forward at midnight until 2018
  'Africa/Cairo', // does so again since 2023
  'Asia/Beirut',
  'America/St_Johns', // went back at 00:01 until 2011
  'Australia/Lord_Howe', // half an hour of summer time
  'Asia/Kathmandu',
  'Pacific/Apia', // skipped 30 December 2011
  'Pacific/Kiritimati',
  'America/Havana',
] as const

type Kind = 'day' | 'week' | 'month'

function expected(kind: Kind, timeZone: string, ms: number): { start: number; end: number } {
  const date = Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(timeZone).toPlainDate()
  const first = kind === 'day' ? date : kind === 'week' ? date.subtract({ days: date.dayOfWeek - 1 }) : date.with({ day: 1 })
  const next = first.add(kind === 'day' ? { days: 1 } : kind === 'week' ? { weeks: 1 } : { months: 1 })
  const startOf = (day: Temporal.PlainDate) => day.toZonedDateTime(timeZone).epochMilliseconds
  return { start: startOf(first), end: startOf(next) }
}

describe('calendar windows', () => {
  it.each([
    ['day', 'Europe/Berlin', '2026-03-29T12:00:00+02:00', '2026-03-29T00:00:00+01:00', '2026-03-30T00:00:00+02:00'],
    ['day', 'Europe/Berlin', '2026-10-25T12:00:00+01:00', '2026-10-25T00:00:00+02:00', '2026-10-26T00:00:00+01:00'],
    ['day', 'Africa/Cairo', '2026-04-24T12:00:00+03:00', '2026-04-24T01:00:00+03:00', '2026-04-25T00:00:00+03:00'],
    ['week', 'UTC', '2026-11-22T23:59:59.999Z', '2026-11-16T00:00:00Z', '2026-11-23T00:00:00Z'],
    ['week', 'UTC', '2026-11-23T00:00:00Z', '2026-11-23T00:00:00Z', '2026-11-30T00:00:00Z'],
    ['month', 'America/New_York', '2026-03-31T23:59:59-04:00', '2026-03-01T00:00:00-05:00', '2026-04-01T00:00:00-04:00'],
    ['month', 'UTC', '2026-12-31T23:59:59Z', '2026-12-01T00:00:00Z', '2027-01-01T00:00:00Z'],
  ] as const)('%s in %s at %s', (window, timeZone, at, start, end) => {
    expect(calendarSpan({ window, timeZone }, Date.parse(at))).toEqual({ start: Date.parse(start), end: Date.parse(end) })
  })

  it('are those of Temporal in zones with unusual changes, in any order of instants', () => {
    const instant = fc.integer({ min: Date.UTC(2012, 0, 1), max: Date.UTC(2037, 0, 1) })
    fc.assert(
      fc.property(fc.constantFrom(...ZONES), fc.constantFrom<Kind>('day', 'week', 'month'), instant, (timeZone, window, ms) => {
        expect(calendarSpan({ window, timeZone }, ms)).toEqual(expected(window, timeZone, ms))
      }),
      { numRuns: 1500 },
    )
  })

  it('follow each other without a gap, through three years of clock changes', () => {
    for (const timeZone of ZONES) {
      let span = calendarSpan({ window: 'day', timeZone }, Date.UTC(2019, 0, 1))
      for (let days = 0; days < 1100; days++) {
        const next = calendarSpan({ window: 'day', timeZone }, span.end)
        expect(next.start).toBe(span.end)
        expect(calendarSpan({ window: 'day', timeZone }, next.start - 1)).toEqual(span)
        expect(Math.abs(next.end - next.start - 86_400_000)).toBeLessThanOrEqual(3_600_000)
        span = next
      }
    }
  })

  it('include a date that clocks showed twice, and a date that they skipped', () => {
    // St John's put its clocks back at 00:01, so 7 November 2010 was shown for a minute, then again an hour later.
    const twice = { window: 'day', timeZone: 'America/St_Johns' } as const
    const start = Date.parse('2010-11-07T00:00:00-02:30')
    for (const minutes of [0, 0.5, 30, 61, 62, 600]) expect(calendarSpan(twice, start + minutes * 60_000).start).toBe(start)
    const skipped = { window: 'day', timeZone: 'Pacific/Apia' } as const
    const last = calendarSpan(skipped, Date.parse('2011-12-29T12:00:00-10:00'))
    expect(last.end).toBe(Date.parse('2011-12-31T00:00:00+14:00'))
    expect(calendarSpan(skipped, last.end).start).toBe(last.end)
  })
})
