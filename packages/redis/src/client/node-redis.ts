import { systemClock } from '@sluice/core'
import { NotSentError } from '../errors.ts'
import { AdaptedClient, type Argument, type SendToServer } from './adapted-client.ts'
import { Attempt } from './attempt.ts'
import type { BlockingConnection, NodeRedisClient } from './redis-client.ts'

/** What every client of node-redis has. */
interface AnyClient {
  readonly isOpen: boolean
  /** A pool has none, and neither has a Cluster client before node-redis 6. */
  readonly isReady?: boolean
  on(event: string, listener: () => void): unknown
  once(event: string, listener: () => void): unknown
  off(event: string, listener: () => void): unknown
}
interface SingleClient {
  sendCommand(args: readonly Argument[], options: object): Promise<unknown>
}
interface SentinelClient {
  sendCommand(isReadonly: boolean, args: readonly Argument[], options: object): Promise<unknown>
}
interface ClusterClient {
  readonly masters: readonly object[]
  nodeClient(node: object): SingleClient | Promise<SingleClient>
  sendCommand(key: string | undefined, isReadonly: boolean, args: readonly Argument[], options: object): Promise<unknown>
}

/** Another client of the same kind and options, which is not connected yet. */
interface Duplicate extends AnyClient {
  duplicate(): Duplicate
  connect(): Promise<unknown>
  destroy(): void
}

/** ms. The client would try for ever. */
const CONNECT_TIMEOUT = 2_000

/** Texts as bytes: the type `$` of the protocol, as `RESP_TYPES.BLOB_STRING` has it. */
const BYTES = Object.freeze({ 36: Buffer })
/** The names of the events in which node-redis reports errors of nodes. A single client reports them as `error`. */
const NODE_ERROR = 'node-error'

/** `createClient()` and `createClientPool()` have no connections to other nodes, `createCluster()` and `createSentinel()` do. */
type Kind = 'single' | 'sentinel' | 'cluster'

export class NodeRedisAdapter extends AdaptedClient {
  readonly isCluster: boolean
  private readonly client: AnyClient
  private readonly kind: Kind
  /** Only of a single client: the others need not be withdrawn. */
  private readonly waiting: Set<Attempt> | undefined
  private isFinding = false

  constructor(client: NodeRedisClient) {
    super()
    this.client = client as unknown as AnyClient
    this.kind = kindOf(client)
    this.isCluster = this.kind === 'cluster'
    if (this.kind !== 'single') return
    const waiting = new Set<Attempt>()
    this.waiting = waiting
    this.client.on('error', () => withdrawAll(waiting))
  }

  get status(): string {
    const { isOpen, isReady = isOpen } = this.client
    return isReady ? 'ready' : isOpen ? 'reconnecting' : 'closed'
  }

  protected send(key: string | undefined, isReadonly: boolean, args: Argument[]): Promise<unknown> {
    const { client, kind } = this
    // A Sentinel client sends a command again whose connection was lost, and the first one may have run.
    const attempt = new Attempt(kind === 'sentinel', this.waiting)
    const options = { typeMapping: BYTES, abortSignal: attempt }
    // Before version 6, removing commands from the queue can break it, so that the client hangs. It reads the arguments when it writes them.
    const takeBack = (): unknown => args.splice(0, args.length, 'PING')
    if (kind === 'sentinel') return attempt.settle((client as unknown as SentinelClient).sendCommand(isReadonly, args, options), takeBack)
    if (kind === 'single') return attempt.settle((client as unknown as SingleClient).sendCommand(args, options), takeBack)
    const reply = (client as unknown as ClusterClient).sendCommand(key, isReadonly, args, options)
    // From version 6 on, a Cluster client queues a copy of the arguments, and has isReady.
    const settled = attempt.settle(reply, client.isReady === undefined ? takeBack : () => attempt.abort())
    return key === undefined ? settled : settled.catch((error: unknown) => this.findNode(error, key))
  }

  override async servers(): Promise<readonly SendToServer[]> {
    if (this.kind !== 'cluster') return super.servers()
    const cluster = this.client as unknown as ClusterClient
    const nodes = await Promise.all(cluster.masters.map((node) => cluster.nodeClient(node)))
    return nodes.map((node) => (args) => {
      const attempt = new Attempt(false)
      return attempt.settle(node.sendCommand(args, { typeMapping: BYTES, abortSignal: attempt }), () => args.splice(0, args.length, 'PING'))
    })
  }

  /**
   * Before version 6, node-redis learns that a replica has been promoted only from the redirection of a node that lives, and asks none while
   * the commands for the slot wait for the node that died. Without a key, a command goes to any node.
   * @throws the error
   */
  private findNode(error: unknown, key: string): never {
    if (error instanceof NotSentError && !this.isFinding) {
      this.isFinding = true
      const found = this.send(undefined, false, ['GET', key])
      found.catch(() => undefined).finally(() => (this.isFinding = false))
    }
    throw error
  }

  /** A pool, and a Sentinel client before version 6, have no `duplicate`. */
  override async openBlocking(): Promise<BlockingConnection | undefined> {
    const { client, kind } = this
    const { duplicate } = client as Partial<Duplicate>
    if (duplicate === undefined) return undefined
    const own = duplicate.call(client)
    // An `error` event without a listener would end the process. Each failed command also rejects, so no error is lost.
    own.on('error', () => undefined)
    const close = (): void => {
      // A client that has ended already throws.
      if (own.isOpen) own.destroy()
    }
    const cancel = systemClock.after(CONNECT_TIMEOUT, close)
    try {
      await own.connect()
    } catch (error) {
      close()
      throw error
    } finally {
      cancel()
    }
    const options = { typeMapping: BYTES }
    return {
      command: (key, args) => {
        if (kind === 'cluster') return (own as unknown as ClusterClient).sendCommand(key, false, args, options)
        if (kind === 'sentinel') return (own as unknown as SentinelClient).sendCommand(false, args, options)
        return (own as unknown as SingleClient).sendCommand(args, options)
      },
      close,
    }
  }

  on(event: string, listener: () => void): this {
    this.client.on(event === 'node error' ? NODE_ERROR : event, listener)
    return this
  }

  once(event: string, listener: () => void): this {
    this.client.once(event, listener)
    return this
  }

  off(event: string, listener: () => void): this {
    this.client.off(event, listener)
    return this
  }

  /** The server closes a connection that asks for it, and the client connects again. Cluster and Sentinel find the new primary themselves. */
  disconnect(reconnect = false): void {
    if (reconnect && this.kind === 'single') this.send(undefined, false, ['QUIT']).catch(() => undefined)
  }
}

/**
 * Before version 6, a single client writes a command of the same turn to the connection that has just ended. On the next connection it takes
 * the first reply for that command's, and never becomes ready. The last command goes first, since the queue loses its end otherwise.
 */
function withdrawAll(waiting: ReadonlySet<Attempt>): void {
  for (const attempt of [...waiting].toReversed()) attempt.abort()
}

export function isNodeRedis(source: object): source is NodeRedisClient {
  const { isOpen, sendCommand, withTypeMapping } = source as Partial<NodeRedisClient>
  return typeof isOpen === 'boolean' && typeof sendCommand === 'function' && typeof withTypeMapping === 'function'
}

/** The last parameter of `sendCommand` is optional, and does not count. */
function kindOf(client: NodeRedisClient): Kind {
  if ('nodeByAddress' in client) return 'cluster'
  return 'getMasterNode' in client ? 'sentinel' : 'single'
}
