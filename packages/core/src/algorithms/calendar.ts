import type { CalendarWindow, Limit } from '../limit.ts'

/** A calendar window in ms since the epoch. It includes `start` and excludes `end`. */
export interface CalendarSpan {
  readonly start: number
  readonly end: number
}

/** Milliseconds. */
const DAY = 86_400_000

// Making a formatter takes about 50 µs, so one is kept per zone. Finding a span takes about ten formats, so the last span is kept
// per zone and kind. Only the definitions of limits name zones, so both maps are bounded.
const formatters = new Map<string, Intl.DateTimeFormat>()
const spans = new Map<string, CalendarSpan>()

/**
 * The calendar window that contains an instant (ms): the day, the week from Monday, or the month in the limit's time zone
 * (default UTC).
 *
 * A day starts at the first instant of its date. Where clocks go forward at midnight, that is later than midnight.
 */
export function calendarSpan(limit: Pick<Limit, 'window' | 'timeZone'>, instant: number): CalendarSpan {
  // With a fraction, the dates computed below would not be midnights.
  const ms = Math.floor(instant)
  const zone = limit.timeZone ?? 'UTC'
  const kind = limit.window as CalendarWindow
  const key = `${kind} ${zone}`
  const last = spans.get(key)
  if (last !== undefined && ms >= last.start && ms < last.end) return last
  const local = localMillis(zone, ms)
  const date = firstDate(kind, local - mod(local, DAY))
  let span = { start: startOfDate(zone, date), end: startOfDate(zone, nextDate(kind, date)) }
  // Clocks that go back over midnight show a date again after its window has ended. That time belongs to the next window.
  if (ms >= span.end) span = { start: span.end, end: startOfDate(zone, nextDate(kind, nextDate(kind, date))) }
  spans.set(key, span)
  return span
}

// Below, a date is a number: the ms of its midnight in UTC.

/** The first date of the window that contains a date. */
function firstDate(kind: CalendarWindow, date: number): number {
  if (kind === 'day') return date
  if (kind === 'week') return date - mod(date / DAY + 3, 7) * DAY
  const d = new Date(date)
  return Date.UTC(d.getUTCFullYear(), d.getUTCMonth(), 1)
}

/** The first date of the next window. */
function nextDate(kind: CalendarWindow, date: number): number {
  if (kind === 'day') return date + DAY
  if (kind === 'week') return date + 7 * DAY
  const d = new Date(date)
  return Date.UTC(d.getUTCFullYear(), d.getUTCMonth() + 1, 1)
}

/** The first instant whose local date is `date`. */
function startOfDate(zone: string, date: number): number {
  const midnights = [date - DAY, date + DAY].map((around) => date - (localMillis(zone, around) - around))
  const found = midnights.filter((instant) => localMillis(zone, instant) === date)
  if (found.length > 0) return Math.min(...found)
  // The clock jumped over midnight, somewhere between the two candidates. A binary search finds the jump to the ms.
  let before = Math.min(...midnights) - DAY / 24
  let after = Math.max(...midnights) + DAY / 24
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2)
    if (localMillis(zone, middle) < date) before = middle
    else after = middle
  }
  return after
}

/** The local time in a zone at an instant, as the ms at which a clock in UTC shows the same. */
function localMillis(zone: string, ms: number): number {
  if (zone === 'UTC') return ms
  let formatter = formatters.get(zone)
  if (formatter === undefined) {
    formatter = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      calendar: 'gregory',
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
    formatters.set(zone, formatter)
  }
  const shown: Record<string, number> = {}
  for (const { type, value } of formatter.formatToParts(ms)) shown[type] = Number(value)
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = shown
  return Date.UTC(year, month - 1, day, hour, minute, second) + mod(ms, 1000)
}

function mod(a: number, b: number): number {
  return ((a % b) + b) % b
}
