import type { Decision, Mode } from '../decision.ts'
import { type Duration, millisOf } from '../duration.ts'
import { invalid, SluiceError } from '../errors.ts'
import type { AddressMatcher } from '../identity/matches-address.ts'
import type { KeyOf } from '../identity/part.ts'
import type { MissingRule } from '../identity/subject.ts'
import type { LimitRule } from '../limit.ts'
import { slidingWindow } from '../limits.ts'
import type { Cost, Limiter } from '../limiter.ts'
import type { Observers } from '../observers.ts'
import { knownOptions } from '../known-options.ts'
import { checkLimited, type PolicyOptions } from '../policy.ts'
import type { MaybePromise } from '../runtime.ts'
import type { FailMode, Store } from '../store.ts'
import type { DialectOptions } from './headers/dialect.ts'
import type { RequestBlockList } from './request-blocks.ts'
import type { RequestPolicies } from './request-policies.ts'

/** The name of a header, in any case. */
export type ForwardedHeader =
  | 'x-forwarded-for'
  | 'forwarded'
  | 'cf-connecting-ip'
  | 'fly-client-ip'
  | 'true-client-ip'
  | 'x-real-ip'
  | 'x-azure-clientip'
  | (string & {})

/** What is known when a request is refused: the second argument of `message`. */
export interface RefusalInfo {
  /** The decision, with the refusing limit as `binding` and the wait in ms as `retryAfter`. */
  readonly decision: Decision
  /** The status of the refusal: 429, or `statusCode`; for a blocked subject `blockedStatus`; 503 while the store is unavailable and `failMode` is `'closed'`. */
  readonly status: number
}

/** What is known when there is a response: the second argument of `handler`, which writes it, and of `refundWhen`, after it was sent. */
export interface ResponseInfo<R> extends RefusalInfo {
  /** The status of the response. */
  readonly status: number
  /** The framework's own response. */
  readonly response: R
}

/** What is known when a response has ended: the second argument of `settle`. */
export interface SettleInfo<R> extends Omit<ResponseInfo<R>, 'status'> {
  /** The status of the response; `undefined` when the client left before it had the whole response. */
  readonly status: number | undefined
}

/**
 * The options of `rateLimit`, the same in every framework. An option function is called once per request with the framework's
 * own request or context. It may be async; if it throws or rejects, the framework handles the error.
 * @example
 * ```ts
 * import { header, ip, type RateLimitOptions, slidingWindow } from '@sluice/core'
 *
 * export const options: RateLimitOptions<{ readonly path: string }> = {
 *   name: 'api',
 *   limits: [
 *     slidingWindow({ name: 'address', limit: 300, window: '1m', key: ip() }),
 *     slidingWindow({ name: 'key', limit: 100, window: '1m', key: header('x-api-key') }),
 *   ],
 *   skip: (request) => request.path === '/health',
 *   message: (_request, { decision }) => `Try again in ${Math.ceil(decision.retryAfter / 1000)} seconds.`,
 * }
 * ```
 */
