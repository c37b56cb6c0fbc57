import type { Clock } from '@sluice/core'

/** A clock that moves only when a test moves it. Times are ms, may be fractional, and are kept to the µs. */
export interface FakeClock extends Clock {
  now(): number
  monotonic(): number
  after(ms: number, run: () => void): () => void
  /** The time of day becomes exactly this. Runs the timers that fall due when it goes forward. */
  set(ms: number): void
  /** Goes on by `ms`, or back when negative: then only `now()` goes back, `monotonic()` stands still. */
  advance(ms: number): void
  /** How many timers wait. */
  readonly pending: number
}

interface Timer {
  readonly due: number
  readonly run: () => void
}

/** 2026-01-01T00:00:00Z: the start of a second, a minute, an hour, a day and a month, so that tests can count from it. */
export const START = 1_767_225_600_000

export function fakeClock(startMs: number = START): FakeClock {
  let now = startMs
  let monotonic = 0
  let timers: Timer[] = []

  // In order of their due times, each at its own time: a timer set by a timer runs too, if it is due.
  const go = (by: number, target: number): void => {
    const end = toMicro(monotonic + by)
    const begin = monotonic
    const from = now
    for (;;) {
      const next = timers.filter((timer) => timer.due <= end).toSorted((a, b) => a.due - b.due)[0]
      if (next === undefined) break
      timers = timers.filter((timer) => timer !== next)
      monotonic = Math.max(monotonic, next.due)
      now = toMicro(from + (monotonic - begin))
      next.run()
    }
    monotonic = end
    now = target
  }

  return {
    now: () => now,
    monotonic: () => monotonic,
    after(ms, run) {
      const timer: Timer = { due: toMicro(monotonic + Math.max(0, ms)), run }
      timers.push(timer)
      return () => {
        timers = timers.filter((other) => other !== timer)
      }
    },
    set(ms) {
      go(Math.max(0, ms - now), ms)
    },
    advance(ms) {
      // Without rounding, a thousand steps of 0.1 ms would not add up to 100 ms.
      go(Math.max(0, ms), toMicro(now + ms))
    },
    get pending() {
      return timers.length
    },
  }
}

function toMicro(ms: number): number {
  return Math.round(ms * 1000) / 1000
}
