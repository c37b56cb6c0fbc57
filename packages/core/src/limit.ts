import type { KeyOf } from './identity/part.ts'

/** One rule as plain, frozen data: no function in it, so that it can cross to another process. */
export interface Limit<N extends string = string> {
  readonly algorithm: 'fixedWindow' | 'slidingWindow' | 'slidingLog' | 'tokenBucket' | 'leakyBucket' | 'concurrency'
  readonly name: N
  /** Units per window; for concurrency, how many at once. */
  readonly limit: number
  /** ms; for concurrency, how long a holder lives. */
  readonly window: number | CalendarWindow
  /** Buckets: the most that can be taken at once. */
  readonly burst?: number | undefined
  /** Fixed windows: aligned to the epoch, or started by a subject's first admitted charge. */
  readonly anchor?: 'epoch' | 'first' | undefined
  /** IANA name, for calendar windows. */
  readonly timeZone?: string | undefined
  /** Leaky bucket: admit with a delay instead of at once. */
  readonly queue?: boolean | undefined
  /** ms, queue. */
  readonly maxDelay?: number | undefined
  /** Sliding log: the largest `limit` that is accepted. */
  readonly maxLog?: number | undefined
  /** ms, concurrency: the `retryAfter` of a refusal unless a holder expires sooner. */
  readonly retryHint?: number | undefined
  /** Buckets: the largest debt, in units, that a forced charge may leave. */
  readonly debt?: number | undefined
}
export type CalendarWindow = 'day' | 'week' | 'month'

/** What the factories return: the limit, and where its subject comes from. Only the HTTP pipeline reads `key`. */
export interface LimitRule<N extends string = string, in C = any> {
  readonly limit: Limit<N>
  readonly key?: KeyOf<C> | undefined
  /** The state is apart from that of the limiter's other limits, under this name. */
  readonly scope?: string | undefined
}
