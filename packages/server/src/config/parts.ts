import { createHmac } from 'node:crypto'
import { type BlockList, blockList } from '@sluice/blocklist'
import type { Duration, Store } from '@sluice/core'
import { millisOf } from '@sluice/core/store-kit'
import type { RedisAnalytics, RedisSource } from '@sluice/redis'
import { type DecisionEvents, decisionEvents } from '@sluice/telemetry'
import type { AdminOptions } from '../admin/options.ts'
import type { DecisionOptions } from '../decision-options.ts'
import type { ServiceFeedOptions } from '../feed-options.ts'
import type { GrpcOptions } from '../grpc/options.ts'
import type { HttpOptions, ServeOptions } from '../options.ts'
import type { ServerConfig } from './config.ts'
import { listenOf } from './listen.ts'
import { publishPlaceOf, sourceAt } from './places.ts'
import { redisOf, redisStoreOf } from './redis.ts'
import { regionsOf } from './regions.ts'
import { sinkAt } from './sinks.ts'

/** What a configuration names: the options of `serve`, and the connections behind them. */
export interface ServiceParts {
  readonly options: ServeOptions
  /** Ends the connections, gives back leases, and sends what waits. Call it after the service has ended. */
  close(): Promise<void>
}

/**
 * Makes the store, the source and the other parts that a configuration names.
 * @throws ERR_CONFIG_INVALID for a place that is none; ERR_OPTION_INVALID
 * @example
 * ```ts
 * import { configOf, partsOf, serve } from '@sluice/server'
 *
 * const parts = await partsOf(await configOf({ file: 'sluice-server.yaml' }))
 * const service = await serve(parts.options)
 * process.once('SIGTERM', () => void service.close().then(() => parts.close()))
 * ```
 */
export async function partsOf(config: ServerConfig): Promise<ServiceParts> {
  const made = new MadeParts()
  try {
    const options = await optionsOf(config, made)
    return { options, close: () => made.close() }
  } catch (error) {
    await made.close()
    throw error
  }
}

/** What must be ended, the last one first. */
class MadeParts {
  private readonly ends: (() => unknown)[] = []

  add<T extends { close?(): unknown }>(part: T): T {
    this.ends.unshift(() => part.close?.())
    return part
  }

  async close(): Promise<void> {
    for (const end of this.ends.splice(0)) await end()
  }
}

async function storeOf(source: RedisSource, { redis = {}, regions }: ServerConfig): Promise<Store> {
  return redisStoreOf(source, redis, regions && (await regionsOf(source, redis, regions)))
}

async function optionsOf(config: ServerConfig, made: MadeParts): Promise<ServeOptions> {
  const { policies = {}, drain = {}, metrics, insecure } = config
  const redis = redisOf(config.redis)
  const { from, token } = policies
  const interval = msOf('policies.interval', policies.interval)
  // The feed ends its source, so that it is not ended here.
  const source = from === undefined ? undefined : await sourceAt(from, 'policies.from', { token, interval })
  return {
    http: httpOf(config),
    grpc: grpcOf(config),
    policies: source,
    feed: await feedOf(config),
    store: redis && made.add<Store>(await storeOf(redis, config)),
    events: await eventsOf(config, made),
    analytics: await analyticsOf(config, redis, made),
    blockList: await blocksOf(config, redis, made),
    trustProxy: config.trustProxy,
    forwardedHeader: config.forwardedHeader,
    decisions: decisionsOf(config),
    admin: adminOf(config, redis),
    metrics,
    insecure,
    drain: { delay: msOf('drain.delay', drain.delay), timeout: msOf('drain.timeout', drain.timeout) },
  }
}

function httpOf({ http = {} }: ServerConfig): HttpOptions | false {
  const { listen = '8080', socketMode, tls, maxBody, maxHeaders, maxConnections } = http
  const where = listenOf(listen, tls, socketMode)
  if (where === undefined) return false
  const times = (['headersTimeout', 'requestTimeout', 'answerTimeout', 'keepAlive'] as const).map((name) => [
    name,
    msOf(`http.${name}`, http[name]),
  ])
  return { ...where, limits: { maxBody, maxHeaders, maxConnections, ...(Object.fromEntries(times) as object) } }
}

function adminOf({ admin = {}, policies = {} }: ServerConfig, redis: RedisSource | undefined): AdminOptions | false {
  const { tokens, certificates, enabled = tokens !== undefined || certificates !== undefined } = admin
  const { publishTo = publishPlaceOf(policies.from) } = admin
  return enabled && { tokens, certificates, publishTo, redis }
}

function decisionsOf({ decisions = {}, secret }: ServerConfig): DecisionOptions {
  const { lifetime, previousSecret } = decisions
  // Not the secret itself, which stands for subjects in events.
  const made = secret && createHmac('sha256', secret).update('sluice: the seal of decisions').digest('hex')
  return { secret: decisions.secret ?? made, previousSecret, lifetime: lifetime as Duration | undefined }
}

function grpcOf({ grpc = {} }: ServerConfig): GrpcOptions | false {
  const { listen, socketMode, tls, maxConnectionAge, headers, limitOverrides } = grpc
  const where = listen === undefined ? { tls } : listenOf(listen, tls, socketMode)
  return where !== undefined && { ...where, maxConnectionAge: maxConnectionAge as Duration | undefined, headers, limitOverrides }
}

async function feedOf({ policies = {} }: ServerConfig): Promise<ServiceFeedOptions> {
  const { namespaces, cache, onMissing, ceilings, startTimeout } = policies
  return {
    namespaces,
    cache,
    onMissing,
    ceilings: ceilings === undefined ? undefined : await sourceAt(ceilings, 'policies.ceilings'),
    startTimeout: msOf('policies.startTimeout', startTimeout),
  }
}

async function eventsOf(
  { events = {}, subjects, secret, region, instance }: ServerConfig,
  made: MadeParts,
): Promise<DecisionEvents | undefined> {
  if (events.sink === undefined) return undefined
  const { sink } = made.add(await sinkAt(events.sink))
  const { sample, refusals } = events
  return made.add(decisionEvents({ sink, subjects, secret, region, instance, sample, refusals }))
}

async function analyticsOf(
  { analytics = {}, subjects, secret, region }: ServerConfig,
  redis: RedisSource | undefined,
  made: MadeParts,
): Promise<RedisAnalytics | undefined> {
  if (analytics.enabled !== true || redis === undefined) return undefined
  const { redisAnalytics } = await import('@sluice/redis')
  const { interval, keep } = analytics as { readonly interval?: Duration; readonly keep?: Duration }
  return made.add(redisAnalytics(redis, { subjects, secret, region, interval, keep }))
}

async function blocksOf({ blocks }: ServerConfig, redis: RedisSource | undefined, made: MadeParts): Promise<BlockList | undefined> {
  if (blocks === undefined) return undefined
  const { allow, mode = 'off', ...rule } = blocks
  const storage = redis && (await import('@sluice/redis')).redisBlockStorage(redis)
  // Entries by hand hold as well where no rule makes any.
  return made.add(blockList({ storage, allow, rule: mode === 'off' ? false : { ...(rule as object), mode } }))
}

function msOf(setting: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  // Elsewhere a duration of nothing is a mistake. Here it means: do not wait.
  return Number.parseFloat(text) === 0 ? 0 : millisOf(text as Duration, setting)
}
