// Below, a local time is a number: the ms at which a clock in UTC shows the same date and time.

/** Milliseconds. */
export const DAY = 86_400_000

// Making a formatter takes about 50 µs, so the last ones are kept. There are about 600 zones.
const MAX_FORMATTERS = 1_000
const formatters = new Map<string, Intl.DateTimeFormat>()

/** The local time in a zone at an instant (whole ms). */
export function localTime(zone: string, ms: number): number {
  if (zone === 'UTC') return ms
  const shown: Record<string, number> = {}
  for (const { type, value } of formatterOf(zone).formatToParts(ms)) shown[type] = Number(value)
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = shown
  return Date.UTC(year, month - 1, day, hour, minute, second) + (((ms % 1000) + 1000) % 1000)
}

/**
 * The first instant at which the clocks of a zone show `local` or later. A time that clocks show twice begins with the first; one that they
 * skip, when they skip it.
 */
export function firstInstant(zone: string, local: number): number {
  if (zone === 'UTC') return local
  const instants = [local - DAY, local + DAY].map((around) => local - (localTime(zone, around) - around))
  const found = instants.filter((instant) => localTime(zone, instant) === local)
  if (found.length > 0) return Math.min(...found)
  // The clock jumped over the time, somewhere between the two candidates. A binary search finds the jump to the ms.
  let before = Math.min(...instants) - DAY / 24
  let after = Math.max(...instants) + DAY / 24
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2)
    if (localTime(zone, middle) < local) before = middle
    else after = middle
  }
  return after
}

function formatterOf(zone: string): Intl.DateTimeFormat {
  let formatter = formatters.get(zone)
  if (formatter !== undefined) return formatter
  formatter = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    calendar: 'gregory',
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  })
  if (formatters.size >= MAX_FORMATTERS) formatters.clear()
  formatters.set(zone, formatter)
  return formatter
}
