import type { CalendarAnchor, CalendarWindow, Limit } from '@sluice/core'
import { calendarSpan } from '@sluice/core/algorithms'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { calendarWindow } from '../../src/model/calendar.ts'

// M4, M6: the calendar of core and the reference calendar share no line, and give the same windows.

const HOUR = 3_600_000
const DAY = 24 * HOUR
const ZONES = Intl.supportedValuesOf('timeZone')
/** Half hours, jumps at midnight or at 00:01, dates that were skipped, the largest steps. */
const UNUSUAL = [
  'UTC',
  'Africa/Cairo',
  'America/Havana',
  'America/St_Johns',
  'America/Sao_Paulo',
  'Antarctica/Casey',
  'Antarctica/Troll',
  'Antarctica/Vostok',
  'Asia/Gaza',
  'Asia/Kathmandu',
  'Asia/Pyongyang',
  'Australia/Lord_Howe',
  'Europe/Berlin',
  'Pacific/Apia',
  'Pacific/Kiritimati',
  'Pacific/Kwajalein',
]

const minute = fc.oneof(fc.constantFrom(0, 1, 30, 59), fc.integer({ min: 0, max: 59 }))
const time = fc.oneof(
  fc.constant({}),
  fc.record({ hour: fc.constantFrom(0, 1, 2, 3, 23), minute }),
  fc.record({ hour: fc.integer({ min: 0, max: 23 }), minute }),
)
const day = fc.oneof(fc.constantFrom(1, 28, 29, 30, 31), fc.integer({ min: 1, max: 31 }))
const weekday = fc.constantFrom('monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday' as const)
const month = fc.integer({ min: 1, max: 12 })

function beginnings(window: CalendarWindow, parts: object): fc.Arbitrary<{ window: CalendarWindow; anchor: CalendarAnchor }> {
  return fc.record({ parts: fc.record(parts as never), time }).map(({ parts, time }) => ({ window, anchor: { ...parts, ...time } }))
}
const beginning = fc.oneof(
  beginnings('day', {}),
  beginnings('week', { weekday }),
  beginnings('month', { day }),
  beginnings('quarter', { month, day }),
  // No 31 April: the factory refuses it.
  beginnings('year', { month, day: fc.integer({ min: 1, max: 28 }) }),
  beginnings('year', { month: fc.constant(2), day: fc.constant(29) }),
)

const offsets = new Map<string, Intl.DateTimeFormat>()
/** How a zone names its offset at an instant. */
function offsetAt(timeZone: string, ms: number): string {
  let format = offsets.get(timeZone)
  if (format === undefined)
    offsets.set(timeZone, (format = new Intl.DateTimeFormat('en-US', { timeZone, timeZoneName: 'longOffset', year: 'numeric' })))
  return format.formatToParts(ms).find(({ type }) => type === 'timeZoneName')?.value ?? ''
}

/** The next time that the clocks of a zone are changed, within a year; `from` if they are not. */
function nextChange(timeZone: string, from: number): number {
  let before = from
  while (offsetAt(timeZone, before + 7 * DAY) === offsetAt(timeZone, from)) {
    before += 7 * DAY
    if (before > from + 366 * DAY) return from
  }
  let after = before + 7 * DAY
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2)
    if (offsetAt(timeZone, middle) === offsetAt(timeZone, from)) before = middle
    else after = middle
  }
  return after
}

function windowOf(limit: Pick<Limit, 'anchor' | 'timeZone'> & { readonly window: CalendarWindow }, ms: number): object {
  const { start, end } = calendarWindow(BigInt(ms), limit.window, limit.timeZone ?? 'UTC', limit.anchor as CalendarAnchor)
  return { start: Number(start), end: Number(end) }
}

const instant = fc.integer({ min: 0, max: Date.UTC(2101, 0, 1) })
const zone = fc.oneof({ weight: 2, arbitrary: fc.constantFrom(...ZONES) }, { weight: 1, arbitrary: fc.constantFrom(...UNUSUAL) })

test('every zone of Intl, from 1970 to 2100, with any anchor', { timeout: 120_000 }, () => {
  fc.assert(
    fc.property(zone, beginning, instant, (timeZone, { window, anchor }, ms) => {
      const limit = { window, anchor, timeZone }
      expect(calendarSpan(limit, ms)).toEqual(windowOf(limit, ms))
    }),
    { numRuns: Number(process.env['SLUICE_FUZZ'] ?? 10_000) / 20 },
  )
})

test('around changes of the clocks, with anchors in the hours that clocks skip or show twice', { timeout: 120_000 }, () => {
  const property = fc.property(
    zone,
    beginning,
    instant,
    fc.integer({ min: -100, max: 100 }),
    fc.integer({ min: -30 * HOUR, max: 30 * HOUR }),
    (timeZone, { window, anchor: drawn }, from, minutes, offset) => {
      const change = nextChange(timeZone, from)
      // The time of day that the zone shows there, give or take an hour and a half.
      const format = new Intl.DateTimeFormat('en-US', { timeZone, hourCycle: 'h23', hour: 'numeric', minute: 'numeric' })
      const [hour, minute] = format
        .format(change + minutes * 60_000)
        .split(':')
        .map(Number)
      const limit = { window, anchor: { ...drawn, hour, minute }, timeZone }
      for (const ms of [change + offset, change - 1, change, change + 1]) {
        const span = calendarSpan(limit, ms)
        expect(span).toEqual(windowOf(limit, ms))
        // The window of every instant in it, and the next follows at once.
        for (const inside of [span.start, span.end - 1]) expect(calendarSpan({ ...limit }, inside)).toEqual(span)
        expect(calendarSpan({ ...limit }, span.end).start).toBe(span.end)
      }
    },
  )
  fc.assert(property, { numRuns: Number(process.env['SLUICE_FUZZ'] ?? 10_000) / 50 })
})
