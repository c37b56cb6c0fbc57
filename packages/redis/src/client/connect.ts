import { SluiceError, systemClock } from '@sluice/core'
import { knownOptions } from '@sluice/core/store-kit'
import { Cluster, type ClusterNode, type ClusterOptions, Redis, type RedisOptions } from 'ioredis'

/** The part of an ioredis `Redis` or `Cluster` that is used: taken by shape, since two copies of ioredis have two classes. */
export interface RedisClient {
  callBuffer(command: string, args: (string | number)[]): Promise<unknown>
  get(key: string): Promise<string | null>
  set(key: string, value: string): Promise<unknown>
  set(key: string, value: string, nx: 'NX'): Promise<unknown>
  config?(get: 'GET', name: string): Promise<unknown>
  connect?(): Promise<void>
  on(event: string, listener: () => void): unknown
  once(event: string, listener: () => void): unknown
  off(event: string, listener: () => void): unknown
  disconnect(reconnect?: boolean): void
  quit(): Promise<unknown>
  readonly status: string
  readonly isCluster?: boolean
  readonly options: object
}

/** Replies in the form that the commands promise: the only one that is read here. */
type SingleOptions = RedisOptions & { readonly replyMapping?: 'legacy' }

/** What `redisStore` takes: a client of yours, or where to connect one of its own: a server, the primary that Sentinels name, a cluster. */
export type RedisSource =
  | RedisClient
  | { readonly url: string; readonly options?: SingleOptions | undefined }
  | {
      readonly sentinels: readonly { readonly host: string; readonly port: number }[]
      readonly name: string
      readonly options?: SingleOptions | undefined
    }
  | { readonly cluster: readonly ClusterNode[]; readonly options?: ClusterOptions | undefined }

export interface Connection {
  readonly client: RedisClient
  /** Made here, so closed here. */
  readonly own: boolean
  /** Client settings by which a command could run twice. */
  readonly risks: readonly string[]
  /** ms after which the store itself gives a command up, where the client would not. */
  readonly timeout: number | undefined
}

/** ms after which a command is given up: whether it ran is then unknown. */
const COMMAND_TIMEOUT = 1_000
const CONNECT_TIMEOUT = 1_000
/** Below COMMAND_TIMEOUT: what waits for a node to be connected is sent before it is given up, or never. */
const NODE_CONNECT_TIMEOUT = 900

/** ms between two tries to connect, at most: ioredis' own 5 s would be how long a server that is back is not noticed. */
const LONGEST_RETRY = 400
/** ms without a byte while something is asked: the peer is gone, and nobody said so. */
const SILENT = 800

// Yours, if you say so: none of them decides what is charged.
const RECOVERS = {
  retryStrategy: (times: number): number => Math.min(50 * 2 ** Math.min(times - 1, 10), LONGEST_RETRY) + Math.random() * 100,
  maxLoadingRetryTime: LONGEST_RETRY,
  socketTimeout: SILENT,
} as const

// Measured (distribution.md): with these a reply that is lost after its commit leaves a count of 1, standalone and Cluster,
// and the next call works. ioredis' defaults run the command again.
const ONCE = {
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  commandTimeout: COMMAND_TIMEOUT,
  connectTimeout: CONNECT_TIMEOUT,
} as const
const ONCE_SINGLE = { ...ONCE, enableOfflineQueue: false } as const
const ONCE_CLUSTER = {
  // Not `false`: that rejects what is asked while a node is being connected, at the start, after a failover, for a new node. A
  // cluster that is not ready is asked nothing, and a node's queue is short-lived: see NODE_CONNECT_TIMEOUT.
  enableOfflineQueue: true,
  retryDelayOnFailover: 0,
  retryDelayOnClusterDown: 0,
  // The store has a better answer to it than to wait.
  retryDelayOnTryAgain: 0,
  maxRedirections: 3,
} as const

/** @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN */
export function connect(source: RedisSource): Connection {
  if (isClient(source)) return connectionOf(source, false)
  if (typeof source === 'object' && source !== null) {
    if ('url' in source) return connectionOf(single(source), true)
    if ('sentinels' in source) return connectionOf(bySentinels(source), true)
    if ('cluster' in source) return connectionOf(cluster(source), true)
  }
  throw expected('an ioredis client, { url }, { sentinels, name } or { cluster }')
}

function single(source: Extract<RedisSource, { url: string }>): RedisClient {
  knownOptions('redisStore: { url }', source, ['url', 'options'])
  if (typeof source.url !== 'string' || source.url === '') throw expected('{ url } with a text such as redis://localhost:6379')
  return quiet(new Redis(source.url, { ...RECOVERS, ...source.options, ...ONCE_SINGLE }))
}

