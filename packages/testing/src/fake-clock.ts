import type { Clock } from '@sluice/core'

/** A clock that moves only when a test moves it. Times are in ms with a resolution of 1 µs. */
export interface FakeClock extends Clock {
  /** Time of day, ms since the epoch. */
  now(): number
  /** ms since the clock was created. Never goes back. */
  monotonic(): number
  /** Sets a timer. The returned function cancels it. */
  after(ms: number, run: () => void): () => void
  /** Sets the time of day. When it moves forward, the timers that become due run. */
  set(ms: number): void
  /** Moves forward by `ms`. When negative, `now()` steps back and `monotonic()` stands still. */
  advance(ms: number): void
  /** Number of timers that have not run yet. */
  readonly pending: number
}

interface Timer {
  readonly due: number
  readonly run: () => void
}

/** 2026-01-01T00:00:00Z in ms: the start of a second, a minute, an hour, a day and a month. */
export const START = 1_767_225_600_000

/**
 * A clock for tests. Give it to a store, a limiter or a layer, and move it by hand: no test has to sleep.
 *
 * @param startMs time of day in ms since the epoch; default 2026-01-01T00:00:00Z
 *
 * @example
 * ```ts
 * import { createLimiter, fixedWindow, memoryStore } from '@sluice/core'
 * import { fakeClock } from '@sluice/testing'
 *
 * const clock = fakeClock()
 * const limits = [fixedWindow({ name: 'minute', limit: 1, window: '1m' })]
 * const limiter = createLimiter({ limits, store: memoryStore({ clock }) })
 *
 * await limiter.consume('alice') // allowed
 * await limiter.consume('alice') // refused
 * clock.advance(60_000)
 * await limiter.consume('alice') // allowed
 * ```
 */
export function fakeClock(startMs: number = START): FakeClock {
  let now = startMs
  let monotonic = 0
  let timers: Timer[] = []

  // Timers run in the order of their due times, and see their due time on the clock. A timer may set another that is due too.
  const moveTo = (by: number, target: number): void => {
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
      moveTo(Math.max(0, ms - now), ms)
    },
    advance(ms) {
      // Rounded, so that a thousand steps of 0.1 ms add up to exactly 100 ms.
      moveTo(Math.max(0, ms), toMicro(now + ms))
    },
    get pending() {
      return timers.length
    },
  }
}

function toMicro(ms: number): number {
  return Math.round(ms * 1000) / 1000
}
