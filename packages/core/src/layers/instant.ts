import type { Clock } from '../clock.ts'

/**
 * A moment by both clocks of a process, in ms. One clock is not enough: the monotonic clock can stop while the machine is suspended,
 * and the time of day can be set.
 */
export interface Instant {
  readonly wall: number
  readonly monotonic: number
}

export function instantOf(clock: Clock): Instant {
  const wall = clock.now()
  return { wall, monotonic: clock.monotonic?.() ?? wall }
}

/** ms between two moments, by the clock that measured more; `Infinity` if the time of day was set back in between. */
export function elapsed(from: Instant, to: Instant): number {
  const wall = to.wall - from.wall
  return wall < 0 ? Infinity : Math.max(wall, to.monotonic - from.monotonic)
}
