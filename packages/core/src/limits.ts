import { MAX_LOG } from './algorithms/sliding-log.ts'
import { checkWindowStart, isCalendarWindow, isMovable } from './calendar-options.ts'
import { checkDelay, type DelayOptions } from './delay-options.ts'
import { checkWhole, defineLimit, labelOf, type LimitFields, windowOf } from './define-limit.ts'
import { type Duration, millisOf } from './duration.ts'
import { invalid, SluiceError } from './errors.ts'
import { knownOptions } from './known-options.ts'
import type { CalendarAnchor, CalendarWindow, LimitRule, PerRequest } from './limit.ts'
import { NUMBER_OPTIONS, splitNumbers } from './numbers/split.ts'

const FIELDS = ['name', 'limit', 'window', 'key', 'label', 'visible', 'defaults'] as const

/** Options of limits that can slow a subject down before they refuse it. */
interface DelayField {
  /**
   * Delays requests above a number of units, each one longer than the one before: `{ after: 5, step: '500ms', max: '10s' }`. Above
   * `limit` they are refused. Default: no delay.
   */
  readonly delay?: DelayOptions | undefined
}

/** Options of `slidingWindow`. */
export interface SlidingWindowOptions<N extends string = string, C = any> extends LimitFields<N, C>, DelayField {
  /** Length of the window: 1 ms to 366 days, or a function of the request. `limit × window` in ms must not exceed 2^53 − 1. */
  readonly window: PerRequest<C, Duration>
  /** The numbers where a function returns `undefined` or an invalid value. Default: limit 100, window `'1m'`. */
  readonly defaults?: { readonly limit?: number | undefined; readonly window?: Duration | undefined } | undefined
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
  knownOptions('slidingWindow', options, [...FIELDS, 'delay'])
  const { fixed, numbers } = splitNumbers(options, NUMBER_OPTIONS.slidingWindow)
  return defineLimit(fixed, { algorithm: 'slidingWindow', window: windowOf(fixed), delay: checkDelay(fixed) }, numbers)
}

/** Options of `slidingLog`. */
export interface SlidingLogOptions<N extends string = string, C = any> extends LimitFields<N, C>, DelayField {
  /** Length of the window: 1 ms to 366 days, or a function of the request. */
  readonly window: PerRequest<C, Duration>
  /** The numbers where a function returns `undefined` or an invalid value. Default: limit 100, window `'1m'`. */
  readonly defaults?: { readonly limit?: number | undefined; readonly window?: Duration | undefined } | undefined
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
  knownOptions('slidingLog', options, [...FIELDS, 'maxLog', 'delay'])
  const { fixed, numbers } = splitNumbers(options, NUMBER_OPTIONS.slidingLog)
  const maxLog = checkWhole(options, 'maxLog', 1, MAX_LOG)
  return defineLimit(fixed, { algorithm: 'slidingLog', window: windowOf(fixed), maxLog, delay: checkDelay(fixed) }, numbers)
}

/** Options of `fixedWindow`. */
export interface FixedWindowOptions<N extends string = string, C = any> extends LimitFields<N, C>, DelayField {
  /**
   * Length of the window: 1 ms to 366 days, or a window of the calendar; or a function of the request. `'1d'` is 24 hours from the epoch,
   * `'day'` a calendar day.
   */
  readonly window: PerRequest<C, Duration | CalendarWindow>
  /** The numbers where a function returns `undefined` or an invalid value. Default: limit 100, window `'1m'`. */
  readonly defaults?:
    | {
        readonly limit?: number | undefined
        readonly window?: Duration | CalendarWindow | undefined
        readonly anchor?: 'epoch' | 'first' | CalendarAnchor | undefined
        readonly timeZone?: string | undefined
      }
    | undefined
  /**
   * `'epoch'` (default) aligns windows to the Unix epoch. `'first'` starts a window with a subject's first admitted charge. For a calendar
   * window, the date and time at which it begins: `{ day: 15 }`, `{ weekday: 'sunday' }`, `{ month: 4, day: 6, hour: 6 }`; or
   * a function of the request that returns these.
   */
  readonly anchor?: PerRequest<C, 'epoch' | 'first' | CalendarAnchor> | undefined
  /** IANA time zone of a calendar window, such as `'Europe/Berlin'`, or a function of the request; default UTC. */
  readonly timeZone?: PerRequest<C, string> | undefined
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
  knownOptions('fixedWindow', options, [...FIELDS, 'anchor', 'timeZone', 'delay'])
  const { fixed, numbers } = splitNumbers(options, NUMBER_OPTIONS.fixedWindow)
  const start = checkWindowStart(labelOf(options), fixed)
  const movable = isMovable(options) || undefined
  const window = isCalendarWindow(fixed.window) ? fixed.window : windowOf(fixed as { window: Duration })
  return defineLimit(fixed, { algorithm: 'fixedWindow', window, ...start, movable, delay: checkDelay(fixed) }, numbers)
}

