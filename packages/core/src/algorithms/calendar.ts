import type { CalendarWindow, Limit } from '../limit.ts'

/** A calendar window, in ms since the epoch: [start, end). */
export interface CalendarSpan {
  readonly start: number
  readonly end: number
}

const DAY = 86_400_000

// One formatter per zone, and the last span per zone and kind: making a formatter takes some 50 µs, a span some 10 formats.
// Both are bounded by the zones that limits are defined with.
const formatters = new Map<string, Intl.DateTimeFormat>()
const spans = new Map<string, CalendarSpan>()

/**
 * The day, week (from Monday) or month of the limit's time zone (default UTC) that holds the instant (ms). A day begins at
 * the first instant of its date, so that one without a midnight (a clock put forward then) begins later, not a day early.
 */
export function calendarSpan(limit: Pick<Limit, 'window' | 'timeZone'>, instant: number): CalendarSpan {
  // A fraction would leave dates that are no midnight.
  const ms = Math.floor(instant)
  const zone = limit.timeZone ?? 'UTC'
  const kind = limit.window as CalendarWindow
  const key = `${kind} ${zone}`
  const last = spans.get(key)
  if (last !== undefined && ms >= last.start && ms < last.end) return last
  const local = localMillis(zone, ms)
  const date = firstDate(kind, local - mod(local, DAY))
  let span = { start: startOfDate(zone, date), end: startOfDate(zone, nextDate(kind, date)) }
  // A date that is shown twice (a clock put back over midnight) has begun once.
  if (ms >= span.end) span = { start: span.end, end: startOfDate(zone, nextDate(kind, nextDate(kind, date))) }
  spans.set(key, span)
  return span
}

// Dates are written as the ms of their midnight in UTC.
function firstDate(kind: CalendarWindow, date: number): number {
  if (kind === 'day') return date
  if (kind === 'week') return date - mod(date / DAY + 3, 7) * DAY
  const d = new Date(date)
  return Date.UTC(d.getUTCFullYear(), d.getUTCMonth(), 1)
}

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
  // No midnight: the clock jumped over it. The jump lies between the two guesses; find it to the ms.
  let before = Math.min(...midnights) - DAY / 24
  let after = Math.max(...midnights) + DAY / 24
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2)
    if (localMillis(zone, middle) < date) before = middle
    else after = middle
  }
  return after
}

/** What a wall clock in the zone shows, as the ms at which UTC shows it. */
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
