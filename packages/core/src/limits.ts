import { MAX_LOG } from './algorithms/sliding-log.ts'
import { checkWindowStart, isCalendarWindow } from './calendar-options.ts'
import { checkWhole, defineLimit, labelOf, type LimitFields, windowOf } from './define-limit.ts'
import { type Duration, millisOf } from './duration.ts'
import { invalid, SluiceError } from './errors.ts'
import { knownOptions } from './known-options.ts'
import type { CalendarAnchor, CalendarWindow, LimitRule } from './limit.ts'

const FIELDS = ['name', 'limit', 'window', 'key'] as const

/** Options of `slidingWindow`. */
export interface SlidingWindowOptions<N extends string = string, C = any> extends LimitFields<N, C> {
  /** Length of the window: 1 ms to 366 days. `limit × window` in ms must not exceed 2^53 − 1. */
  readonly window: Duration
}

/**
 * The default for APIs. Admits at most `limit · (1 + t / window)` units in any time t. Stores two counts per subject.
 *
 * Longest wait for one unit: window + window / limit, so two windows for a limit of 1.
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN, ERR_NAME_INVALID, ERR_LIMIT_INEXACT
 * @example
 * ```ts
 * import { createLimiter, slidingWindow } from '@sluice/core'
 *
 * const limiter = createLimiter({ limits: [slidingWindow({ name: 'minute', limit: 100, window: '1m' })] })
 * ```
 */
export function slidingWindow<const N extends string, C>(options: SlidingWindowOptions<N, C>): LimitRule<N, C> {
  knownOptions('slidingWindow', options, FIELDS)
  return defineLimit(options, { algorithm: 'slidingWindow', window: windowOf(options) })
}

/** Options of `slidingLog`. */
export interface SlidingLogOptions<N extends string = string, C = any> extends LimitFields<N, C> {
  /** Length of the window: 1 ms to 366 days. */
  readonly window: Duration
  /** The largest `limit` that is accepted: 1 to 2,000; default 1,000. Raises the memory and the time of the store that one subject may take. */
  readonly maxLog?: number | undefined
}

/**
 * Exact: admits at most `limit` units in every window of this length. Stores one entry per admitted charge, so it is for small,
 * strict limits such as logins.
 *
 * Longest wait for one unit: the window.
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN, ERR_NAME_INVALID, ERR_LIMIT_INEXACT for a `limit` above `maxLog`
 * @example
 * ```ts
 * import { createLimiter, slidingLog } from '@sluice/core'
 *
 * const logins = createLimiter({ name: 'login', limits: [slidingLog({ name: 'account', limit: 5, window: '15m' })] })
 * ```
 */
export function slidingLog<const N extends string, C>(options: SlidingLogOptions<N, C>): LimitRule<N, C> {
  knownOptions('slidingLog', options, [...FIELDS, 'maxLog'])
  return defineLimit(options, { algorithm: 'slidingLog', window: windowOf(options), maxLog: checkWhole(options, 'maxLog', 1, MAX_LOG) })
}

/** Options of `fixedWindow`. */
export interface FixedWindowOptions<N extends string = string, C = any> extends LimitFields<N, C> {
  /** Length of the window: 1 ms to 366 days, or a window of the calendar. `'1d'` is 24 hours from the epoch, `'day'` a calendar day. */
  readonly window: Duration | CalendarWindow
  /**
   * `'epoch'` (default) aligns windows to the Unix epoch. `'first'` starts a window with a subject's first admitted charge. For a calendar
   * window, the date and time at which it begins: `{ day: 15 }`, `{ weekday: 'sunday' }`, `{ month: 4, day: 6, hour: 6 }`.
   */
  readonly anchor?: 'epoch' | 'first' | CalendarAnchor | undefined
  /** IANA time zone of a calendar window, such as `'Europe/Berlin'`; default UTC. */
  readonly timeZone?: string | undefined
}

/**
 * For quotas: admits at most `limit` units per window, and up to twice as many across the edge of two windows.
 *
 * Longest wait for one unit: the window.
 * A calendar window ends at the beginning of the next. `anchor: { day: 31 }` is the last day in a shorter month.
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN, ERR_OPTION_CONFLICT, ERR_NAME_INVALID
 * @example
 * ```ts
 * import { createLimiter, fixedWindow } from '@sluice/core'
 *
 * const quota = createLimiter({
 *   name: 'plan',
 *   limits: [fixedWindow({ name: 'month', limit: 1_000_000, window: 'month', timeZone: 'Europe/Berlin', anchor: { day: 15 } })],
 * })
 * ```
 */
export function fixedWindow<const N extends string, C>(options: FixedWindowOptions<N, C>): LimitRule<N, C> {
  knownOptions('fixedWindow', options, [...FIELDS, 'anchor', 'timeZone'])
  const { window } = options
  const start = checkWindowStart(labelOf(options), options)
  return defineLimit(options, {
    algorithm: 'fixedWindow',
    window: isCalendarWindow(window) ? window : windowOf(options as { window: Duration }),
    ...start,
  })
}

/** Options of `tokenBucket`. */
export interface TokenBucketOptions<N extends string = string, C = any> extends LimitFields<N, C> {
  /** The time in which `limit` tokens are added: 1 ms to 366 days. */
  readonly window: Duration
  /** The most tokens that can be taken at once: a whole number, at least 1; default `limit`. */
  readonly burst?: number | undefined
  /** The largest debt, in tokens, that a forced charge may leave: a whole number, at least 0; default the burst. */
  readonly debt?: number | undefined
}

