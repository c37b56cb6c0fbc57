import { invalid } from './errors.ts'
import { runtime } from './runtime.ts'

/** Where time comes from. Give your own to test without waiting. */
export interface Clock {
  /** Milliseconds since the Unix epoch; may be fractional. */
  now(): number
  /** Milliseconds from any origin, never going back; for deadlines. */
  monotonic?(): number
  /** Runs `run` once after `ms`; the function returned cancels it. */
  after?(ms: number, run: () => void): () => void
}

// A timer further away than this fires at once.
const LONGEST_TIMER = 2 ** 31 - 1

/** The system's clock: the only place that reads the time of day, and the only one that sets a timer. */
export const systemClock: Required<Clock> = {
  now: () => Date.now(),
  monotonic: () => runtime.performance?.now() ?? Date.now(),
  after(ms, run) {
    const timer = runtime.setTimeout(run, Math.min(ms, LONGEST_TIMER)) as { unref?(): void }
    // A process that has nothing else to do may end.
    timer.unref?.()
    return () => runtime.clearTimeout(timer)
  },
}

/** A clock with all functions: those that it lacks are the system's. The result takes no `this`. */
export function completeClock(clock: Clock): Required<Clock> {
  return {
    now: () => clock.now(),
    monotonic: clock.monotonic === undefined ? systemClock.monotonic : () => clock.monotonic?.() ?? 0,
    after: clock.after === undefined ? systemClock.after : (ms, run) => clock.after?.(ms, run) ?? (() => undefined),
  }
}

/** A clock's milliseconds as whole microseconds, rounded to the nearest: the one place where a time becomes an integer. */
export function microsOf(clock: Clock): number {
  const micros = Math.round(clock.now() * 1000)
  if (!(micros >= 0 && micros <= Number.MAX_SAFE_INTEGER)) {
    throw invalid('clock.now()', 'milliseconds since 1970, up to the year 2255', micros / 1000, 'ERR_CLOCK_INVALID')
  }
  return micros
}

/** Microseconds as whole milliseconds, rounded up: a wait is never told too short. */
export function ceilMillis(micros: number): number {
  return Math.ceil(micros / 1000)
}
