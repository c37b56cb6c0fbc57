import { WEEKDAYS } from './algorithms/calendar.ts'
import { labelOf } from './define-limit.ts'
import type { Duration } from './duration.ts'
import { invalid, show, SluiceError } from './errors.ts'
import { knownOptions } from './known-options.ts'
import type { CalendarAnchor, CalendarWindow, Limit } from './limit.ts'

interface WindowOptions {
  readonly window: Duration | CalendarWindow
  readonly anchor?: Limit['anchor']
  readonly timeZone?: string | undefined
}

/** The parts that an anchor can have, by window. */
const PARTS: { readonly [W in CalendarWindow]: readonly (keyof CalendarAnchor)[] } = {
  day: ['hour', 'minute'],
  week: ['weekday', 'hour', 'minute'],
  month: ['day', 'hour', 'minute'],
  quarter: ['month', 'day', 'hour', 'minute'],
  year: ['month', 'day', 'hour', 'minute'],
}
const ALL_PARTS = ['month', 'day', 'weekday', 'hour', 'minute'] as const
const RANGES = { month: [1, 12], day: [1, 31], hour: [0, 23], minute: [0, 59] } as const

const WINDOWS = Object.keys(PARTS)
  .map((window) => `'${window}'`)
  .join(', ')
  .replace(/, (?='year')/, ' or ')

export function isCalendarWindow(window: unknown): window is CalendarWindow {
  return typeof window === 'string' && Object.hasOwn(PARTS, window)
}

/**
 * Checks the options that say where a fixed window begins, and returns them as the limit has them.
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN, ERR_OPTION_CONFLICT
 */
export function checkWindowStart(label: string, { window, anchor, timeZone }: WindowOptions): Pick<Limit, 'anchor' | 'timeZone'> {
  const isCalendar = isCalendarWindow(window)
  if (!isCalendar && timeZone !== undefined)
    throw new SluiceError('ERR_OPTION_CONFLICT', `${label}: timeZone needs a calendar window: ${WINDOWS}`)
  if (timeZone !== undefined && !isTimeZone(timeZone))
    throw invalid(`${label}: timeZone`, "an IANA time zone such as 'Europe/Berlin'", timeZone)
  if (anchor === undefined || anchor === 'epoch') return { anchor, timeZone }
  if (anchor === 'first') {
    if (isCalendar)
      throw new SluiceError('ERR_OPTION_CONFLICT', `${label}: a calendar window is aligned to the calendar; remove anchor: 'first'`)
    return { anchor, timeZone }
  }
  if (typeof anchor !== 'object' || anchor === null || Array.isArray(anchor))
    throw invalid(`${label}: anchor`, "'epoch', 'first' or the beginning of a calendar window, such as { day: 15 }", anchor)
  if (!isCalendar)
    throw new SluiceError(
      'ERR_OPTION_CONFLICT',
      `${label}: an anchor with a date or a time needs a calendar window: expected window: ${WINDOWS}, got ${show(window)}`,
    )
  return { anchor: checkAnchor(`${label}: anchor`, window, anchor), timeZone }
}

/**
 * Whether the anchor or the time zone is a function of the request, so that the calendars of all requests share one state.
 * @throws ERR_OPTION_CONFLICT if no window of the limit is of the calendar
 */
export function isMovable({
  name,
  window,
  anchor,
  timeZone,
}: { readonly [K in 'name' | 'window' | 'anchor' | 'timeZone']?: unknown }): boolean {
  if (typeof timeZone === 'function' && typeof window !== 'function' && !isCalendarWindow(window))
    throw new SluiceError('ERR_OPTION_CONFLICT', `${labelOf({ name })}: timeZone needs a calendar window: ${WINDOWS}`)
  return typeof timeZone === 'function' || (typeof anchor === 'function' && (typeof window === 'function' || isCalendarWindow(window)))
}

function checkAnchor(what: string, window: CalendarWindow, anchor: CalendarAnchor): CalendarAnchor | undefined {
  knownOptions(what, anchor, ALL_PARTS)
  const parts: Record<string, unknown> = {}
  // In one order, since definitions are compared as JSON.
  for (const part of ALL_PARTS) {
    const value = anchor[part]
    if (value === undefined) continue
    if (!PARTS[window].includes(part))
      throw new SluiceError(
        'ERR_OPTION_CONFLICT',
        `${what}: a '${window}' cannot begin at a ${part}; expected some of ${PARTS[window].join(', ')}`,
      )
    checkPart(`${what}.${part}`, part, value)
    parts[part] = value
  }
  checkDateOfYear(what, window, anchor)
  return Object.keys(parts).length === 0 ? undefined : Object.freeze(parts)
}

function checkPart(what: string, part: keyof CalendarAnchor, value: unknown): void {
  if (part === 'weekday') {
    if (!(WEEKDAYS as readonly unknown[]).includes(value)) throw invalid(what, WEEKDAYS.map((day) => `'${day}'`).join(', '), value)
    return
  }
  const [min, max] = RANGES[part]
  if (!Number.isInteger(value) || (value as number) < min || (value as number) > max)
    throw invalid(what, `a whole number from ${min} to ${max}`, value)
}

/** A month has a last day, also the short ones. But a year that begins on a date which never exists is a mistake. */
function checkDateOfYear(what: string, window: CalendarWindow, { month = 1, day = 1 }: CalendarAnchor): void {
  if (window !== 'year') return
  // In a leap year.
  const lastDay = new Date(Date.UTC(2000, month, 0)).getUTCDate()
  if (day > lastDay) throw invalid(`${what}.day`, `at most ${lastDay}, the last day of month ${month}`, day)
}

/** Whether it is an IANA time zone that this runtime knows. */
export function isTimeZone(name: unknown): boolean {
  // No zone has a longer name, and users choose it.
  if (typeof name !== 'string' || name.length > 64) return false
  try {
    Intl.DateTimeFormat('en', { timeZone: name })
    return true
  } catch {
    return false
  }
}
