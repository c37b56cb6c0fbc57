import type { CalendarAnchor, CalendarWindow, Limit } from '../limit.ts'
import { DAY, firstInstant, localTime } from './time-zone.ts'

/** A calendar window in ms since the epoch. It includes `start` and excludes `end`. */
export interface CalendarSpan {
  readonly start: number
  readonly end: number
}

type CalendarLimit = Pick<Limit, 'window' | 'anchor' | 'timeZone'>

export const WEEKDAYS = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'] as const

/** The days of the longest window of each kind, in UTC. */
export const LONGEST_DAYS = { day: 1, week: 7, month: 31, quarter: 92, year: 366 } as const

/** A window with its number: the next window has the next number. */
interface NumberedSpan {
  readonly span: CalendarSpan
  readonly number: number
}

// Finding a span takes about ten formats of dates, so the last span of each limit is kept.
const spans = new WeakMap<CalendarLimit, NumberedSpan>()

/**
 * The calendar window that contains an instant (ms). Windows begin at the limit's `anchor` in its time zone. By default that is midnight,
 * Monday, the first of the month, or January, in UTC.
 *
 * A window starts at the first instant whose local time is that of its beginning, or later. Where clocks skip midnight, that is later than
 * midnight.
 */
export function calendarSpan(limit: Pick<Limit, 'window' | 'anchor' | 'timeZone'>, instant: number): CalendarSpan {
  return numberedSpan(limit, instant).span
}

function numberedSpan(limit: CalendarLimit, instant: number): NumberedSpan {
  // With a fraction, the dates computed below would not be midnights.
  const ms = Math.floor(instant)
  const last = spans.get(limit)
  if (last !== undefined && ms >= last.span.start && ms < last.span.end) return last
  const zone = limit.timeZone ?? 'UTC'
  const calendar = calendarOf(limit)
  let number = calendar.numberAt(localTime(zone, ms))
  let start = firstInstant(zone, calendar.beginningOf(number))
  let end = firstInstant(zone, calendar.beginningOf(number + 1))
  // Clocks that go back over the beginning of a window show a time of the window before. That time belongs to the window.
  while (ms >= end) {
    number += 1
    start = end
    end = firstInstant(zone, calendar.beginningOf(number + 1))
  }
  const found = { span: { start, end }, number }
  spans.set(limit, found)
  return found
}

// Windows of movable limits. Zones and anchors differ, but each window has a number, whose nominal start (ms) is that of the default calendar:
// a date in UTC.

/** How many windows one calendar can be ahead of another. Time zones differ by 26 hours, and anchors by less than a window. */
const MAX_LEAD = 3

/** The nominal start of the window at an instant, and that of the latest window which another calendar can be in. */
export function nominalWindow(limit: CalendarLimit, instant: number): { readonly start: number; readonly latest: number } {
  const { number } = numberedSpan(limit, instant)
  const nominal = calendarOf({ window: limit.window })
  return { start: nominal.beginningOf(number), latest: nominal.beginningOf(number + MAX_LEAD) }
}

/** The end of the window with this nominal start, in the calendar of the limit. */
export function nominalEnd(limit: CalendarLimit, nominalStart: number): number {
  const number = calendarOf({ window: limit.window }).numberAt(nominalStart)
  const last = spans.get(limit)
  return last?.number === number ? last.span.end : firstInstant(limit.timeZone ?? 'UTC', calendarOf(limit).beginningOf(number + 1))
}

/** ms after its nominal start at which a window has ended in every calendar: its length, an anchor, and a time zone later. */
export function nominalLifetime(window: CalendarWindow): number {
  return (2 * LONGEST_DAYS[window] + 1) * DAY
}

/** Names the calendar of a limit: its window, zone and anchor. Calendars that share a state have one name. */
export function calendarName({ window, anchor, timeZone, movable }: CalendarLimit & Pick<Limit, 'movable'>): string {
  if (movable === true) return `${window}~`
  const { month, day, weekday, hour = 0, minute = 0 } = anchorOf(anchor)
  // A day alone would read as a month, which has the same form.
  const first = day !== undefined && window !== 'month' ? (month ?? 1) : month
  const date = [first, day, weekday].filter((part) => part !== undefined).join('-')
  const time = hour + minute === 0 ? '' : `T${hour}:${minute}`
  return `${window}@${timeZone ?? 'UTC'}${date + time === '' ? '' : `/${date}${time}`}`
}

function anchorOf(anchor: Limit['anchor']): CalendarAnchor {
  return typeof anchor === 'object' ? anchor : {}
}

/** Windows in local time, with a number each: the next window has the next number. */
interface Calendar {
  /** The number of the window that a local time is in. */
  numberAt(local: number): number
  /** The local time at which a window begins. */
  beginningOf(number: number): number
}

const MONTHS: { readonly [W in CalendarWindow]?: number } = { month: 1, quarter: 3, year: 12 }

function calendarOf({ window, anchor }: CalendarLimit): Calendar {
  const { month = 1, day = 1, weekday = 'monday', hour = 0, minute = 0 } = anchorOf(anchor)
  const time = (hour * 60 + minute) * 60_000
  const months = MONTHS[window as CalendarWindow]
  // Quarters that begin in April are those that begin in January.
  if (months !== undefined) return calendarOfMonths(months, (month - 1) % months, day, time)
  // The epoch was a Thursday.
  return window === 'week' ? calendarOfDays(7, WEEKDAYS.indexOf(weekday) - 3, time) : calendarOfDays(1, 0, time)
}

/** @param first days from the epoch to the beginning of window 0 */
function calendarOfDays(days: number, first: number, time: number): Calendar {
  const length = days * DAY
  const origin = first * DAY + time
  return { numberAt: (local) => Math.floor((local - origin) / length), beginningOf: (number) => origin + number * length }
}

/** @param first months from a January to the beginning of window 0 */
function calendarOfMonths(months: number, first: number, day: number, time: number): Calendar {
  const beginningOf = (number: number): number => dateIn(first + number * months, day) + time
  return {
    beginningOf,
    numberAt(local) {
      const date = new Date(local)
      const number = Math.floor((date.getUTCFullYear() * 12 + date.getUTCMonth() - first) / months)
      return beginningOf(number) > local ? number - 1 : number
    },
  }
}

/** The midnight of a day in a month, which is counted from January of the year 0. In a shorter month it is the last day. */
function dateIn(month: number, day: number): number {
  const year = Math.floor(month / 12)
  const lastDay = new Date(Date.UTC(year, month - year * 12 + 1, 0)).getUTCDate()
  return Date.UTC(year, month - year * 12, Math.min(day, lastDay))
}
