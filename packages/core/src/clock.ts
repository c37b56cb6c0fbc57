import { invalid } from './errors.ts'
import { runtime } from './runtime.ts'

/**
 * Where time comes from. Pass your own to a store or a layer to test without waiting. Only `now` is required. The system's clock
 * supplies the other functions.
 */
export interface Clock {
  /** Milliseconds since the Unix epoch, with or without a fraction. Must not be negative, nor past the year 2255. */
  now(): number
  /** Milliseconds from any origin; must never go back. Measures deadlines. Default: `performance.now()`. */
  monotonic?(): number
  /** Runs `run` once after `ms` milliseconds. The returned function cancels it. Default: `setTimeout`. */
  after?(ms: number, run: () => void): () => void
}

// Runtimes fire a longer timer at once.
const LONGEST_TIMER = 2 ** 31 - 1

/** The system's clock. Its timers do not keep a process running. */
export const systemClock: Required<Clock> = {
  now: () => Date.now(),
  monotonic: () => runtime.performance?.now() ?? Date.now(),
  after(ms, run) {
    const timer = runtime.setTimeout(run, Math.min(ms, LONGEST_TIMER)) as { unref?(): void }
    // In Node a timer keeps the process running until it fires.
    timer.unref?.()
    return () => runtime.clearTimeout(timer)
  },
}

/** The system's clock for what somebody waits for: its timers keep a process running. */
export const waitingClock: Required<Clock> = {
  ...systemClock,
  after(ms, run) {
    const timer = runtime.setTimeout(run, Math.min(ms, LONGEST_TIMER))
    return () => runtime.clearTimeout(timer)
  },
}

/** Adds the functions of `system` that `clock` does not have. The functions of the result need no `this`. */
export function completeClock(clock: Clock, system: Required<Clock> = systemClock): Required<Clock> {
  if (clock === systemClock) return system
  return {
    now: () => clock.now(),
    monotonic: clock.monotonic === undefined ? system.monotonic : () => clock.monotonic?.() ?? 0,
    after: clock.after === undefined ? system.after : (ms, run) => clock.after?.(ms, run) ?? (() => undefined),
  }
}

// Read once: a test framework's fake timers replace the global, and would hold back every decision of a store.
const { setImmediate, performance } = runtime

/** ms, monotonic, for how long something took. Reads no global, which takes a fifth of the time. */
export function elapsedTime(): number {
  return performance === undefined ? Date.now() : performance.now()
}

/** Runs `run` when this turn of the event loop has ended, so that all that arrived in the turn is sent together. */
export function afterTurn(run: () => void): void {
  if (setImmediate === undefined) runtime.setTimeout(run, 0)
  else setImmediate(run)
}

/** Runs `run` as soon as the running code has returned, before any input, output or timer. */
export function inMicrotask(run: () => void): void {
  runtime.queueMicrotask(run)
}

/**
 * Keeps the process running until the work has ended. Other timers of Sluice do not, so a program that waits for nothing but them would
 * end in the middle of its `await`.
 */
export function keptAlive<T>(work: Promise<T>): Promise<T> {
  const timer = runtime.setTimeout(() => undefined, LONGEST_TIMER)
  return work.finally(() => runtime.clearTimeout(timer))
}

/**
 * A clock's time as whole microseconds, rounded to the nearest.
 * @throws ERR_CLOCK_INVALID unless `now()` returns a time from 1970 to 2255
 */
export function microsOf(clock: Clock): number {
  const micros = Math.round(clock.now() * 1000)
  if (!(micros >= 0 && micros <= Number.MAX_SAFE_INTEGER)) throw badTime(micros)
  return micros
}

function badTime(micros: number): Error {
  return invalid('clock.now()', 'milliseconds since 1970, up to the year 2255', micros / 1000, 'ERR_CLOCK_INVALID')
}

/** Microseconds as whole milliseconds, rounded up, so that no client waits too short a time. */
export function ceilMillis(micros: number): number {
  return Math.ceil(micros / 1000)
}