function bySentinels({ sentinels, name, options, ...rest }: Extract<RedisSource, { sentinels: unknown }>): RedisClient {
  knownOptions('redisStore: { sentinels }', { sentinels, name, options, ...rest }, ['sentinels', 'name', 'options'])
  if (!isListOfNodes(sentinels)) throw expected('{ sentinels } with at least one { host, port }')
  if (typeof name !== 'string' || name === '') throw expected('{ sentinels, name } with the name of the primary as the Sentinels have it')
  return quiet(new Redis({ ...RECOVERS, ...options, ...ONCE_SINGLE, sentinels: [...sentinels], name }))
}

function cluster({ cluster: nodes, options, ...rest }: Extract<RedisSource, { cluster: unknown }>): RedisClient {
  knownOptions('redisStore: { cluster }', { cluster: nodes, options, ...rest }, ['cluster', 'options'])
  if (!isListOfNodes(nodes)) throw expected('{ cluster } with at least one node')
  const perNode = options?.redisOptions as SingleOptions | undefined
  return quiet(
    new Cluster([...nodes], {
      ...options,
      ...ONCE_CLUSTER,
      redisOptions: { ...RECOVERS, ...perNode, ...ONCE, connectTimeout: NODE_CONNECT_TIMEOUT },
    }),
  )
}

function isListOfNodes(nodes: unknown): boolean {
  return Array.isArray(nodes) && nodes.length > 0
}

function expected(what: string): SluiceError {
  return new SluiceError('ERR_OPTION_INVALID', `redisStore: expected ${what}`)
}

function isClient(source: RedisSource): source is RedisClient {
  return typeof (source as RedisClient | null)?.callBuffer === 'function'
}

/** An unheard `error` event ends the process; each failure reaches its caller anyway. */
function quiet(client: Redis | Cluster): RedisClient {
  client.on('error', () => undefined)
  return client
}

interface Behaviour {
  readonly enableOfflineQueue?: boolean
  readonly autoResendUnfulfilledCommands?: boolean
  readonly maxRetriesPerRequest?: number | null
  readonly commandTimeout?: number
  readonly retryDelayOnFailover?: number
  readonly retryDelayOnClusterDown?: number
  readonly redisOptions?: Behaviour
}

// Read from a client that was made here too: the query of a URL can set what it likes.
function connectionOf(client: RedisClient, own: boolean): Connection {
  const options = (client.options ?? {}) as Behaviour
  const perNode = client.isCluster === true ? (options.redisOptions ?? {}) : options
  const where = client.isCluster === true ? 'redisOptions.' : ''
  const risks = [
    ...(options.enableOfflineQueue === false || client.isCluster === true ? [] : ['enableOfflineQueue: false']),
    ...(perNode.autoResendUnfulfilledCommands === false ? [] : [`${where}autoResendUnfulfilledCommands: false`]),
    ...(perNode.maxRetriesPerRequest === 0 ? [] : [`${where}maxRetriesPerRequest: 0`]),
    ...(client.isCluster === true && options.retryDelayOnFailover !== 0 ? ['retryDelayOnFailover: 0'] : []),
    ...(client.isCluster === true && options.retryDelayOnClusterDown !== 0 ? ['retryDelayOnClusterDown: 0'] : []),
  ]
  if (client.isCluster === true) heedAsking(client as unknown as Nodes)
  return { client, own, risks, timeout: typeof perNode.commandTimeout === 'number' ? undefined : COMMAND_TIMEOUT }
}

type Asking = Pick<Redis, 'asking'>

/** The part of a Cluster client that knows its nodes; one that is known by its shape may lack it. */
interface Nodes {
  nodes?(): readonly Asking[]
  on(event: '+node', listener: (node: Asking) => void): unknown
}

const heeded = new WeakSet<object>()

/**
 * A redirected command is preceded by an ASKING whose failure ioredis leaves unheard. A new node without a slot is dropped at each
 * refresh of the slots, with the ASKING under way: an unhandled rejection, which ends a process. The command's own failure is told.
 */
function heedAsking(client: Nodes): void {
  if (heeded.has(client)) return
  heeded.add(client)
  const heed = (node: Asking): void => {
    const ask = node.asking.bind(node)
    node.asking = (...args) => {
      const asked = ask(...args)
      asked.catch(() => undefined)
      return asked
    }
  }
  for (const node of client.nodes?.() ?? []) heed(node)
  client.on('+node', heed)
}

const waits = new WeakMap<RedisClient, Promise<void>>()

/** Resolves when the client is ready, or when the time is over; stores that share a client share the wait. */
export function readyWithin(client: RedisClient, ms: number): Promise<void> {
  if (client.status === 'ready') return Promise.resolve()
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
      // Made with `lazyConnect`: it waits to be asked.
      if (client.status === 'wait') client.connect?.().catch(() => undefined)
    })
    waits.set(client, wait)
  }
  return wait
}

/** The promise, or a rejection when the time is over. */
export function within<T>(promise: Promise<T>, ms: number | undefined): Promise<T> {
  if (ms === undefined) return promise
  return new Promise((resolve, reject) => {
    const cancel = systemClock.after(ms, () => reject(new Error(`No answer within ${ms} ms`)))
    promise.then(resolve, reject).finally(cancel)
  })
}
