import type { BlockList } from '@sluice/blocklist'
import type { Store } from '@sluice/core'
import { invalid, knownOptions } from '@sluice/core/adapter-kit'
import type { PolicySource } from '@sluice/policies'
import type { RedisAnalytics } from '@sluice/redis'
import type { DecisionEvents } from '@sluice/telemetry'
import { type AdminOptions, adminSettings, type AdminSettings } from './admin/options.ts'
import { type DecisionOptions, decisionsOf, type DecisionSettings } from './decision-options.ts'
import { type FeedSettings, feedSettings, type ServiceFeedOptions } from './feed-options.ts'
import { type GrpcOptions, type GrpcSettings, grpcSettingsOf } from './grpc/options.ts'
import { type HttpLimits, httpLimits, type HttpLimitSettings } from './http/limits.ts'
import { type Address, addressOf, checkListen, isLoopback, LISTEN_OPTIONS, type ListenOptions } from './listen.ts'

/** Where and how HTTP is served. */
export interface HttpOptions extends ListenOptions {
  /** What the server bears of its clients. */
  readonly limits?: HttpLimits | undefined
}

/** How a service ends. Times are in ms. */
export interface DrainOptions {
  /**
   * How long the service goes on after it has said that it is not ready: 0 to 600,000. Longer than a load balancer needs to notice. Default:
   * 500.
   */
  readonly delay?: number | undefined
  /** How long requests in flight may take after that, before their connections are closed: 0 to 600,000. Default: 25,000. */
  readonly timeout?: number | undefined
}

/**
 * The options of `serve`.
 * @example
 * ```ts
 * import { fileSource } from '@sluice/policies'
 * import type { ServeOptions } from '@sluice/server'
 *
 * const options: ServeOptions = { policies: fileSource('sluice.yaml'), http: { port: 8080 } }
 * ```
 */
export interface ServeOptions {
  /** Where HTTP is served. `false`: it is not. */
  readonly http?: HttpOptions | false | undefined
  /** Where gRPC is served, and how. Default: port 8081, or a free one where that of HTTP is 0. `false`: it is not. */
  readonly grpc?: GrpcOptions | false | undefined
  /** The documents that decide. Default: 100 requests a minute for each set of attributes. */
  readonly policies?: PolicySource | undefined
  /** How the documents are followed, as the options of `policyFeed`. */
  readonly feed?: ServiceFeedOptions | undefined
  /** Where requests are counted, such as `redisStore(client)`. Default: the memory of this process. */
  readonly store?: Store | undefined
  /** A block list, which is asked before the limits. It stays open. Default: none; with `admin`, one in the memory of this process. */
  readonly blockList?: BlockList | undefined
  /** Top violators and usage, from `redisAnalytics()`. It stays open. Default: none. */
  readonly analytics?: RedisAnalytics | undefined
  /** Events of decisions, from `decisionEvents()`, whose losses are in the metrics. They stay open. Default: none. */
  readonly events?: DecisionEvents | undefined
  /**
   * The gateways that are believed where they say who their client is and what it asks for, at `/auth/nginx` and `/auth/forward`: their
   * addresses, CIDRs, or `'loopback'`, `'linklocal'`, `'private'`; or the number of proxies in front. Default: none.
   */
  readonly trustProxy?: number | readonly string[] | undefined
  /** The header in which they name the client. Default: `'x-forwarded-for'`. */
  readonly forwardedHeader?: string | undefined
  /** How decisions of `POST /v1/check` are sealed, so that they can be settled. */
  readonly decisions?: DecisionOptions | undefined
  /** Whether `/metrics` is served. Default: `true`. */
  readonly metrics?: boolean | undefined
  /** `true` listens beyond loopback without TLS, where the network is trusted. Default: `false`. */
  readonly insecure?: boolean | undefined
  /** The admin API under `/admin/v1`. `{}` on loopback makes a token at the start. Default: `false`, it is off. */
  readonly admin?: AdminOptions | false | undefined
  /** How the service ends. */
  readonly drain?: DrainOptions | undefined
}

