import { algorithmOf } from './algorithms/registry.ts'
import { type Duration, millisOf } from './duration.ts'
import { invalid, quoted, show, SluiceError } from './errors.ts'
import type { KeyOf } from './identity/part.ts'
import { knownOptions } from './options.ts'

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

/** What every factory takes. */
export interface Common<N extends string, C> {
  /** A letter, then up to 63 letters, digits, `_`, `.` or `-`; unique in its policy, ignoring case. */
  readonly name: N
  /** A whole number of units, at least 1. */
  readonly limit: number
  readonly key?: KeyOf<C> | undefined
}

/** The default for general APIs: for every t, at most L(1 + t/W) admitted, from two counts per subject. */
export function slidingWindow<const N extends string, C>(o: Common<N, C> & { readonly window: Duration }): LimitRule<N, C> {
  knownOptions('slidingWindow', o, COMMON)
  return rule(o, { algorithm: 'slidingWindow', window: window(o) })
}

/** Exact: at most L in every window of length W. One entry per admitted charge, so for small, strict limits: `limit` ≤ 1,000, or `maxLog` ≤ 10,000. */
export function slidingLog<const N extends string, C>(
  o: Common<N, C> & { readonly window: Duration; readonly maxLog?: number | undefined },
): LimitRule<N, C> {
  knownOptions('slidingLog', o, [...COMMON, 'maxLog'])
  return rule(o, { algorithm: 'slidingLog', window: window(o), maxLog: whole(o, 'maxLog', 1, 10_000) })
}

/** For quotas: at most L per window, up to 2L across an edge. Windows of the epoch, of the first charge, or of a calendar in a time zone (UTC by default). */
export function fixedWindow<const N extends string, C>(
  o: Common<N, C> & {
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
  return rule(o, {
    algorithm: 'fixedWindow',
    window: calendar ? o.window : window(o as { window: Duration }),
    anchor,
    timeZone,
  })
}

/** `limit` tokens per `window`, up to `burst` at once (default `limit`): at most burst + rate·t in any interval t. */
export function tokenBucket<const N extends string, C>(
  o: Common<N, C> & { readonly window: Duration; readonly burst?: number | undefined; readonly debt?: number | undefined },
): LimitRule<N, C> {
  knownOptions('tokenBucket', o, [...COMMON, 'burst', 'debt'])
  return rule(o, { algorithm: 'tokenBucket', window: window(o), burst: whole(o, 'burst', 1), debt: whole(o, 'debt', 0) })
}

/**
 * As a meter, a token bucket of the given burst. As a queue (`queue: true`) it admits with a `delay`, so that what flows
 * out keeps the rate, and refuses what would wait longer than `maxDelay` (default 1 s, or as long as `burst` units take if that is given).
 */
export function leakyBucket<const N extends string, C>(
  o: Common<N, C> & {
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
  return rule(o, {
    algorithm: 'leakyBucket',
    window: window(o),
    burst: whole(o, 'burst', 1),
    queue,
    maxDelay: maxDelay === undefined ? undefined : millisOf(maxDelay, `${where(o)}: maxDelay`),
  })
}

/** At most `limit` requests under way at once. A holder that is not released ends after `ttl`. `retryHint` (default 1 s) is the wait told to a refused client. */
export function concurrency<const N extends string, C>(
  o: Common<N, C> & { readonly ttl: Duration; readonly retryHint?: Duration | undefined },
): LimitRule<N, C> {
  knownOptions('concurrency', o, ['name', 'limit', 'key', 'ttl', 'retryHint'])
  const { ttl, retryHint } = o
  return rule(o, {
    algorithm: 'concurrency',
    window: millisOf(ttl, `${where(o)}: ttl`),
    retryHint: retryHint === undefined ? undefined : millisOf(retryHint, `${where(o)}: retryHint`),
  })
}

/** What may differ in a limit that is made from another: the algorithm, the burst and the key stay. */
export interface LimitChanges<N extends string = string> {
  readonly name?: N | undefined
  readonly limit?: number | undefined
  readonly window?: Duration | undefined
  /** A state of its own under this name; spelled as names are. */
  readonly scope?: string | undefined
}

/**
 * The rule with other numbers, or with a state of its own; checked like a defined one.
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN, ERR_NAME_INVALID, ERR_LIMIT_INEXACT
 */
export function amendLimit<N extends string, C>(given: LimitRule<string, C>, changes: LimitChanges<N>): LimitRule<N, C> {
  const { name, limit, window: old, timeZone, ...data } = given.limit
  knownOptions(where({ name }), changes, ['name', 'limit', 'window', 'scope'])
  const scope = changes.scope ?? given.scope
  if (scope !== undefined) checkName(scope, `${where({ name })}: scope`)
  // A zone is for a calendar's window.
  const length = changes.window === undefined ? { window: old, timeZone } : { window: window({ name, window: changes.window }) }
  const made = rule({ name: (changes.name ?? name) as N, limit: changes.limit ?? limit, key: given.key }, { ...data, ...length })
  return scope === undefined ? made : Object.freeze({ ...made, scope })
}

const COMMON = ['name', 'limit', 'window', 'key'] as const
const NAME = /^[A-Za-z][A-Za-z0-9_.-]{0,63}$/

/** @throws ERR_NAME_INVALID: one bad name would spoil a whole header field for its parsers */
export function checkName(name: unknown, what: string): void {
  if (typeof name !== 'string' || !NAME.test(name)) {
    throw invalid(what, 'a letter, then at most 63 letters, digits, _, . or -', name, 'ERR_NAME_INVALID')
  }
}

/** The limit with other numbers, checked like a defined one, except that a quantity of 0 (refuse all) is allowed. */
export function withNumbers(limit: Limit, quantity: number, ms: number): Limit {
  const changed = Object.freeze({ ...limit, limit: quantity, window: ms })
  algorithmOf(changed).check(changed)
  return changed
}

function rule<N extends string, C>(o: Common<N, C>, data: Omit<Limit, 'name' | 'limit'>): LimitRule<N, C> {
  checkName(o.name, `${data.algorithm}: name`)
  if (!Number.isSafeInteger(o.limit) || o.limit < 1) throw invalid(`${where(o)}: limit`, 'a whole number, at least 1', o.limit)
  // Left out rather than `undefined`, so that two definitions compare, and clone, alike.
  const given = Object.fromEntries(Object.entries({ ...data, name: o.name, limit: o.limit }).filter(([, value]) => value !== undefined))
  const limit = Object.freeze(given) as unknown as Limit<N>
  algorithmOf(limit).check(limit)
  return Object.freeze(o.key === undefined ? { limit } : { limit, key: o.key })
}

function where(o: { readonly name?: unknown }): string {
  return `limit ${typeof o.name === 'string' ? quoted(o.name) : show(o.name)}`
}

function window(o: { readonly name?: unknown; readonly window: Duration }): number {
  return millisOf(o.window, `${where(o)}: window`)
}

function whole<K extends string>(
  o: { readonly name?: unknown } & { readonly [P in K]?: number | undefined },
  key: K,
  least: number,
  most: number = Number.MAX_SAFE_INTEGER,
): number | undefined {
  const value: number | undefined = o[key]
  if (value === undefined) return undefined
  if (!Number.isSafeInteger(value) || value < least || value > most)
    throw invalid(`${where(o)}: ${key}`, `a whole number from ${least} to ${most}`, value)
  return value
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
