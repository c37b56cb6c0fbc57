// Numbers and times as the reader's language writes them.
import type { Instant } from './types.ts'

const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 })
const short = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 })
const small = new Intl.NumberFormat(undefined, { maximumFractionDigits: 2 })
const compact = new Intl.NumberFormat(undefined, { notation: 'compact', maximumFractionDigits: 1 })
const percent = new Intl.NumberFormat(undefined, { style: 'percent', maximumFractionDigits: 1 })
const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' })
const minutes = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })
const dated = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium', hourCycle: 'h23' })

export const NONE = '–'

export function count(value: number): string {
  if (value < 1) return small.format(value)
  return value < 10 && !Number.isInteger(value) ? short.format(value) : value < 100_000 ? whole.format(value) : compact.format(value)
}

/** @param share 0 to 1 */
export function share(share: number): string {
  return percent.format(share)
}

export function ms(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return NONE
  if (value < 1) return `${value.toFixed(2)} ms`
  return value < 1000 ? `${value < 10 ? value.toFixed(1) : whole.format(value)} ms` : duration(value)
}

export function time(at: number | null | undefined): string {
  return at === null || at === undefined ? NONE : clock.format(at)
}

export function minute(at: number): string {
  return minutes.format(at)
}

export function dateTime(at: Instant | null | undefined): string {
  if (at === null || at === undefined) return NONE
  const value = typeof at === 'number' ? at : Date.parse(at)
  return Number.isNaN(value) ? String(at) : dated.format(value)
}

/** As `3 min ago` or `in 2 h`. */
export function fromNow(at: Instant | null | undefined, now: number = Date.now()): string {
  if (at === null || at === undefined) return NONE
  const away = (typeof at === 'number' ? at : Date.parse(at)) - now
  if (Math.abs(away) < 1500) return 'now'
  return away < 0 ? `${duration(-away)} ago` : `in ${duration(away)}`
}

const UNITS = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1000, 's'],
] as const

/** As `2 d 4 h`: the two largest units. */
export function duration(value: number): string {
  const parts: string[] = []
  let rest = Math.round(value / 1000) * 1000
  for (const [size, unit] of UNITS) {
    if (rest >= size && parts.length < 2) parts.push(`${Math.floor(rest / size)} ${unit}`)
    else if (parts.length > 0) break
    rest %= size
  }
  return parts.length === 0 ? '0 s' : parts.join(' ')
}

/** `1 instance`, `2 instances`. */
export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`
}
