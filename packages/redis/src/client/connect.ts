import { SluiceError, systemClock } from '@sluice/core'
import { invalid, knownOptions } from '@sluice/core/store-kit'
import { Cluster, type ClusterNode, type ClusterOptions, Redis, type RedisOptions } from 'ioredis'
import { AdaptedClient } from './adapted-client.ts'
import { handleAskingFailures } from './asking.ts'
import { checkClient, hasCommandTimeout, risksOf } from './client-options.ts'
import { adapted, describeClient, isForeignClient } from './foreign-client.ts'
import { shareErrors, watchErrors } from './last-error.ts'
import type { GlideClient, NodeRedisClient, RedisClient } from './redis-client.ts'
import { withoutAutoPipelining } from './without-auto-pipelining.ts'

export type { GlideClient, NodeRedisClient, RedisClient } from './redis-client.ts'

/** Options of ioredis. The store reads replies only in the form that ioredis has by default. */
type SingleOptions = RedisOptions & { readonly replyMapping?: 'legacy' }

/**
 * Where the data is: your own client, or what the store connects to. A client is one of ioredis, of iovalkey, of node-redis 5 or newer, or of valkey-glide. `url` names one server, `sentinels` and `name` the primary of
 * a Sentinel deployment, `cluster` some nodes of a cluster. `options` are those of ioredis, except for settings by which a charge could run
 * twice.
 * @example
 * ```ts
 * import { redisStore } from '@sluice/redis'
 *
 * redisStore({ url: 'rediss://sluice:secret@redis.internal:6379' })
 * redisStore({ sentinels: [{ host: '10.0.0.1', port: 26379 }], name: 'mymaster' })
 * redisStore({ cluster: [{ host: '10.0.0.1', port: 6379 }] })
 * ```
 */
export type RedisSource =
  | RedisClient
  | NodeRedisClient
  | GlideClient
  | { readonly url: string; readonly options?: SingleOptions | undefined }
  | {
      readonly sentinels: readonly { readonly host: string; readonly port: number }[]
      readonly name: string
      readonly options?: SingleOptions | undefined
    }
  | { readonly cluster: readonly ClusterNode[]; readonly options?: ClusterOptions | undefined }

export interface Connection {
  readonly client: RedisClient
  /** The store made the client, so it also closes it. */
  readonly isOwn: boolean
  /** Settings that the client lacks, so that a command could run twice. */
  readonly risks: readonly string[]
  /** ms after which the store stops waiting for a command; `undefined` for a client with a `commandTimeout`. */
  readonly timeout: number | undefined
}

/** ms that a command may take. After that it is unknown whether the command ran. */
const COMMAND_TIMEOUT = 1_000
const CONNECT_TIMEOUT = 1_000
/** Below COMMAND_TIMEOUT: a command that waits for the connection to a node must not be sent after the store has given it up. */
const NODE_CONNECT_TIMEOUT = 900

/** ms between two attempts to connect, at most. ioredis's default is 5 s, during which a server that is back would stay unused. */
const MAX_RETRY_DELAY = 400
/** ms without a byte while a reply is due, after which the connection is dropped. TCP alone would take minutes. */
const SOCKET_TIMEOUT = 800

// Defaults that the caller's options may change, because no charge depends on them.
const RECOVERY = {
  retryStrategy: (times: number): number => Math.min(50 * 2 ** Math.min(times - 1, 10), MAX_RETRY_DELAY) + Math.random() * 100,
  maxLoadingRetryTime: MAX_RETRY_DELAY,
  socketTimeout: SOCKET_TIMEOUT,
} as const

// With these settings, a reply that is lost after its commit leaves a count of 1, and the next call works
// (test/client/connect.once.test.ts). With ioredis's defaults the command runs a second time.
const ONCE = {
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  commandTimeout: COMMAND_TIMEOUT,
  connectTimeout: CONNECT_TIMEOUT,
  // ASKING would follow the command that it is for.
  enableAutoPipelining: false,
} as const
const ONCE_SINGLE = { ...ONCE, enableOfflineQueue: false } as const
const ONCE_CLUSTER = {
  // `false` would reject commands while a node is being connected: at the start, after a failover, for a new node. The store sends nothing
  // to a cluster that is not ready, and NODE_CONNECT_TIMEOUT bounds how long a command waits in a node's queue.
  enableOfflineQueue: true,
  enableAutoPipelining: false,
  retryDelayOnFailover: 0,
  retryDelayOnClusterDown: 0,
  // The store sends the decisions again one key at a time, which succeeds at once.
  retryDelayOnTryAgain: 0,
  maxRedirections: 3,
} as const

/**
 * `writes`: whether the connection must reach a primary.
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN
 */
export function connect(source: RedisSource, writes = true): Connection {
  if (isClient(source)) return connectionOf(source, false, writes)
  if (typeof source === 'object' && source !== null) {
    const client = adapted(source)
    if (client !== undefined) return adaptedConnection(client, writes)
    if (isForeignClient(source))
      throw new SluiceError(
        'ERR_OPTION_INVALID',
        `redisStore: expected a client of ioredis, iovalkey, node-redis or valkey-glide, got ${describeClient(source)}`,
      )
    if ('url' in source) return connectionOf(single(source), true, writes)
    if ('sentinels' in source) return connectionOf(bySentinels(source), true, writes)
    if ('cluster' in source) return connectionOf(cluster(source), true, writes)
  }
  throw wrongSource('a client of ioredis, iovalkey, node-redis or valkey-glide, { url }, { sentinels, name } or { cluster }', source)
}

