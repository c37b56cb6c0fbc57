import { defineLimit, type LimitFields, where, whole, window } from './define-limit.ts'
import { type Duration, millisOf } from './duration.ts'
import { invalid, SluiceError } from './errors.ts'
import { knownOptions } from './known-options.ts'
import type { CalendarWindow, LimitRule } from './limit.ts'

const COMMON = ['name', 'limit', 'window', 'key'] as const

/** The default for general APIs: for every t, at most L(1 + t/W) admitted, from two counts per subject. */
export function slidingWindow<const N extends string, C>(o: LimitFields<N, C> & { readonly window: Duration }): LimitRule<N, C> {
  knownOptions('slidingWindow', o, COMMON)
  return defineLimit(o, { algorithm: 'slidingWindow', window: window(o) })
}

/** Exact: at most L in every window of length W. One entry per admitted charge, so for small, strict limits: `limit` ≤ 1,000, or `maxLog` ≤ 10,000. */
export function slidingLog<const N extends string, C>(
  o: LimitFields<N, C> & { readonly window: Duration; readonly maxLog?: number | undefined },
): LimitRule<N, C> {
  knownOptions('slidingLog', o, [...COMMON, 'maxLog'])
  return defineLimit(o, { algorithm: 'slidingLog', window: window(o), maxLog: whole(o, 'maxLog', 1, 10_000) })
}

/** For quotas: at most L per window, up to 2L across an edge. Windows of the epoch, of the first charge, or of a calendar in a time zone (UTC by default). */
export function fixedWindow<const N extends string, C>(
  o: LimitFields<N, C> & {
    readonly window: Duration | CalendarWindow
    readonly anchor?: 'epoch' | 'first' | undefined
    readonly timeZone?: string | undefined
  },
): LimitRule<N, C> {
  knownOptions('fixedWindow', o, [...COMMON, 'anchor', 'timeZone'])
  const { anchor, timeZone } = o
  const calendar = o.window === 'day' || o.window === 'week' || o.window === 'month'
  if (anchor !== undefined && anchor !== 'epoch' && anchor !== 'first') throw invalid(`${where(o)}: anchor`, "'epoch' or 'first'", anchor)
  if (calendar && anchor === 'first')
    throw new SluiceError('ERR_OPTION_CONFLICT', `${where(o)}: a calendar window starts with the calendar, so it takes no anchor: 'first'`)
  if (!calendar && timeZone !== undefined)
    throw new SluiceError('ERR_OPTION_CONFLICT', `${where(o)}: timeZone needs a calendar window: 'day', 'week' or 'month'`)
  if (timeZone !== undefined && !isTimeZone(timeZone))
    throw invalid(`${where(o)}: timeZone`, "an IANA time zone such as 'Europe/Berlin'", timeZone)
  return defineLimit(o, {
    algorithm: 'fixedWindow',
    window: calendar ? o.window : window(o as { window: Duration }),
    anchor,
    timeZone,
  })
}

/** `limit` tokens per `window`, up to `burst` at once (default `limit`): at most burst + rate·t in any interval t. */
export function tokenBucket<const N extends string, C>(
  o: LimitFields<N, C> & { readonly window: Duration; readonly burst?: number | undefined; readonly debt?: number | undefined },
): LimitRule<N, C> {
  knownOptions('tokenBucket', o, [...COMMON, 'burst', 'debt'])
  return defineLimit(o, { algorithm: 'tokenBucket', window: window(o), burst: whole(o, 'burst', 1), debt: whole(o, 'debt', 0) })
}

/**
 * As a meter, a token bucket of the given burst. As a queue (`queue: true`) it admits with a `delay`, so that what flows
 * out keeps the rate, and refuses what would wait longer than `maxDelay` (default 1 s, or as long as `burst` units take if that is given).
 */
export function leakyBucket<const N extends string, C>(
  o: LimitFields<N, C> & {
    readonly window: Duration
    readonly burst?: number | undefined
    readonly queue?: boolean | undefined
    readonly maxDelay?: Duration | undefined
  },
): LimitRule<N, C> {
  knownOptions('leakyBucket', o, [...COMMON, 'burst', 'queue', 'maxDelay'])
  const { queue, maxDelay } = o
  if (queue !== undefined && typeof queue !== 'boolean') throw invalid(`${where(o)}: queue`, 'true or false', queue)
  if (maxDelay !== undefined && queue !== true) throw new SluiceError('ERR_OPTION_CONFLICT', `${where(o)}: maxDelay needs queue: true`)
  return defineLimit(o, {
    algorithm: 'leakyBucket',
    window: window(o),
    burst: whole(o, 'burst', 1),
    queue,
    maxDelay: maxDelay === undefined ? undefined : millisOf(maxDelay, `${where(o)}: maxDelay`),
  })
}

/** At most `limit` requests under way at once. A holder that is not released ends after `ttl`. `retryHint` (default 1 s) is the wait told to a refused client. */
export function concurrency<const N extends string, C>(
  o: LimitFields<N, C> & { readonly ttl: Duration; readonly retryHint?: Duration | undefined },
): LimitRule<N, C> {
  knownOptions('concurrency', o, ['name', 'limit', 'key', 'ttl', 'retryHint'])
  const { ttl, retryHint } = o
  return defineLimit(o, {
    algorithm: 'concurrency',
    window: millisOf(ttl, `${where(o)}: ttl`),
    retryHint: retryHint === undefined ? undefined : millisOf(retryHint, `${where(o)}: retryHint`),
  })
}

function isTimeZone(name: unknown): boolean {
  if (typeof name !== 'string') return false
  try {
    Intl.DateTimeFormat('en', { timeZone: name })
    return true
  } catch {
    return false
  }
}
