import type { Decision, Mode } from '../decision.ts'
import { type Duration, millisOf } from '../duration.ts'
import { invalid, SluiceError } from '../errors.ts'
import type { KeyOf } from '../identity/part.ts'
import type { MissingRule } from '../identity/subject.ts'
import type { LimitRule } from '../limit.ts'
import { slidingWindow } from '../limits.ts'
import type { Cost, Limiter } from '../limiter.ts'
import type { Observers } from '../observers.ts'
import { knownOptions } from '../known-options.ts'
import type { PolicyOptions } from '../policy.ts'
import type { MaybePromise } from '../runtime.ts'
import type { FailMode, Store } from '../store.ts'
import type { DialectOptions } from './headers/dialect.ts'

/** What is known when a request is refused. */
export interface RefusalInfo {
  readonly decision: Decision
  /** The status of the refusal: 429, `statusCode`, or 503 while the store is unavailable. */
  readonly status: number
}

/** What is known when there is a response: before a `handler` writes it, or after it was sent. */
export interface ResponseInfo<R> extends RefusalInfo {
  /** The status of the response. */
  readonly status: number
  /** The framework's own response. */
  readonly response: R
}

/** What is known when a response has ended. */
export interface SettleInfo<R> extends Omit<ResponseInfo<R>, 'status'> {
  /** The status of the response; `undefined` when the client left before it had the whole response. */
  readonly status: number | undefined
}

/** The options of `rateLimit`, the same in every framework. A function gets the framework's own request or context, may be async, and is called once per request. */
export interface RateLimitOptions<C, R = unknown> extends DialectOptions {
  /** Names the state, the headers and the reports; default `default`. */
  readonly name?: string | undefined
  /** Mounts a limiter that exists, in place of everything that would define one. */
  readonly limiter?: Limiter<any, any> | undefined
  /** With `window`, shorthand for one sliding window: units per window, default 100. 0 from a function refuses all. */
  readonly limit?: number | ((context: C) => MaybePromise<number>) | undefined
  /** Default `'1m'`. */
  readonly window?: Duration | ((context: C) => MaybePromise<Duration>) | undefined
  /** Several limits: one decision, all or none. Beside `tiers`: the limits of no tier and of unknown tiers. */
  readonly limits?: readonly LimitRule<string, C>[] | undefined
  /** The limits of each plan; `[]` is unlimited. */
  readonly tiers?: Readonly<Record<string, readonly LimitRule<string, C>[]>> | undefined
  /** Which plan this request is on. */
  readonly tier?: ((context: C) => MaybePromise<string | undefined>) | undefined
  /** Who is limited, where a limit does not say so itself; default the client's address. */
  readonly key?: KeyOf<C> | undefined
  /** Units that this request takes; default 1. */
  readonly cost?: ((context: C) => MaybePromise<Cost<string>>) | undefined
  /** Not limited, and no headers. */
  readonly skip?: ((context: C) => MaybePromise<boolean>) | undefined
  /** Gives the request's units back, by its response. */
  readonly refundWhen?: ((context: C, info: ResponseInfo<R>) => MaybePromise<boolean>) | undefined
  /** What the request really cost, known after the response. */
  readonly settle?: ((context: C, info: SettleInfo<R>) => MaybePromise<Cost<string>>) | undefined
  /** Default: a memory store of its own. */
  readonly store?: Store | undefined
  /** `shadow` decides and reports on a state of its own, but lets everything through, without headers; `off` does nothing. */
  readonly mode?: Mode | undefined
  /** What happens when the store is away. */
  readonly failMode?: FailMode | undefined
  readonly on?: Observers | undefined
  /** Whose word about the client's address counts: a number of proxies, or their addresses and CIDRs. */
  readonly trustProxy?: number | readonly string[] | undefined
  /** Bits of an IPv6 address that are one client, 32 to 64; default 56. */
  readonly ipv6Prefix?: number | undefined
  /** What a request without a subject gets: its address as the subject (default), 401 or 400, or no limit. */
  readonly missing?: MissingRule | undefined
  /** Adds a partition key to the headers: an HMAC of the subject under this secret. */
  readonly partitionKey?: { readonly secret: string } | undefined
  /** The checks of the set-up throw instead of warning. */
  readonly strict?: boolean | undefined
  /** The body of a refusal in place of problem details: text, or an object sent as JSON. */
  readonly message?: string | object | ((context: C, info: RefusalInfo) => MaybePromise<string | object>) | undefined
  /** The status of a refusal, 400 to 599; default 429. */
  readonly statusCode?: number | undefined
  /** Answers a refusal itself; the headers are set by then. */
  readonly handler?: ((context: C, info: ResponseInfo<R>) => unknown) | undefined
}