/**
 * Adds `limit` tokens per `window`, evenly, up to `burst`. Admits at most burst + rate · t tokens in any time t.
 *
 * Longest wait for one token: window / limit, plus the time that pays back a debt.
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN, ERR_NAME_INVALID, ERR_LIMIT_INEXACT
 * @example
 * ```ts
 * import { createLimiter, tokenBucket } from '@sluice/core'
 *
 * const limiter = createLimiter({ limits: [tokenBucket({ name: 'tokens', limit: 100_000, window: '1m', burst: 20_000 })] })
 * const decision = await limiter.consume('user:42', { cost: 1_200 })
 * ```
 */
export function tokenBucket<const N extends string, C>(options: TokenBucketOptions<N, C>): LimitRule<N, C> {
  knownOptions('tokenBucket', options, [...FIELDS, 'burst', 'debt'])
  return defineLimit(options, {
    algorithm: 'tokenBucket',
    window: windowOf(options),
    burst: checkWhole(options, 'burst', 1),
    debt: checkWhole(options, 'debt', 0),
  })
}

/** Options of `leakyBucket`. */
export interface LeakyBucketOptions<N extends string = string, C = any> extends LimitFields<N, C> {
  /** The time in which `limit` units leak: 1 ms to 366 days. */
  readonly window: Duration
  /** The most units in the bucket: a whole number, at least 1. Default `limit`; for a queue, the units that leak in `maxDelay`, plus one. */
  readonly burst?: number | undefined
  /** `true` admits with a delay, so that requests go on at the rate of the limit; default false. */
  readonly queue?: boolean | undefined
  /** With `queue: true`: the longest delay, 1 ms to 366 days. Default `'1s'`, or none if `burst` is given. */
  readonly maxDelay?: Duration | undefined
}

/**
 * Without `queue`, the same as a token bucket. With `queue: true` it smooths traffic: a request is admitted with a `delay`. It is
 * refused if the delay would be longer than `maxDelay`.
 *
 * Longest wait of a refused request for one unit: window / limit. Longest delay of an admitted one: `maxDelay`.
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN, ERR_OPTION_CONFLICT, ERR_NAME_INVALID, ERR_LIMIT_INEXACT
 * @example
 * ```ts
 * import { createLimiter, leakyBucket } from '@sluice/core'
 *
 * const mails = createLimiter({
 *   name: 'mail',
 *   limits: [leakyBucket({ name: 'second', limit: 10, window: '1s', queue: true, maxDelay: '5s' })],
 * })
 * const { allowed, delay } = await mails.consume('smtp.example.com')
 * ```
 */
export function leakyBucket<const N extends string, C>(options: LeakyBucketOptions<N, C>): LimitRule<N, C> {
  knownOptions('leakyBucket', options, [...FIELDS, 'burst', 'queue', 'maxDelay'])
  const { queue, maxDelay } = options
  const label = labelOf(options)
  if (queue !== undefined && typeof queue !== 'boolean') throw invalid(`${label}: queue`, 'true or false', queue)
  if (maxDelay !== undefined && queue !== true) throw new SluiceError('ERR_OPTION_CONFLICT', `${label}: maxDelay needs queue: true`)
  return defineLimit(options, {
    algorithm: 'leakyBucket',
    window: windowOf(options),
    burst: checkWhole(options, 'burst', 1),
    queue,
    maxDelay: maxDelay === undefined ? undefined : millisOf(maxDelay, `${label}: maxDelay`),
  })
}

/** Options of `concurrency`. */
export interface ConcurrencyOptions<N extends string = string, C = any> extends LimitFields<N, C> {
  /** How long a holder lives if it is neither released nor renewed: 1 ms to 366 days. Choose it longer than a request takes. */
  readonly ttl: Duration
  /** The longest wait that a refused client is given: 1 ms to 366 days; default `'1s'`. It is shorter if a holder expires sooner. */
  readonly retryHint?: Duration | undefined
}

/**
 * Admits at most `limit` requests at once. Each admitted request is a holder until it is released or its `ttl` is over.
 *
 * Longest wait: until a holder is released, at most its `ttl`. `retryAfter` is `retryHint` or less, so a client may be refused again.
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN, ERR_NAME_INVALID
 * @example
 * ```ts
 * import { concurrency, createLimiter } from '@sluice/core'
 *
 * const exports = createLimiter({ name: 'export', limits: [concurrency({ name: 'running', limit: 2, ttl: '5m' })] })
 * const decision = await exports.consume('tenant:7')
 * try {
 *   if (decision.allowed) console.log('export')
 * } finally {
 *   await exports.release(decision)
 * }
 * ```
 */
export function concurrency<const N extends string, C>(options: ConcurrencyOptions<N, C>): LimitRule<N, C> {
  knownOptions('concurrency', options, ['name', 'limit', 'key', 'ttl', 'retryHint'])
  const { ttl, retryHint } = options
  const label = labelOf(options)
  return defineLimit(options, {
    algorithm: 'concurrency',
    window: millisOf(ttl, `${label}: ttl`),
    retryHint: retryHint === undefined ? undefined : millisOf(retryHint, `${label}: retryHint`),
  })
}
