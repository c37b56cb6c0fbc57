import type { CalendarAnchor, Limit } from '@sluice/core'
import { floor } from './algorithm.ts'

// The reference calendar. Intl says which date and time a zone shows at an instant, and which weekday a date is. A window begins at the
// first instant that shows its date and time, or later ones. No offset and no daylight saving rule is computed here.

type Calendar = Exclude<Limit['window'], number>
const MINUTE = 60_000
const HOUR = 60 * MINUTE
/** ms. No clock was set back by more since 1970; Vostok's was by 7 hours. */
const LONGEST_STEP = 9 * HOUR
const DAY = 24 * HOUR

/** A format of dates, and the places of its numbers. */
interface Format {
  readonly text: Intl.DateTimeFormat
  /** Year, month, day, hour, minute and second, by their places among the numbers of the text. */
  readonly order: readonly number[]
}

const FIELDS = ['year', 'month', 'day', 'hour', 'minute', 'second']
const formats = new Map<string, Format>()
const starts = new Map<string, number>()

/** The date and time that a zone shows at this instant (ms), as the ms at which UTC shows the same. */
function shownAt(ms: number, zone: string): number {
  let format = formats.get(zone)
  if (format === undefined) formats.set(zone, (format = newFormat(zone)))
  // A third of the time that formatToParts() takes, and a search asks for hundreds of instants.
  const numbers = format.text.format(ms).match(/\d+/g) ?? []
  const [year, month, day, hour, minute, second] = format.order.map((place) => Number(numbers[place])) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  return Date.UTC(year, month - 1, day, hour, minute, second) + (((ms % 1000) + 1000) % 1000)
}

function newFormat(zone: string): Format {
  const text = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    calendar: 'iso8601',
    numberingSystem: 'latn',
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  })
  const types = text.formatToParts(0).flatMap(({ type }) => (type === 'literal' ? [] : [type as string]))
  return { text, order: FIELDS.map((field) => types.indexOf(field)) }
}

/** The first ms at which the zone shows this date and time, or a later one. A zone may skip a time, and even a date. */
function startOf(shown: number, zone: string): number {
  const key = `${zone} ${shown}`
  const found = starts.get(key)
  if (found !== undefined) return found
  let hour = shown - 26 * HOUR
  while (shownAt(hour, zone) < shown) hour += HOUR
  const start = isSetAround(hour, zone) ? searched(hour - LONGEST_STEP, shown, zone) : hour - (shownAt(hour, zone) - shown)
  starts.set(key, start)
  return start
}

/** Whether the zone set its clock in the hours before this one. No zone has ever set its clock twice in an hour. */
function isSetAround(hour: number, zone: string): boolean {
  const ahead = shownAt(hour, zone) - hour
  for (let before = hour - HOUR; before >= hour - LONGEST_STEP; before -= HOUR) if (shownAt(before, zone) - before !== ahead) return true
  return false
}

/** The time may have been shown before, for one minute: clocks were set back over midnight at 00:01. So this looks at each minute. */
function searched(from: number, shown: number, zone: string): number {
  let after = from
  while (shownAt(after, zone) < shown) after += MINUTE
  let before = after - MINUTE
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2)
    if (shownAt(middle, zone) < shown) before = middle
    else after = middle
  }
  return after
}

const weekdays = new Intl.DateTimeFormat('en-US', { timeZone: 'UTC', weekday: 'long' })

/** The dates (midnights) on which a window begins, in order, from the last ones before a date to the first ones after it. */
function datesAround(date: number, window: Calendar, { month = 1, day = 1, weekday = 'monday' }: CalendarAnchor): readonly number[] {
  const dates: number[] = []
  if (window === 'day' || window === 'week') {
    for (let days = -22; days <= 22; days++) {
      const each = date + days * DAY
      if (window === 'day' || weekdays.format(each).toLowerCase() === weekday) dates.push(each)
    }
    return dates
  }
  const year = new Date(date).getUTCFullYear()
  const months = { month: 1, quarter: 3, year: 12 }[window]
  for (let y = year - 3; y <= year + 3; y++) {
    for (let m = 1; m <= 12; m++) {
      if ((m - month) % months === 0) dates.push(dayOrLast(y, m, day))
    }
  }
  return dates
}

/** The midnight of a day of a month, or of its last day if it has fewer. */
function dayOrLast(year: number, month: number, day: number): number {
  let date = Date.UTC(year, month - 1, day)
  while (new Date(date).getUTCMonth() !== month - 1) date -= DAY
  return date
}

/** The date by which all calendars name the window that begins at this local time: the first of its day, week, month, quarter or year. */
function nameOf(beginning: number, window: Calendar): number {
  let date = beginning - (((beginning % DAY) + DAY) % DAY)
  if (window === 'day') return date
  if (window === 'week') {
    while (weekdays.format(date) !== 'Monday') date -= DAY
    return date
  }
  const months = { month: 1, quarter: 3, year: 12 }[window]
  const isFirst = (day: Date) => day.getUTCDate() === 1 && day.getUTCMonth() % months === 0
  while (!isFirst(new Date(date))) date -= DAY
  return date
}

/** The name of the window that comes `count` later. */
export function laterName(name: bigint, window: Calendar, count: number): bigint {
  const next = new Date(Number(name))
  if (window === 'day' || window === 'week') next.setUTCDate(next.getUTCDate() + count * (window === 'day' ? 1 : 7))
  else next.setUTCMonth(next.getUTCMonth() + count * { month: 1, quarter: 3, year: 12 }[window])
  return BigInt(next.getTime())
}

interface Span {
  readonly start: bigint
  readonly end: bigint
  /** What the window has in common with the windows of other zones and anchors: a date (ms), the first of its day, week, month and so on. */
  readonly name: bigint
}

const cache = new Map<string, Span[]>()

/** Start and end (ms) of the window that is current at `ms`. */
export function calendarWindow(ms: bigint, window: Calendar, zone: string, anchor: CalendarAnchor = {}): Span {
  const key = JSON.stringify([window, zone, anchor])
  const spans = cache.get(key) ?? []
  cache.set(key, spans)
  let span = spans.find(({ start, end }) => start <= ms && ms < end)
  if (span === undefined) spans.push((span = find(Number(ms), window, zone, anchor)))
  return span
}

function find(now: number, window: Calendar, zone: string, anchor: CalendarAnchor): Span {
  const shown = shownAt(now, zone)
  const time = (anchor.hour ?? 0) * HOUR + (anchor.minute ?? 0) * MINUTE
  const beginnings = datesAround(shown - (((shown % DAY) + DAY) % DAY), window, anchor).map((date) => date + time)
  // By the date shown, the current window is the one before the first of these, or a later one if clocks were set back.
  let next = beginnings.findIndex((each) => each > shown)
  while (startOf(beginnings[next] as number, zone) <= now) next++
  const beginning = beginnings[next - 1] as number
  return {
    start: BigInt(startOf(beginning, zone)),
    end: BigInt(startOf(beginnings[next] as number, zone)),
    name: BigInt(nameOf(beginning, window)),
  }
}

/** The anchor of a limit with a calendar window. */
export function anchorOf({ anchor }: Pick<Limit, 'anchor'>): CalendarAnchor {
  return typeof anchor === 'object' ? anchor : {}
}

/** Start and end (ms) of the window of a fixed length, aligned to the epoch, that is current at `ms`. */
export function epochWindow(ms: bigint, window: bigint): { readonly start: bigint; readonly end: bigint } {
  const start = floor(ms, window) * window
  return { start, end: start + window }
}