export interface RateLimitOptions<C, R = unknown, N extends string = string> extends DialectOptions {
  /**
   * The name of the policy: part of its state, its headers and its events. A letter, then up to 63 letters, digits, `_`, `.` or `-`;
   * unique per store. Default: `'default'`.
   */
  readonly name?: string | undefined
  /** An existing limiter, to mount it in another place. Excludes every option that defines a limiter, such as `limits` or `store`. */
  readonly limiter?: Limiter<any, any> | undefined
  /**
   * Limits that are data, and may change while the process runs: what `policyFeed` of `@sluice/policies` returns. Excludes every option that
   * defines a limiter or says who is limited, such as `limits`, `store`, `key` or `tier`: the document says that.
   */
  readonly policies?: RequestPolicies | undefined
  /**
   * Beside `policies`: what the application knows of a request, by name, such as `{ client: 'acme', plan: 'pro' }`. The document reads
   * subjects, tiers, conditions and costs from it. Default: nothing.
   */
  readonly attributes?: ((context: C) => MaybePromise<Readonly<Record<string, unknown>> | undefined>) | undefined
  /**
   * Requests per `window`: shorthand for one sliding window. A whole number, 0 or more, or a function of the request. 0 refuses every
   * request. A function may also return `Infinity`, which does not limit it. Longest wait: window + window / limit; where the window must
   * be the longest wait, as for logins, use `limits: [slidingLog(…)]`. Default: 100. Excludes `limits` and `tiers`.
   */
  readonly limit?: number | ((context: C) => MaybePromise<number>) | undefined
  /**
   * The text that clients see for `limit` and `window` in place of the name, such as `'100 in 1 min'`: 1 to 64 characters of printable ASCII.
   * The state does not depend on it. Default: the name. Excludes `limits` and `tiers`, whose limits have labels.
   */
  readonly label?: string | undefined
  /** The window of `limit`: ms, or a duration such as `'30s'`, `'15m'`, `'1h'`, `'1d'`; or a function of the request. Default: `'1m'`. */
  readonly window?: Duration | ((context: C) => MaybePromise<Duration>) | undefined
  /**
   * Limits that make one decision: a request is charged to all of them, or to none. Beside `tiers`: the limits of requests
   * without a tier, or with an unknown one.
   */
  readonly limits?: readonly LimitRule<N, C>[] | undefined
  /** The limits of each plan, by its name; `[]` is unlimited. Without `limits`, the first plan also holds for requests without a tier. */
  readonly tiers?: Readonly<Record<string, readonly LimitRule<N, C>[]>> | undefined
  /** The plan of a request: a name in `tiers`, or `undefined` for none. Default: none. */
  readonly tier?: ((context: C) => MaybePromise<string | undefined>) | undefined
  /**
   * Who is limited: a part such as `header('x-api-key')`, a list of parts, or a function that returns text. Limits with their own `key`
   * do not use it. Default: the client's address.
   */
  readonly key?: KeyOf<C> | undefined
  /** Units that a request takes: a whole number from 0, or an object of numbers by limit. What is not valid or not named takes 1. Default: 1. */
  readonly cost?: ((context: C) => MaybePromise<Cost<NamesOf<N>>>) | undefined
  /**
   * Return true for a request that is not limited and gets no headers. `matchesAddress([…])` skips the clients with these addresses.
   * Default: no request is skipped.
   */
  readonly skip?: ((context: C) => MaybePromise<boolean>) | AddressMatcher | undefined
  /**
   * Called when a response was sent in full. Return true to give back the units of its request: `(_, { status }) => status < 400`
   * counts failures only. Default: nothing is given back.
   */
  readonly refundWhen?: ((context: C, info: ResponseInfo<R>) => MaybePromise<boolean>) | undefined
  /**
   * Called when a response has ended. Return the units that its request really took, as for `cost`: the difference is given back
   * or charged. Not called after a refund by `refundWhen`. Default: the charge stands.
   */
  readonly settle?: ((context: C, info: SettleInfo<R>) => MaybePromise<Cost<NamesOf<N>>>) | undefined
  /** Where the state lives, such as `redisStore(client)`. Default: the memory of this process, `memoryStore()`. */
  readonly store?: Store | undefined
  /**
   * `'enforce'` refuses requests over a limit. `'shadow'` admits every request without headers; it decides and reports with a separate
   * state. `'off'` does nothing. Default: `'enforce'`.
   */
  readonly mode?: Mode | undefined
  /**
   * What happens while the store is unavailable. `'local'` admits this process's share of each limit, `'open'` admits every request,
   * and `'closed'` answers every request with 503. Default: `'local'` over a store with failover. Over any other store the request fails
   * unless `failMode` is given, and `'local'` admits the whole limit in each process.
   */
  readonly failMode?: FailMode | undefined
  /** Functions that are called with decisions, warnings and changes of the store's health, for logs and metrics. */
  readonly on?: Observers | undefined
  /**
   * Which proxies may name the client in `X-Forwarded-For`, or in `forwardedHeader`. A number: how many there are, 0 to 32. A list: their
   * addresses, CIDRs, `'loopback'`, `'linklocal'` or `'private'`. Default: the setting of the framework, if it has one; else none.
   */
  readonly trustProxy?: number | readonly string[] | undefined
  /**
   * The one header that your proxies write, with `trustProxy`: `'forwarded'` (RFC 7239), or a header with an address or a list of
   * addresses, such as `'cf-connecting-ip'`. No other header decides anything. Default: `'x-forwarded-for'`.
   */
  readonly forwardedHeader?: ForwardedHeader | undefined
  /** How many leading bits of an IPv6 address are one client: 32 to 64. Default: 56. */
  readonly ipv6Prefix?: number | undefined
  /**
   * What happens to a request whose key is missing. `'address'` limits it by its address. `'reject'` answers with 401 for a credential,
   * and with 400 for any other key. `'skip'` does not limit it. Default: `'address'`.
   */
  readonly missing?: MissingRule | undefined
  /**
   * Adds `pk` to the structured headers: an HMAC of the subject, so that a client can distinguish its quotas. The secret has at least
   * 16 characters. Default: no `pk`.
   */
  readonly partitionKey?: { readonly secret: string } | undefined
  /** True: a likely mistake in the set-up throws; otherwise it is a warning. Default: false. */
  readonly strict?: boolean | undefined
  /**
   * The body of a refusal: text, an object that is sent as JSON, or a function that returns either. Not used for a 503. Default:
   * problem details (RFC 9457) as `application/problem+json`.
   */
  readonly message?: string | object | ((context: C, info: RefusalInfo) => MaybePromise<string | object>) | undefined
  /** The status of a refusal: 400 to 599. Default: 429. A request refused because the store is unavailable always gets 503. */
  readonly statusCode?: number | undefined
  /**
   * The status of a refusal because `limiter.block()` or `blockList` blocked the client: 429 or 403. Default of `limiter.block()`:
   * `statusCode`, else 429. Default of `blockList`: 403.
   */
  readonly blockedStatus?: 429 | 403 | undefined
  /**
   * Clients that are refused before the limiter is asked, such as `blockList()` of `@sluice/blocklist`. A blocked client gets 403, or
   * `blockedStatus`, and nothing is charged. Requests that `skip` exempts are not blocked. Default: nobody.
   */
  readonly blockList?: RequestBlockList | undefined
  /** Answers a refused request. Replaces `message`. Status and headers are already set, except `Content-Type`. Default: `message`. */
  readonly handler?: ((context: C, info: ResponseInfo<R>) => unknown) | undefined
}

