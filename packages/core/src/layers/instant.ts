import type { Clock } from '../clock.ts'

/** A moment by both clocks of a process, ms: the monotonic one stands while the machine is suspended, the other one can be set. */
export interface Instant {
  readonly wall: number
  readonly monotonic: number
}

export function instantOf(clock: Clock): Instant {
  const wall = clock.now()
  return { wall, monotonic: clock.monotonic?.() ?? wall }
}

/** ms from one moment to a later one, by the clock that says more; `Infinity` when the time of day was set back in between. */
export function passed(from: Instant, to: Instant): number {
  const wall = to.wall - from.wall
  return wall < 0 ? Infinity : Math.max(wall, to.monotonic - from.monotonic)
}
