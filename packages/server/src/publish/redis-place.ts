import type { RedisSource } from '@sluice/redis'

/** ms that a publication or a start waits for Redis. */
const TIMEOUT = 1_000

interface SingleSource {
  readonly url: string
  readonly options: { readonly retryStrategy?: (() => null) | undefined; readonly maxRetriesPerRequest?: number | undefined }
}

/**
 * What a URL names: one server, or the Cluster of which it is a node. A server that is away, or that does not answer INFO to this user, is one
 * server.
 * @param options for the server
 */
export async function redisPlace({ url, options }: SingleSource): Promise<RedisSource> {
  if (!(await isNode(url))) return { url, options }
  const { hostname, port, username, password, protocol } = new URL(url)
  const user = {
    ...(username !== '' && { username: decodeURIComponent(username) }),
    ...(password !== '' && { password: decodeURIComponent(password) }),
  }
  const redisOptions = { ...user, ...(protocol === 'rediss:' && { tls: {} }) }
  return { cluster: [{ host: hostname.replaceAll(/[[\]]/g, ''), port: Number(port || 6_379) }], options: { redisOptions } }
}

async function isNode(url: string): Promise<boolean> {
  // Loaded here, since most services and commands need no Redis.
  const { Redis } = await import('ioredis')
  const client = new Redis(url, { lazyConnect: true, retryStrategy: () => null, connectTimeout: TIMEOUT, commandTimeout: TIMEOUT })
  client.on('error', () => undefined)
  try {
    await client.connect()
    return /^cluster_enabled:1/m.test(await client.info('cluster'))
  } catch {
    return false
  } finally {
    client.disconnect()
  }
}