/** The names `N`, of which none are inferred from here: a misspelt name in a cost would otherwise become the name of a limit. */
type NamesOf<N extends string> = [N][N extends unknown ? 0 : never]

const DEFINING = ['name', 'label', 'limit', 'window', 'limits', 'tiers', 'store', 'mode', 'failMode', 'on'] as const
const FUNCTIONS = ['attributes', 'tier', 'cost', 'skip', 'refundWhen', 'settle', 'handler'] as const
const KNOWN = [
  ...DEFINING,
  ...FUNCTIONS,
  'policies',
  'limiter',
  'key',
  'standard',
  'legacy',
  'trustProxy',
  'forwardedHeader',
  'ipv6Prefix',
  'missing',
  'exposeHeaders',
  'partitionKey',
  'strict',
  'message',
  'statusCode',
  'blockedStatus',
  'blockList',
] as const

/** Checks the options that no other part of the pipeline checks. @throws ERR_OPTION_UNKNOWN, ERR_OPTION_INVALID, ERR_OPTION_CONFLICT */
export function checkOptions(options: RateLimitOptions<never, never>): void {
  knownOptions('rateLimit', options, KNOWN)
  for (const name of FUNCTIONS) {
    if (name !== 'skip' && options[name] !== undefined && typeof options[name] !== 'function')
      throw invalid(name, 'a function', options[name])
  }
  const { skip } = options
  if (skip !== undefined && typeof skip !== 'function' && typeof skip?.matches !== 'function')
    throw invalid('skip', 'a function, or what matchesAddress() returns', skip)
  checkPolicies(options)
  checkBlockList(options)
  const { limiter, limits, tiers, statusCode, blockedStatus, message, strict, partitionKey } = options
  if (limiter !== undefined) {
    if (typeof limiter?.consume !== 'function') throw invalid('limiter', 'a limiter made by createLimiter() or rateLimit()', limiter)
    conflict(options, 'limiter', DEFINING)
  }
  if (limits !== undefined || tiers !== undefined)
    conflict(options, limits === undefined ? 'tiers' : 'limits', ['limit', 'window', 'label'])
  if (options.tier !== undefined && tiers === undefined && limiter === undefined)
    throw new SluiceError('ERR_OPTION_CONFLICT', 'rateLimit: tier: expected tiers to select from, got none; give tiers, or leave tier out')
  if (statusCode !== undefined && !(Number.isInteger(statusCode) && statusCode >= 400 && statusCode <= 599))
    throw invalid('statusCode', 'a whole number from 400 to 599', statusCode)
  if (blockedStatus !== undefined && blockedStatus !== 429 && blockedStatus !== 403)
    throw invalid('blockedStatus', '429 or 403', blockedStatus)
  if (message !== undefined && !['string', 'object', 'function'].includes(message === null ? 'null' : typeof message))
    throw invalid('message', 'a text, an object or a function', message)
  if (strict !== undefined && typeof strict !== 'boolean') throw invalid('strict', 'true or false', strict)
  if (partitionKey !== undefined && (typeof partitionKey?.secret !== 'string' || partitionKey.secret.length < 16)) {
    // The message must not show the secret.
    throw new SluiceError('ERR_OPTION_INVALID', 'partitionKey: expected { secret } with at least 16 characters')
  }
}

