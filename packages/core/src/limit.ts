import type { KeyOf } from './identity/part.ts'

/**
 * One limit as plain, frozen data. It contains no function, so that it can be sent to another process.
 * Use a factory such as `slidingWindow()` to make one; the factory checks the values.
 */
export interface Limit<N extends string = string> {
  readonly algorithm: 'fixedWindow' | 'slidingWindow' | 'slidingLog' | 'tokenBucket' | 'leakyBucket' | 'concurrency'
  readonly name: N
  /** Units per window. For `concurrency`: how many requests at once. */
  readonly limit: number
  /** Length of the window in ms, or the calendar's window. For `concurrency`: how long a holder lives, in ms. */
  readonly window: number | CalendarWindow
  /** Buckets: the most units that can be taken at once. Default: `limit`. */
  readonly burst?: number | undefined
  /** Fixed windows: whether they are aligned to the Unix epoch (default), or start with a subject's first admitted charge. */
  readonly anchor?: 'epoch' | 'first' | undefined
  /** Calendar windows: an IANA time zone. Default: UTC. */
  readonly timeZone?: string | undefined
  /** Leaky bucket: admit with a delay instead of at once. Default: false. */
  readonly queue?: boolean | undefined
  /** Leaky bucket with `queue`: the longest delay in ms. Default: 1,000, or none if `burst` is given. */
  readonly maxDelay?: number | undefined
  /** Sliding log: the largest `limit` that is accepted. Default: 1,000. */
  readonly maxLog?: number | undefined
  /** Concurrency: the longest `retryAfter` of a refusal, in ms. Default: 1,000. */
  readonly retryHint?: number | undefined
  /** Token bucket: the largest debt, in units, that a forced charge may leave. Default: the burst. */
  readonly debt?: number | undefined
}

/** A window of the calendar: it starts at midnight, on Monday, or on the first of the month. */
export type CalendarWindow = 'day' | 'week' | 'month'

/** What a factory returns: the limit, and where its subject is read from. */
export interface LimitRule<N extends string = string, in C = any> {
  readonly limit: Limit<N>
  /** Reads the subject from a request. Only `rateLimit` calls it; `createLimiter` refuses a rule that has one. */
  readonly key?: KeyOf<C> | undefined
  /** Keeps the state apart from that of other limits of the same name, under this name. */
  readonly scope?: string | undefined
}
