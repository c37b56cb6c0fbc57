import { firstInstant, localTime } from '@sluice/core/adapter-kit'
import type { ActiveSpec, Day, WeeklySpec } from '../document.ts'

/** When a policy or a rule holds. */
export interface Schedule {
  /** Whether it holds at an instant, in ms since the epoch. */
  isActive(now: number): boolean
  /** The instant at which it ends, if it holds now; `undefined` if it has no end. */
  endsAt(now: number): number | undefined
}

const MINUTE = 60_000
const DAY = 86_400_000
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
  const start = millisOf(from)
  const stop = millisOf(to)
  const has = (instant: number): boolean => {
    const local = localTime(timeZone, instant)
    const time = local % DAY
    const day = weekdayOf(local)
    if (stop > start) return begins.has(day) && time >= start && time < stop
    return (begins.has(day) && time >= start) || (begins.has((day + 6) % 7) && time < stop)
  }
  const end = (instant: number): number => {
    const local = localTime(timeZone, instant)
    const left = (stop - (local % DAY) + DAY) % DAY || DAY
    const ended = firstInstant(timeZone, local + left)
    // Where clocks show the end twice, and the instant is between the two, the second one is meant.
    return ended > instant ? ended : instant + left
  }
  return { has, end }
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

function millisOf(time: string): number {
  return (Number(time.slice(0, 2)) * 60 + Number(time.slice(3))) * MINUTE
}

/** 0 is Sunday. The epoch was a Thursday. */
function weekdayOf(local: number): number {
  return (Math.floor(local / DAY) + 4) % 7
}
