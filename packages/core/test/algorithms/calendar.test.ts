import { type CalendarAnchor, fixedWindow } from '@sluice/core'
import { calendarSpan } from '@sluice/core/algorithms'
import { stateNameOf } from '@sluice/core/store-kit'
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

  const local = (text: string, timeZone: string) => Temporal.ZonedDateTime.from(`${text}[${timeZone}]`).epochMilliseconds

  it.each([
    ['day', 'Europe/Berlin', { hour: 6 }, '2026-05-02T05:59:59.999', '2026-05-01T06:00', '2026-05-02T06:00'],
    ['day', 'Asia/Kathmandu', { hour: 6, minute: 30 }, '2026-05-02T06:30', '2026-05-02T06:30', '2026-05-03T06:30'],
    ['week', 'UTC', { weekday: 'sunday' }, '2026-11-30T00:00', '2026-11-29T00:00', '2026-12-06T00:00'],
    ['week', 'UTC', { weekday: 'friday', hour: 18 }, '2027-01-01T17:59', '2026-12-25T18:00', '2027-01-01T18:00'],
    ['quarter', 'UTC', {}, '2026-12-31T23:59', '2026-10-01T00:00', '2027-01-01T00:00'],
    ['quarter', 'UTC', { month: 12, day: 31 }, '2027-03-30T00:00', '2026-12-31T00:00', '2027-03-31T00:00'],
    ['quarter', 'UTC', { month: 5, day: 31 }, '2027-03-01T00:00', '2027-02-28T00:00', '2027-05-31T00:00'],
    ['year', 'UTC', {}, '2028-12-31T23:59', '2028-01-01T00:00', '2029-01-01T00:00'],
    ['year', 'America/New_York', { month: 10 }, '2026-09-30T23:59', '2025-10-01T00:00', '2026-10-01T00:00'],
    ['year', 'UTC', { month: 2, day: 29 }, '2028-02-28T23:59', '2027-02-28T00:00', '2028-02-29T00:00'],
  ] as const)('M6: a %s in %s from %j at %s', (window, timeZone, anchor, at, start, end) => {
    const span = calendarSpan({ window, timeZone, anchor }, local(at, timeZone))
    expect(span).toEqual({ start: local(start, timeZone), end: local(end, timeZone) })
  })

  it('M4: a month from the 31st begins on the last day of each month', () => {
    const month = { window: 'month', timeZone: 'Europe/Berlin', anchor: { day: 31 } } as const
    const starts = []
    for (let at = local('2027-12-31T00:00', 'Europe/Berlin'); starts.length < 13; at = calendarSpan(month, at).end)
      starts.push(
        Temporal.Instant.fromEpochMilliseconds(calendarSpan(month, at).start).toZonedDateTimeISO('Europe/Berlin').toPlainDateTime(),
      )
    expect(starts.map(String)).toEqual(
      ['2027-12-31', '2028-01-31', '2028-02-29', '2028-03-31', '2028-04-30', '2028-05-31', '2028-06-30', '2028-07-31']
        .concat(['2028-08-31', '2028-09-30', '2028-10-31', '2028-11-30', '2028-12-31'])
        .map((date) => `${date}T00:00:00`),
    )
  })

  it('M6: a time that clocks skip is when they skip it; of a time that they show twice, the first', () => {
    const day = (timeZone: string, hour: number, minute: number, at: string) =>
      new Date(calendarSpan({ window: 'day', timeZone, anchor: { hour, minute } }, Date.parse(at)).start).toISOString()
    expect(day('Europe/Berlin', 2, 30, '2026-03-29T12:00Z')).toBe('2026-03-29T01:00:00.000Z')
    expect(day('Europe/Berlin', 2, 30, '2026-10-25T12:00Z')).toBe('2026-10-25T00:30:00.000Z')
    expect(day('Australia/Lord_Howe', 2, 15, '2026-10-04T00:00Z')).toBe('2026-10-03T15:30:00.000Z')
    expect(day('Australia/Lord_Howe', 1, 45, '2026-04-05T00:00Z')).toBe('2026-04-04T14:45:00.000Z')
    expect(day('Pacific/Apia', 6, 0, '2011-12-30T12:00Z')).toBe('2011-12-30T10:00:00.000Z')
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

describe('the names of calendars', () => {
  const nameOf = (window: 'quarter' | 'year' | 'month', anchor: CalendarAnchor): string =>
    stateNameOf({ scope: 'api+limit.fixedWindow', limit: fixedWindow({ name: 'limit', limit: 5, window, anchor }).limit })

  it.each(['quarter', 'year'] as const)('differ, in a %s, for the second day and the second month', (window) => {
    expect(nameOf(window, { day: 2 })).toBe(nameOf(window, { month: 1, day: 2 }))
    expect(nameOf(window, { month: 2 })).not.toBe(nameOf(window, { day: 2 }))
  })

  it('of a month has only its day', () => {
    expect(nameOf('month', { day: 15 })).toBe('limit.fixedWindow.month@UTC/15')
  })
})
