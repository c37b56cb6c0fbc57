import { readFileSync } from 'node:fs'
import type { Store } from '@sluice/core'
import { millisOf } from '@sluice/core/store-kit'
import type { RedisSource, RedisStoreOptions } from '@sluice/redis'
import type { RedisConfig } from './config.ts'

/** Envoy's filter gives up after 20 ms, so that what the policy says of an outage must be answered before. */
const DEADLINE = '10ms'

/** Where Redis is; `undefined` without one. Each part has a connection of its own, so that none waits for another. */
export function redisOf({ url, cluster, sentinels, primary, username, password, ca }: RedisConfig = {}): RedisSource | undefined {
  const tls = ca === undefined ? {} : { tls: { ca: readFileSync(ca) } }
  const user = { ...(username !== undefined && { username }), ...(password !== undefined && { password }) }
  if (url !== undefined) return { url, options: tls }
  if (cluster !== undefined)
    return { cluster: cluster.map((host) => addressIn(host, 6_379)), options: { redisOptions: { ...user, ...tls } } }
  if (sentinels !== undefined && primary !== undefined)
    return { sentinels: sentinels.map((host) => addressIn(host, 26_379)), name: primary, options: { ...user, ...tls } }
  return undefined
}

/** The store on Redis. */
export async function redisStoreOf(source: RedisSource, config: RedisConfig, regions?: RedisStoreOptions['regions']): Promise<Store> {
  // Loaded here, since a service in memory needs no Redis.
  const { redisStore } = await import('@sluice/redis')
  const { prefix, partitions, instances, leases, denyCache, deadline = DEADLINE } = config
  return redisStore(source, {
    prefix,
    partitions,
    leases,
    denyCache,
    regions,
    failover: { deadline: millisOf(deadline as '10ms', 'redis.deadline'), instances },
  })
}

function addressIn(host: string, defaultPort: number): { readonly host: string; readonly port: number } {
  const [, name = host, port] = /^(.*?)(?::(\d+))?$/.exec(host) ?? []
  return { host: name.replaceAll(/[[\]]/g, ''), port: port === undefined ? defaultPort : Number(port) }
}
