import type { Limit } from '@sluice/core'

const DAY = 86_400_000
const UNKNOWN = 0

/** Windows by the numbers that the units of Envoy have, in ms. 7 is a week: a unit of limits, but not of overrides. */
const WINDOWS: readonly (number | undefined)[] = [undefined, 1_000, 60_000, 3_600_000, DAY, 30 * DAY, 365 * DAY, 7 * DAY]

/** The window of a unit of Envoy, in ms. */
export function unitOf(number: number): number | undefined {
  return WINDOWS[number]
}

const CALENDAR: Readonly<Record<string, number>> = { day: 4, month: 5, year: 6 }

/**
 * The unit of Envoy that is exactly the window of a limit; 0 for any other window. Not the week: an Envoy that does not know the unit might
 * not survive it.
 */
export function unitFor({ window }: Limit): number {
  if (typeof window === 'string') return CALENDAR[window] ?? UNKNOWN
  const found = WINDOWS.indexOf(window)
  return found > 0 && found < 7 ? found : UNKNOWN
}
