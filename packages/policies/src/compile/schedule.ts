import type { ActiveSpec, Day, WeeklySpec } from '../document.ts'

/** When a policy or a rule holds. */
export interface Schedule {
  /** Whether it holds at an instant, in ms since the epoch. */
  isActive(now: number): boolean
  /** The instant at which it ends, if it holds now; `undefined` if it has no end. */
  endsAt(now: number): number | undefined
}

const MINUTE = 60_000
const DAY_MINUTES = 1_440
const DAYS: readonly Day[] = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']

/** @param spec `undefined`: always */
export function scheduleOf(spec: ActiveSpec | undefined): Schedule | undefined {
  if (spec === undefined) return undefined
  const from = spec.from === undefined ? -Infinity : Date.parse(spec.from)
  const until = spec.until === undefined ? Infinity : Date.parse(spec.until)
  const ranges = spec.weekly?.map(rangeOf)
  // A schedule is asked by every request, and changes at whole minutes only.
  let minute = Number.NaN
  let isInRange = false
  const inRange = (now: number): boolean => {
    if (ranges === undefined) return true
    const current = Math.floor(now / MINUTE)
    if (current !== minute) {
      isInRange = ranges.some((range) => range.has(current * MINUTE))
      minute = current
    }
    return isInRange
  }
  const isActive = (now: number): boolean => now >= from && now < until && inRange(now)
  const endsAt = (now: number): number | undefined => {
    const end = ranges === undefined ? until : Math.min(until, endOfRanges(ranges, now))
    return end === Infinity ? undefined : end
  }
  return { isActive, endsAt }
}

interface Range {
  has(instant: number): boolean
  /** The instant at which the range that contains `instant` ends. */
  end(instant: number): number
}

function rangeOf({ days, from, to, timeZone = 'UTC' }: WeeklySpec): Range {
  const begins = new Set(days.map((day) => DAYS.indexOf(day)))
  const start = minutesOf(from)
  const stop = minutesOf(to)
  const isOvernight = stop <= start
  const has = (instant: number): boolean => {
    const { day, minutes } = localOf(timeZone, instant)
    if (!isOvernight) return begins.has(day) && minutes >= start && minutes < stop
    return (begins.has(day) && minutes >= start) || (begins.has((day + 6) % 7) && minutes < stop)
  }
  const end = (instant: number): number => {
    const { minutes } = localOf(timeZone, instant)
    const left = (stop - minutes + DAY_MINUTES) % DAY_MINUTES || DAY_MINUTES
    const guess = Math.floor(instant / MINUTE) * MINUTE + left * MINUTE
    return lastChange(has, instant, guess)
  }
  return { has, end }
}

/** Clocks that change in a range make it longer or shorter than its local times: at most two hours. */
function lastChange(has: (instant: number) => boolean, instant: number, guess: number): number {
  let end = guess
  for (let i = 0; i < 240 && has(end); i++) end += MINUTE
  while (end - MINUTE > instant && !has(end - MINUTE)) end -= MINUTE
  return end
}

/** Where one range ends and another has begun, the schedule goes on. */
function endOfRanges(ranges: readonly Range[], now: number): number {
  let end = now
  for (let i = 0; i < 20; i++) {
    const current = ranges.find((range) => range.has(end))
    if (current === undefined) return end
    end = current.end(end)
  }
  return Infinity
}

function minutesOf(time: string): number {
  return Number(time.slice(0, 2)) * 60 + Number(time.slice(3))
}

// Making a formatter takes about 50 µs. Only documents name time zones, so the map is bounded.
const formatters = new Map<string, Intl.DateTimeFormat>()

/** The day of the week (0 is Sunday), and the minutes since local midnight as a clock on the wall shows them. */
function localOf(timeZone: string, instant: number): { readonly day: number; readonly minutes: number } {
  let formatter = formatters.get(timeZone)
  if (formatter === undefined) {
    formatter = new Intl.DateTimeFormat('en-US', { timeZone, hourCycle: 'h23', weekday: 'short', hour: 'numeric', minute: 'numeric' })
    formatters.set(timeZone, formatter)
  }
  const shown: Record<string, string> = {}
  for (const { type, value } of formatter.formatToParts(instant)) shown[type] = value
  const day = DAYS.indexOf((shown['weekday'] ?? '').toLowerCase() as Day)
  return { day, minutes: Number(shown['hour']) * 60 + Number(shown['minute']) }
}
