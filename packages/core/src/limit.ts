import type { KeyOf } from './identity/part.ts'
import type { MaybePromise } from './runtime.ts'

/**
 * One limit as plain, frozen data. It contains no function, so that it can be sent to another process.
 * Use a factory such as `slidingWindow()` to make one; the factory checks the values.
 */
export interface Limit<N extends string = string> {
  readonly algorithm: 'fixedWindow' | 'slidingWindow' | 'slidingLog' | 'tokenBucket' | 'leakyBucket' | 'concurrency'
  readonly name: N
  /** The text that clients see in place of the name. Default: the name. */
  readonly label?: string | undefined
  /** False: clients do not see this limit, neither in headers nor in bodies. Default: true. */
  readonly visible?: false | undefined
  /** Units per window. For `concurrency`: how many requests at once. */
  readonly limit: number
  /** Length of the window in ms, or the calendar's window. For `concurrency`: how long a holder lives, in ms. */
  readonly window: number | CalendarWindow
  /** Buckets: the most units that can be taken at once. Default: `limit`. */
  readonly burst?: number | undefined
  /**
   * Fixed windows: whether they are aligned to the Unix epoch (default), or start with a subject's first admitted charge. Calendar windows:
   * the date and time at which they begin.
   */
  readonly anchor?: 'epoch' | 'first' | CalendarAnchor | undefined
  /** Calendar windows: an IANA time zone. Default: UTC. */
  readonly timeZone?: string | undefined
  /**
   * Calendar windows: whether the anchor or the time zone depends on the request. The calendars of all requests then share one state, in which
   * a window has a number: a date, a week, a month, a quarter or a year. Default: false.
   */
  readonly movable?: boolean | undefined
  /** Leaky bucket: admit with a delay instead of at once. Default: false. */
  readonly queue?: boolean | undefined
  /** Leaky bucket with `queue`: the longest delay in ms. Default: 1,000, or none if `burst` is given. */
  readonly maxDelay?: number | undefined
  /** Sliding log: the largest `limit` that is accepted. Default: 1,000. */
  readonly maxLog?: number | undefined
  /** Concurrency: the longest `retryAfter` of a refusal, in ms. Default: 1,000. */
  readonly retryHint?: number | undefined
  /** Windows and logs: how long admitted charges wait, the longer the more is used. Default: not at all. */
  readonly delay?: GrowingDelay | undefined
  /** Token bucket: the largest debt, in units, that a forced charge may leave. Default: the burst. */
  readonly debt?: number | undefined
  /**
   * Fixed and sliding windows: the units that a region may use of a limit that several regions share in mode `strict`. Admission compares with it;
   * `limit` stays the most that one charge can take. The count can then be below 0, while units of other regions are not used yet.
   * A store sets it. No factory has an option for it. Default: absent, and the whole limit may be used.
   */
  readonly rights?: number | undefined
}

/** A delay that grows with the units that are used: `step` for each unit above `after`, at most `max`. */
export interface GrowingDelay {
  /** Units that are not delayed: a whole number, 0 or more. */
  readonly after: number
  /** ms */
  readonly step: number
  /** ms */
  readonly max: number
}

/** A window of the calendar. By default it begins at midnight, on Monday, on the first of the month, or with January. */
export type CalendarWindow = 'day' | 'week' | 'month' | 'quarter' | 'year'

/**
 * Where the windows of a calendar begin, in their time zone. What is left out is the first: midnight, Monday, the 1st, January.
 *
 * A time that clocks skip is when they skip it; of a time that they show twice, the first.
 * @example
 * ```ts
 * import { fixedWindow } from '@sluice/core'
 *
 * const zone = { timeZone: 'Europe/Berlin' }
 * fixedWindow({ name: 'day', limit: 100, window: 'day', anchor: { hour: 6 }, ...zone })
 * fixedWindow({ name: 'week', limit: 100, window: 'week', anchor: { weekday: 'sunday' }, ...zone })
 * fixedWindow({ name: 'month', limit: 100, window: 'month', anchor: { day: 15, hour: 6 }, ...zone })
 * fixedWindow({ name: 'year', limit: 100, window: 'year', anchor: { month: 4, day: 6 }, ...zone })
 * ```
 */
export interface CalendarAnchor {
  /** `'year'`: the month in which the year begins. `'quarter'`: a month in which a quarter begins. 1 to 12; default 1, which is January. */
  readonly month?: number | undefined
  /** `'month'`, `'quarter'` and `'year'`: the day of the month, 1 to 31; default 1. In a month with fewer days it is the last day. */
  readonly day?: number | undefined
  /** `'week'`: the day on which the week begins, in lower case; default `'monday'`. */
  readonly weekday?: 'monday' | 'tuesday' | 'wednesday' | 'thursday' | 'friday' | 'saturday' | 'sunday' | undefined
  /** The hour of the day, 0 to 23; default 0. */
  readonly hour?: number | undefined
  /** The minute of the hour, 0 to 59; default 0. */
  readonly minute?: number | undefined
}

/** What a factory returns: the limit, and where its subject is read from. */
export interface LimitRule<N extends string = string, in C = any> {
  readonly limit: Limit<N>
  /** Reads the subject from a request, in `rateLimit`. `createLimiter` reads no request, and converts subjects to the form that it gives. */
  readonly key?: KeyOf<C> | undefined
  /** Gives each request other numbers than those of `limit`. Absent unless an option of the factory was a function. */
  readonly numbers?: RequestNumbers<C> | undefined
  /** Keeps the state apart from that of other limits of the same name, under this name. */
  readonly scope?: string | undefined
}

/**
 * A value, or a function of the request that returns it and may be async. `undefined` and `null` stand for the value in `defaults`. If the
 * function throws or rejects, the request fails: return `undefined` where a look-up that fails must not fail the request.
 */
export type PerRequest<C, V> = V | NumberFunction<C, V>

/** Returns a number of a limit for one request. */
export type NumberFunction<C, V = unknown> = (context: C) => MaybePromise<V | null | undefined>

/** What `numbers` of a rule is: the functions that give each request other numbers than those of the limit. */
export interface RequestNumbers<in C = any> {
  /** By the option of the factory, such as `limit` or `burst`. */
  readonly functions: Readonly<Record<string, NumberFunction<C>>>
  /** The option `defaults` of the factory. Without a request, these hold. */
  readonly defaults: Readonly<Record<string, unknown>>
}