/** The options after the checks, with their defaults. */
export interface Settings {
  readonly http: (Address & { readonly limits: HttpLimitSettings }) | undefined
  readonly grpc: GrpcSettings | undefined
  readonly policies: PolicySource | undefined
  readonly feed: FeedSettings
  readonly store: Store | undefined
  readonly blockList: BlockList | undefined
  readonly analytics: RedisAnalytics | undefined
  readonly events: DecisionEvents | undefined
  readonly trustProxy: number | readonly string[] | undefined
  readonly forwardedHeader: string | undefined
  readonly decisions: DecisionSettings
  readonly metrics: boolean
  readonly admin: AdminSettings | undefined
  readonly drain: { readonly delay: number; readonly timeout: number }
}

const KNOWN = [
  'http',
  'grpc',
  'policies',
  'feed',
  'store',
  'blockList',
  'analytics',
  'events',
  'trustProxy',
  'forwardedHeader',
  'decisions',
  'metrics',
  'insecure',
  'admin',
  'drain',
] as const

/** @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN, ERR_OPTION_CONFLICT; ERR_LISTEN_INSECURE */
export function settingsOf(options: ServeOptions): Settings {
  knownOptions('serve', options, KNOWN)
  const {
    http = {},
    grpc = {},
    policies,
    store,
    blockList,
    analytics,
    events,
    metrics = true,
    insecure = false,
    drain = {},
    admin = false,
  } = options
  if (policies !== undefined && typeof policies?.load !== 'function')
    throw invalid('serve: policies', "a source such as fileSource('sluice.yaml')", policies)
  if (store !== undefined && typeof store?.consume !== 'function') throw invalid('serve: store', 'a Store such as memoryStore()', store)
  if (blockList !== undefined && typeof blockList?.check !== 'function')
    throw invalid('serve: blockList', 'what blockList() returns', blockList)
  if (analytics !== undefined && typeof analytics?.topViolators !== 'function')
    throw invalid('serve: analytics', 'what redisAnalytics() returns', analytics)
  if (events !== undefined && typeof events?.dropped !== 'function') throw invalid('serve: events', 'what decisionEvents() returns', events)
  if (typeof metrics !== 'boolean') throw invalid('serve: metrics', 'true or false', metrics)
  if (typeof insecure !== 'boolean') throw invalid('serve: insecure', 'true or false', insecure)
  const address = http === false ? undefined : httpOf(http, insecure)
  return {
    http: address,
    grpc: grpc === false ? undefined : grpcSettingsOf(grpc, insecure, http !== false && http.port === 0 ? 0 : 8081),
    policies,
    feed: feedSettings(options.feed),
    store,
    blockList,
    analytics,
    events,
    trustProxy: options.trustProxy,
    forwardedHeader: options.forwardedHeader,
    decisions: decisionsOf(options.decisions),
    metrics,
    admin:
      admin === false ? undefined : adminSettings(admin, address === undefined || address.path !== undefined || isLoopback(address.host)),
    drain: drainOf(drain),
  }
}

function httpOf(http: HttpOptions, insecure: boolean): Settings['http'] {
  checkListen('http', http, [...LISTEN_OPTIONS, 'limits'])
  return { ...addressOf('http', http, 8080, insecure), limits: httpLimits('serve: http.limits', http.limits) }
}

function drainOf(drain: DrainOptions): Settings['drain'] {
  knownOptions('serve: drain', drain, ['delay', 'timeout'])
  const { delay = 500, timeout = 25_000 } = drain
  for (const [name, value] of Object.entries({ delay, timeout }))
    if (!(typeof value === 'number' && value >= 0 && value <= 600_000)) throw invalid(`serve: drain.${name}`, '0 to 600000 ms', value)
  return { delay, timeout }
}
