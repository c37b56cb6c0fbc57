// How a process keeps up with what is kept elsewhere: it loads all, watches for changes, and begins again when either fails.
import { type Clock, systemClock } from './clock.ts'
import type { SourceSignal } from './policy-source.ts'

const FIRST_PAUSE = 200
const LONGEST_PAUSE = 30_000
/** ms. What was watched for as long is well, so the next outage begins with the shortest pause. */
export const WELL_AFTER = 1_000

/** How long to wait before attempt number `attempt` (from 0), in ms: up to 200 ms, then twice as long each time, up to `longest`. */
export function backOff(attempt: number, longest: number = LONGEST_PAUSE): number {
  // Full jitter: after an outage, the processes of a fleet do not come back together.
  return Math.random() * Math.min(longest, FIRST_PAUSE * 2 ** Math.min(attempt, 10))
}

/** Resolves after `ms`, or at once when the signal is aborted. */
export function pause(ms: number, clock: Clock, signal: SourceSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    const after = clock.after?.bind(clock) ?? systemClock.after
    const finish = (): void => {
      cancel()
      signal.removeEventListener('abort', finish)
      resolve()
    }
    const cancel = after(ms, finish)
    signal.addEventListener('abort', finish)
  })
}

/** What `follow` calls. */
export interface Following {
  readonly clock: Clock
  readonly signal: SourceSignal
  /** The longest pause between two attempts: ms. Default: 30,000. */
  readonly longest?: number | undefined
  /** Loads all, calls `loaded`, and watches. Resolves when all must be loaded again. */
  attempt(this: void, loaded: () => void): Promise<void>
  /** Called with the error of each attempt that failed, unless the signal is aborted. */
  failed(this: void, error: unknown): void
}

/** Attempts again and again, with pauses, until the signal is aborted. Never rejects. */
export async function follow({ clock, signal, longest, attempt, failed }: Following): Promise<void> {
  const time = clock.monotonic?.bind(clock) ?? systemClock.monotonic
  for (let failures = 0; !signal.aborted;) {
    let watchedSince = Infinity
    try {
      await attempt(() => (watchedSince = time()))
    } catch (error) {
      if (signal.aborted) return
      failed(error)
    }
    // What can be read, and not be watched, is away as well: a load alone must not end the back-off. A server that ends each stream after
    // some seconds is well.
    if (time() - watchedSince >= WELL_AFTER) failures = 0
    await pause(backOff(failures++, longest), clock, signal)
  }
}