function checkBlockList({ blockList }: RateLimitOptions<never, never>): void {
  if (blockList === undefined) return
  const isList = typeof blockList?.check === 'function' && ['undefined', 'function'].includes(typeof blockList.decided)
  if (!isList) throw invalid('blockList', 'what blockList() of @sluice/blocklist returns', blockList)
}

function checkPolicies(options: RateLimitOptions<never, never>): void {
  const { policies, attributes } = options
  if (policies === undefined) {
    if (attributes === undefined) return
    throw new SluiceError(
      'ERR_OPTION_CONFLICT',
      'rateLimit: attributes: expected policies that read them, got none; give policies, or leave attributes out',
    )
  }
  if (typeof policies?.pipeline !== 'function') throw invalid('policies', 'what policyFeed() of @sluice/policies returns', policies)
  conflict(options, 'policies', [...DEFINING, 'limiter', 'tier', 'key', 'missing', 'ipv6Prefix'])
}

/** The policy that the options define, and whether they define it by the shorthand `{ limit, window }`. */
export function policyOptions<C>(options: RateLimitOptions<C, never>): { readonly policy: PolicyOptions<C>; readonly shorthand: boolean } {
  const { name, label, limits, tiers, mode, failMode, limit = 100, window = '1m' } = options
  checkLimited({ limits, tiers })
  if (limits !== undefined || tiers !== undefined) return { policy: { name, limits, tiers, mode, failMode }, shorthand: false }
  if (typeof window !== 'function') millisOf(window, 'window')
  if (typeof limit !== 'function' && (!Number.isSafeInteger(limit) || limit < 0)) throw invalid('limit', 'a whole number, 0 or more', limit)
  return {
    policy: { name, limits: [slidingWindow({ name: 'default', label, limit, window })], mode, failMode },
    shorthand: true,
  }
}

function conflict(options: RateLimitOptions<never, never>, one: string, others: readonly (keyof RateLimitOptions<never>)[]): void {
  const other = others.find((name) => options[name] !== undefined)
  if (other !== undefined) throw new SluiceError('ERR_OPTION_CONFLICT', `rateLimit: expected either ${one} or ${other}, got both`)
}