/** Options of `tokenBucket`. */
export interface TokenBucketOptions<N extends string = string, C = any> extends LimitFields<N, C> {
  /** The time in which `limit` tokens are added: 1 ms to 366 days, or a function of the request. */
  readonly window: PerRequest<C, Duration>
  /** The most tokens that can be taken at once: a whole number, at least 1, or a function of the request; default `limit`. */
  readonly burst?: PerRequest<C, number> | undefined
  /** The largest debt, in tokens, that a forced charge may leave: a whole number, at least 0, or a function; default the burst. */
  readonly debt?: PerRequest<C, number> | undefined
  /** The numbers where a function returns `undefined` or an invalid value. Default: limit 100, window `'1m'`, the others as without one. */
  readonly defaults?:
    | {
        readonly limit?: number | undefined
        readonly window?: Duration | undefined
        readonly burst?: number | undefined
        readonly debt?: number | undefined
      }
    | undefined
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
  const { fixed, numbers } = splitNumbers(options, NUMBER_OPTIONS.tokenBucket)
  const data = { window: windowOf(fixed), burst: checkWhole(fixed, 'burst', 1), debt: checkWhole(fixed, 'debt', 0) }
  return defineLimit(fixed, { algorithm: 'tokenBucket', ...data }, numbers)
}

/** Options of `leakyBucket`. */
export interface LeakyBucketOptions<N extends string = string, C = any> extends LimitFields<N, C> {
  /** The time in which `limit` units leak: 1 ms to 366 days, or a function of the request. */
  readonly window: PerRequest<C, Duration>
  /**
   * The most units in the bucket: a whole number, at least 1, or a function of the request. Default `limit`; for a queue, the units that
   * leak in `maxDelay`, plus one.
   */
  readonly burst?: PerRequest<C, number> | undefined
  /** `true` admits with a delay, so that requests go on at the rate of the limit; default false. */
  readonly queue?: boolean | undefined
  /** With `queue: true`: the longest delay, 1 ms to 366 days, or a function. Default `'1s'`, or none if `burst` is given. */
  readonly maxDelay?: PerRequest<C, Duration> | undefined
  /** The numbers where a function returns `undefined` or an invalid value. Default: limit 100, window `'1m'`, the others as without one. */
  readonly defaults?:
    | {
        readonly limit?: number | undefined
        readonly window?: Duration | undefined
        readonly burst?: number | undefined
        readonly maxDelay?: Duration | undefined
      }
    | undefined
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
  const { fixed, numbers } = splitNumbers(options, NUMBER_OPTIONS.leakyBucket)
  const { queue, maxDelay } = fixed
  const label = labelOf(options)
  if (queue !== undefined && typeof queue !== 'boolean') throw invalid(`${label}: queue`, 'true or false', queue)
  if (options.maxDelay !== undefined && queue !== true) throw new SluiceError('ERR_OPTION_CONFLICT', `${label}: maxDelay needs queue: true`)
  const data = {
    window: windowOf(fixed),
    burst: checkWhole(fixed, 'burst', 1),
    queue,
    maxDelay: maxDelay === undefined ? undefined : millisOf(maxDelay, `${label}: maxDelay`),
  }
  return defineLimit(fixed, { algorithm: 'leakyBucket', ...data }, numbers)
}

/** Options of `concurrency`. */
export interface ConcurrencyOptions<N extends string = string, C = any> extends LimitFields<N, C> {
  /**
   * How long a holder lives if it is neither released nor renewed: 1 ms to 366 days, or a function of the request. Choose it longer than
   * a request takes.
   */
  readonly ttl: PerRequest<C, Duration>
  /** The numbers where a function returns `undefined` or an invalid value. Default: limit 100, ttl `'1m'`. */
  readonly defaults?: { readonly limit?: number | undefined; readonly ttl?: Duration | undefined } | undefined
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
  knownOptions('concurrency', options, ['name', 'limit', 'key', 'label', 'visible', 'ttl', 'retryHint', 'defaults'])
  const { fixed, numbers } = splitNumbers(options, NUMBER_OPTIONS.concurrency)
  const { ttl, retryHint } = fixed
  const label = labelOf(options)
  const data = {
    window: millisOf(ttl, `${label}: ttl`),
    retryHint: retryHint === undefined ? undefined : millisOf(retryHint, `${label}: retryHint`),
  }
  return defineLimit(fixed, { algorithm: 'concurrency', ...data }, numbers)
}
