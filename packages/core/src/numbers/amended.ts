import { algorithmOf } from '../algorithms/registry.ts'
import { isCalendarWindow } from '../calendar-options.ts'
import { isShortNumber, labelOf, shortWindowOf } from '../define-limit.ts'
import type { Duration } from '../duration.ts'
import { invalid } from '../errors.ts'
import type { CalendarAnchor, CalendarWindow, Limit, LimitRule } from '../limit.ts'
import { concurrency, fixedWindow, leakyBucket, slidingLog, slidingWindow, tokenBucket } from '../limits.ts'
import type { ScopedLimit } from '../limit-set.ts'

/** Other numbers for a limit, by the options of its factory. What is left out stays. */
export interface LimitNumbers {
  /** Units per window, or requests at once: a whole number, 0 or more, or `Infinity`, which does not limit. 0 refuses every request. */
  readonly limit?: number | undefined
  /** Length of the window: 1 ms to 366 days; for `fixedWindow` also a window of the calendar. */
  readonly window?: Duration | CalendarWindow | undefined
  /** Calendar windows: where they begin. Only for a limit one of whose `anchor` and `timeZone` is a function. */
  readonly anchor?: CalendarAnchor | undefined
  /** Calendar windows: an IANA time zone. Only for a limit one of whose `anchor` and `timeZone` is a function. */
  readonly timeZone?: string | undefined
  /** Buckets: the most units at once, a whole number, at least 1. */
  readonly burst?: number | undefined
  /** Token bucket: the largest debt in units, a whole number, at least 0. */
  readonly debt?: number | undefined
  /** Leaky bucket with `queue`: the longest delay, 1 ms to 366 days. */
  readonly maxDelay?: Duration | undefined
  /** Concurrency: how long a holder lives, 1 ms to 366 days. */
  readonly ttl?: Duration | undefined
}

export type FactoryOptions = Readonly<Record<string, unknown>>

const FACTORIES = { concurrency, fixedWindow, leakyBucket, slidingLog, slidingWindow, tokenBucket } as unknown as Readonly<
  Record<Limit['algorithm'], (options: FactoryOptions) => LimitRule>
>

/** The rule that the factory of an algorithm makes of these options. */
export function ruleOf(algorithm: Limit['algorithm'], options: FactoryOptions): LimitRule {
  return FACTORIES[algorithm](options)
}

/** The options from which its factory makes this limit. */
export function optionsOf(limit: Limit): FactoryOptions {
  const { algorithm: _, movable: __, window, ...data } = limit
  // As text, so that only a number below a second that an application gave is reported.
  const length = isShortNumber(window) && shortWindowOf(limit) === undefined ? `${window}ms` : window
  return { ...data, [algorithmOf(limit).holds ? 'ttl' : 'window']: length }
}

/** Options of a factory with changes, of which `undefined` changes nothing. */
export function withChanges({ timeZone, anchor, ...options }: FactoryOptions, changes: FactoryOptions): FactoryOptions {
  const { window = options['window'] } = changes
  const given = Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined))
  // A time zone belongs to a window of the calendar, and an anchor to a window of one kind. Another window replaces them.
  const keepsZone = timeZone !== undefined && isCalendarWindow(window)
  const keepsAnchor = anchor !== undefined && (window === options['window'] || (typeof anchor === 'string' && !isCalendarWindow(window)))
  return { ...options, ...(keepsZone && { timeZone }), ...(keepsAnchor && { anchor }), ...given }
}

/** Bounds memory where the numbers depend on something that clients choose. */
export const MAX_AMENDED = 1_000

/** Copies of one limit with other numbers. Equal numbers have one copy, since caches find what they keep of a limit by the object. */
export class AmendedLimits {
  private readonly scoped: ScopedLimit
  private readonly copies = new Map<string, ScopedLimit | 'unlimited'>()

  constructor(scoped: ScopedLimit) {
    this.scoped = scoped
  }

  /** The limit with these numbers, checked like a new limit; `undefined` for no limit. @throws what the factory of the limit throws */
  with(numbers: FactoryOptions): ScopedLimit | undefined {
    const text = textOf(numbers)
    let copy = this.copies.get(text)
    if (copy === undefined) {
      copy = this.make(numbers)
      if (this.copies.size >= MAX_AMENDED) this.copies.clear()
      this.copies.set(text, copy)
    }
    return copy === 'unlimited' ? undefined : copy
  }

  private make(numbers: FactoryOptions): ScopedLimit | 'unlimited' {
    const { limit } = this.scoped
    for (const [name, value] of Object.entries(numbers))
      if (typeof value === 'function') throw invalid(`${labelOf(limit)}: ${name}`, 'a value', value)
    const isUnlimited = numbers['limit'] === Infinity
    const options = withChanges(optionsOf(limit), isUnlimited ? { ...numbers, limit: undefined } : numbers)
    const made = ruleOf(limit.algorithm, options).limit
    const amended = limit.movable === true ? Object.freeze({ ...made, movable: true }) : made
    return isUnlimited ? 'unlimited' : Object.freeze({ ...this.scoped, limit: amended, reader: undefined })
  }
}

function textOf(numbers: FactoryOptions): string {
  let text = ''
  for (const name in numbers) {
    const value = numbers[name]
    // The type too, since a number and its text differ: `'60'` is no duration.
    if (value !== undefined) text += `${name} ${typeof value} ${isPlain(value) ? value : JSON.stringify(value)}/`
  }
  return text
}

function isPlain(value: unknown): value is number | string {
  return typeof value === 'number' || typeof value === 'string'
}
