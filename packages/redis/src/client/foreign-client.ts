import type { AdaptedClient } from './adapted-client.ts'
import { GlideAdapter, isGlide } from './glide.ts'
import { isNodeRedis, NodeRedisAdapter } from './node-redis.ts'

/** One adapter for each client, so that all stores of a client share what is known of its connection. */
const adapters = new WeakMap<object, AdaptedClient>()

/** The client with the methods of ioredis. `undefined` for a client without an adapter, and for a description of where to connect. */
export function adapted(source: object): AdaptedClient | undefined {
  const known = adapters.get(source)
  if (known !== undefined) return known
  const adapter = isNodeRedis(source) ? new NodeRedisAdapter(source) : isGlide(source) ? new GlideAdapter(source) : undefined
  if (adapter !== undefined) adapters.set(source, adapter)
  return adapter
}

/** Whether the object is a client of some kind, and not a description of where to connect. */
export function isForeignClient(source: object): boolean {
  return ['get', 'sendCommand', 'defineRedisObject'].some((name) => hasMethod(source, name))
}

/** What a client is that is not one of ioredis, and what to do: the end of an error message. */
export function describeClient(client: object): string {
  if (hasMethod(client, 'defineRedisObject')) return 'a client of ioredis-mock, which is no Redis; use memoryStore() in tests'
  if ('isOpen' in client && hasMethod(client, 'sendCommand'))
    return 'a client of node-redis (the package redis) before version 5; update it to version 5 or newer'
  if (hasMethod(client, 'createScript'))
    return `a client of @upstash/redis, which speaks HTTP; connect to the same database over TCP: ${INSTALL}`
  return `another client; ${INSTALL}, or use memoryStore() in tests`
}

const INSTALL = 'install ioredis beside it, and pass { url }, { cluster }, { sentinels, name } or a client of ioredis'

function hasMethod(object: object, name: string): boolean {
  return typeof (object as Record<string, unknown>)[name] === 'function'
}