function single(source: Extract<RedisSource, { url: string }>): RedisClient {
  knownOptions('redisStore: { url }', source, ['url', 'options'])
  if (typeof source.url !== 'string' || source.url === '')
    throw wrongSource('{ url } with a text such as redis://localhost:6379', source.url)
  // ioredis would take any other text for a host.
  const isSocket = /^\/./.test(source.url)
  // Not the text itself, since the URL of a server may have its password.
  if (!isSocket && !(/^rediss?:\/\/./i.test(source.url) && URL.canParse(source.url)))
    throw new SluiceError(
      'ERR_OPTION_INVALID',
      'redisStore: expected { url } with a text such as redis://localhost:6379, rediss://localhost:6379 for TLS, or the path of a socket, got another text',
    )
  return new Redis(source.url, { ...RECOVERY, ...source.options, ...ONCE_SINGLE })
}

function bySentinels({ sentinels, name, options, ...rest }: Extract<RedisSource, { sentinels: unknown }>): RedisClient {
  knownOptions('redisStore: { sentinels }', { sentinels, name, options, ...rest }, ['sentinels', 'name', 'options'])
  if (!isListOfNodes(sentinels)) throw wrongSource('{ sentinels } with at least one { host, port }', sentinels)
  if (typeof name !== 'string' || name === '')
    throw wrongSource('{ sentinels, name } with the name of the primary as the Sentinels have it', name)
  return new Redis({ ...RECOVERY, ...options, ...ONCE_SINGLE, sentinels: [...sentinels], name })
}

function cluster({ cluster: nodes, options, ...rest }: Extract<RedisSource, { cluster: unknown }>): RedisClient {
  knownOptions('redisStore: { cluster }', { cluster: nodes, options, ...rest }, ['cluster', 'options'])
  if (!isListOfNodes(nodes)) throw wrongSource('{ cluster } with at least one node', nodes)
  const perNode = options?.redisOptions as SingleOptions | undefined
  return new Cluster([...nodes], {
    ...options,
    ...ONCE_CLUSTER,
    // With numbers as text, ioredis does not know which server has which slot.
    redisOptions: { ...RECOVERY, ...perNode, ...ONCE, connectTimeout: NODE_CONNECT_TIMEOUT, stringNumbers: false },
  })
}

function isListOfNodes(nodes: unknown): boolean {
  return Array.isArray(nodes) && nodes.length > 0
}

function wrongSource(expected: string, got: unknown): SluiceError {
  // Not the text itself, since the URL of a server may have its password.
  return got === '' || typeof got !== 'string'
    ? invalid('redisStore', expected, got)
    : new SluiceError('ERR_OPTION_INVALID', `redisStore: expected ${expected}, got a string`)
}

function isClient(source: object): source is RedisClient {
  return typeof (source as Partial<RedisClient> | null)?.callBuffer === 'function'
}

/** @throws ERR_OPTION_INVALID for a client that cannot serve as this connection */
function connectionOf(client: RedisClient, isOwn: boolean, writes: boolean): Connection {
  try {
    checkClient(client, writes)
  } catch (error) {
    if (isOwn) client.disconnect()
    throw error
  }
  if (client.isCluster === true) handleAskingFailures(client)
  // The caller may want to see the errors of the replica's client.
  if (isOwn || writes) watchErrors(client)
  const view = withoutAutoPipelining(client)
  shareErrors(client, view)
  // Also of a client that the store made, because the query of a URL can change any setting.
  const risks = risksOf(client)
  return { client: view, isOwn, risks, timeout: hasCommandTimeout(client) ? undefined : COMMAND_TIMEOUT }
}

function adaptedConnection(client: AdaptedClient, writes: boolean): Connection {
  if (writes) watchErrors(client)
  return { client, isOwn: false, risks: client.risks, timeout: client.timeout }
}

const waits = new WeakMap<RedisClient, Promise<void>>()

/** Resolves when the client is ready or has ended, at the latest after `ms`. Stores that share a client share the wait. */
export function readyWithin(client: RedisClient, ms: number): Promise<void> {
  // A client that has ended emits neither event again.
  if (client.status === 'ready' || client.status === 'end') return Promise.resolve()
  if (client instanceof AdaptedClient) return client.readyWithin(ms)
  let wait = waits.get(client)
  if (wait === undefined) {
    wait = new Promise<void>((resolve) => {
      const finish = (): void => {
        cancel()
        client.off('ready', finish)
        client.off('end', finish)
        waits.delete(client)
        resolve()
      }
      const cancel = systemClock.after(ms, finish)
      client.once('ready', finish)
      client.once('end', finish)
      // A client with `lazyConnect` connects only when it is asked to.
      if (client.status === 'wait') client.connect?.().catch(() => undefined)
    })
    waits.set(client, wait)
  }
  return wait
}

/** Resolves as the promise does, but rejects if that takes longer than `ms`. */
export function within<T>(promise: Promise<T>, ms: number | undefined): Promise<T> {
  if (ms === undefined) return promise
  return new Promise((resolve, reject) => {
    const cancel = systemClock.after(ms, () => reject(new Error(`No answer within ${ms} ms`)))
    promise.then(resolve, reject).finally(cancel)
  })
}
