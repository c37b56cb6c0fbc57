import type { Limit } from '@sluice/core'
import { floor } from './algorithm.ts'

// The reference calendar. Intl says which date a zone shows at an instant; a day starts at the first instant that shows its
// date. No offset and no daylight saving rule is computed here.

type Calendar = Exclude<Limit['window'], number>
const MINUTE = 60_000
const HOUR = 60 * MINUTE
/** ms. Clocks have never been set back by more. */
const LONGEST_STEP = 3 * HOUR
const DAY = 24 * HOUR

const formats = new Map<string, Intl.DateTimeFormat>()
const starts = new Map<string, number>()

/** The date that a zone shows at this instant (ms), in days since 1970-01-01. */
function dateAt(ms: number, zone: string): number {
  let format = formats.get(zone)
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      calendar: 'iso8601',
      numberingSystem: 'latn',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
    })
    formats.set(zone, format)
  }
  const parts: Record<string, number> = {}
  for (const { type, value } of format.formatToParts(ms)) parts[type] = Number(value)
  return Date.UTC(parts['year'] as number, (parts['month'] as number) - 1, parts['day']) / DAY
}

/** The first ms at which the zone shows this date or a later one. A zone may skip a date, and even midnight. */
function startOfDate(date: number, zone: string): number {
  const key = `${zone} ${date}`
  const found = starts.get(key)
  if (found !== undefined) return found
  let hour = date * DAY - 26 * HOUR
  while (dateAt(hour, zone) < date) hour += HOUR
  // The date may have started earlier, for one minute: clocks were set back over midnight at 00:01.
  let after = hour - LONGEST_STEP
  while (dateAt(after, zone) < date) after += MINUTE
  let before = after - MINUTE
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2)
    if (dateAt(middle, zone) < date) before = middle
    else after = middle
  }
  starts.set(key, after)
  return after
}

/** The first date of the window that contains this date. */
function firstDate(date: number, window: Calendar): number {
  if (window === 'day') return date
  // 1970-01-01 was a Thursday; weeks start on Monday.
  if (window === 'week') return date - ((((date + 3) % 7) + 7) % 7)
  const day = new Date(date * DAY)
  return Date.UTC(day.getUTCFullYear(), day.getUTCMonth(), 1) / DAY
}

/** The first date of the window after the one that starts with `first`. */
function nextDate(first: number, window: Calendar): number {
  if (window === 'day') return first + 1
  if (window === 'week') return first + 7
  const day = new Date(first * DAY)
  return Date.UTC(day.getUTCFullYear(), day.getUTCMonth() + 1, 1) / DAY
}

interface Span {
  readonly start: bigint
  readonly end: bigint
}

const cache = new Map<string, Span[]>()

/** Start and end (ms) of the window that is current at `ms`. */
export function calendarWindow(ms: bigint, window: Calendar, zone: string): Span {
  const key = `${window} ${zone}`
  const spans = cache.get(key) ?? []
  cache.set(key, spans)
  let span = spans.find(({ start, end }) => start <= ms && ms < end)
  if (span === undefined) spans.push((span = find(Number(ms), window, zone)))
  return span
}

function find(now: number, window: Calendar, zone: string): Span {
  let first = firstDate(dateAt(now, zone), window)
  let end = startOfDate(nextDate(first, window), zone)
  // A window that the zone skipped is empty, and the next window starts at the same instant.
  while (end <= now) {
    first = nextDate(first, window)
    end = startOfDate(nextDate(first, window), zone)
  }
  return { start: BigInt(startOfDate(first, zone)), end: BigInt(end) }
}

/** Start and end (ms) of the window of a fixed length, aligned to the epoch, that is current at `ms`. */
export function epochWindow(ms: bigint, window: bigint): Span {
  const start = floor(ms, window) * window
  return { start, end: start + window }
}
