import { SluiceError } from '@sluice/core'
import { Cluster, type ClusterNode, type ClusterOptions, Redis, type RedisOptions } from 'ioredis'

/** The part of an ioredis `Redis` or `Cluster` that is used: taken by shape, since two copies of ioredis have two classes. */
export interface RedisClient {
  evalsha(sha: string, keys: number, ...args: string[]): Promise<unknown>
  eval(source: string, keys: number, ...args: string[]): Promise<unknown>
  set(key: string, value: string, nx: 'NX', get: 'GET'): Promise<string | null>
  config?(get: 'GET', name: string): Promise<unknown>
  on(event: string, listener: (...args: never[]) => void): unknown
  once(event: string, listener: (...args: never[]) => void): unknown
  off(event: string, listener: (...args: never[]) => void): unknown
  disconnect(reconnect?: boolean): void
  quit(): Promise<unknown>
  readonly status: string
  readonly isCluster?: boolean
  readonly options: object
}

/** Replies in the form that the commands promise: the only one that is read here. */
type SingleOptions = RedisOptions & { readonly replyMapping?: 'legacy' }

/** What `redisStore` takes: a client of yours, or where to connect one of its own. */
export type RedisSource =
  | RedisClient
  | { readonly url: string; readonly options?: SingleOptions | undefined }
  | { readonly cluster: readonly ClusterNode[]; readonly options?: ClusterOptions | undefined }

export interface Connection {
  readonly client: RedisClient
  /** Made here, so closed here. */
  readonly own: boolean
  /** Client settings by which a command could run twice. */
  readonly risks: readonly string[]
}

/** ms after which a command is given up: whether it ran is then unknown. */
const COMMAND_TIMEOUT = 1_000
const CONNECT_TIMEOUT = 2_000

// Measured (distribution.md): with these a reply that is lost after its commit leaves a count of 1, standalone and Cluster,
// and the next call works. ioredis' defaults run the command again.
const ONCE = { autoResendUnfulfilledCommands: false, maxRetriesPerRequest: 0 } as const

export function connect(source: RedisSource): Connection {
  if (isClient(source)) return { client: source, own: false, risks: risksOf(source) }
  if (typeof source === 'object' && source !== null && 'url' in source)
    return { client: quiet(single(source.url, source.options)), own: true, risks: [] }
  if (typeof source === 'object' && source !== null && 'cluster' in source)
    return { client: quiet(cluster(source.cluster, source.options)), own: true, risks: [] }
  throw new SluiceError('ERR_OPTION_INVALID', 'redisStore: expected an ioredis client, { url } or { cluster }')
}

function single(url: string, options: SingleOptions = {}): Redis {
  return new Redis(url, {
    ...options,
    ...ONCE,
    enableOfflineQueue: false,
    commandTimeout: COMMAND_TIMEOUT,
    connectTimeout: CONNECT_TIMEOUT,
  })
}

function cluster(nodes: readonly ClusterNode[], options: ClusterOptions = {}): Cluster {
  const perNode = options.redisOptions as SingleOptions | undefined
  return new Cluster([...nodes], {
    ...options,
    enableOfflineQueue: false,
    retryDelayOnFailover: 0,
    retryDelayOnClusterDown: 0,
    maxRedirections: 3,
    redisOptions: { ...perNode, ...ONCE, commandTimeout: COMMAND_TIMEOUT, connectTimeout: CONNECT_TIMEOUT },
  })
}

function isClient(source: RedisSource): source is RedisClient {
  return typeof (source as RedisClient | null)?.evalsha === 'function'
}

/** An unheard `error` event ends the process; each failure reaches its caller anyway. */
function quiet(client: Redis | Cluster): RedisClient {
  client.on('error', () => undefined)
  return client as unknown as RedisClient
}

function risksOf(client: RedisClient): readonly string[] {
  const options = client.options as {
    enableOfflineQueue?: boolean
    autoResendUnfulfilledCommands?: boolean
    maxRetriesPerRequest?: number | null
    redisOptions?: object
    retryDelayOnFailover?: number
    retryDelayOnClusterDown?: number
  }
  const perNode = (client.isCluster === true ? (options.redisOptions ?? {}) : options) as typeof options
  return [
    ...(options.enableOfflineQueue === false ? [] : ['enableOfflineQueue: false']),
    ...(perNode.autoResendUnfulfilledCommands === false ? [] : ['autoResendUnfulfilledCommands: false']),
    ...(perNode.maxRetriesPerRequest === 0 ? [] : ['maxRetriesPerRequest: 0']),
    ...(client.isCluster === true && options.retryDelayOnFailover !== 0 ? ['retryDelayOnFailover: 0'] : []),
    ...(client.isCluster === true && options.retryDelayOnClusterDown !== 0 ? ['retryDelayOnClusterDown: 0'] : []),
  ]
}