const DEFINING = ['name', 'limit', 'window', 'limits', 'tiers', 'store', 'mode', 'failMode', 'on'] as const
const FUNCTIONS = ['tier', 'cost', 'skip', 'refundWhen', 'settle', 'handler'] as const
const KNOWN = [
  ...DEFINING,
  ...FUNCTIONS,
  'limiter',
  'key',
  'standard',
  'legacy',
  'trustProxy',
  'ipv6Prefix',
  'missing',
  'exposeHeaders',
  'partitionKey',
  'strict',
  'message',
  'statusCode',
] as const

/** @throws ERR_OPTION_UNKNOWN, ERR_OPTION_INVALID, ERR_OPTION_CONFLICT for what no other part of the pipeline checks */
export function checkOptions(options: RateLimitOptions<never, never>): void {
  knownOptions('rateLimit', options, KNOWN)
  for (const name of FUNCTIONS) {
    if (options[name] !== undefined && typeof options[name] !== 'function') throw invalid(name, 'a function', options[name])
  }
  const { limiter, limits, tiers, statusCode, message, strict, partitionKey } = options
  if (limiter !== undefined) {
    if (typeof limiter?.consume !== 'function') throw invalid('limiter', 'a limiter made by createLimiter() or rateLimit()', limiter)
    conflict(options, 'limiter', DEFINING)
  }
  if (limits !== undefined || tiers !== undefined) conflict(options, limits === undefined ? 'tiers' : 'limits', ['limit', 'window'])
  if (options.tier !== undefined && tiers === undefined && limiter === undefined)
    throw new SluiceError('ERR_OPTION_CONFLICT', 'tier: expected tiers to choose from, got none')
  if (statusCode !== undefined && !(Number.isInteger(statusCode) && statusCode >= 400 && statusCode <= 599))
    throw invalid('statusCode', 'a whole number from 400 to 599', statusCode)
  if (message !== undefined && !['string', 'object', 'function'].includes(message === null ? 'null' : typeof message))
    throw invalid('message', 'a text, an object or a function', message)
  if (strict !== undefined && typeof strict !== 'boolean') throw invalid('strict', 'true or false', strict)
  if (partitionKey !== undefined && (typeof partitionKey?.secret !== 'string' || partitionKey.secret.length < 16)) {
    // The value is a secret: it is not shown.
    throw new SluiceError('ERR_OPTION_INVALID', 'partitionKey: expected { secret } with at least 16 characters')
  }
}

/** What `limit`, `window`, `limits` and `tiers` define, and whether it is the shorthand. */
export function policyOptions<C>(options: RateLimitOptions<C, never>): { readonly policy: PolicyOptions<C>; readonly shorthand: boolean } {
  const { name, limits, tiers, mode, failMode, limit = 100, window = '1m' } = options
  if (limits !== undefined || tiers !== undefined) return { policy: { name, limits, tiers, mode, failMode }, shorthand: false }
  // A function is asked per request; until it first answers well, the default stands.
  const quantity = typeof limit === 'function' ? 100 : limit
  const length = typeof window === 'function' ? 60_000 : millisOf(window, 'window')
  if (!Number.isSafeInteger(quantity) || quantity < 1) throw invalid('limit', 'a whole number, at least 1', quantity)
  return {
    policy: { name, limits: [slidingWindow({ name: 'default', limit: quantity, window: length })], mode, failMode },
    shorthand: true,
  }
}

function conflict(options: RateLimitOptions<never, never>, one: string, others: readonly (keyof RateLimitOptions<never>)[]): void {
  const other = others.find((name) => options[name] !== undefined)
  if (other !== undefined) throw new SluiceError('ERR_OPTION_CONFLICT', `rateLimit: expected either ${one} or ${other}, got both`)
}
