import { type Clock, systemClock } from '@sluice/core'

const FIRST = 200
const LONGEST = 30_000

/** How long to wait before attempt number `attempt` (from 0), in ms: up to 200 ms, then twice as long each time, up to 30 s. */
export function backOff(attempt: number): number {
  // Full jitter: after an outage, the processes of a fleet do not come back together.
  return Math.random() * Math.min(LONGEST, FIRST * 2 ** Math.min(attempt, 10))
}

/** Resolves after `ms`, or at once when the signal is aborted. */
export function pause(ms: number, clock: Clock, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    const after = clock.after?.bind(clock) ?? systemClock.after
    const cancel = after(ms, finish)
    signal.addEventListener('abort', finish, { once: true })
    function finish(): void {
      cancel()
      signal.removeEventListener('abort', finish)
      resolve()
    }
  })
}
