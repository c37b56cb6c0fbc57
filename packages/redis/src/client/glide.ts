import { NotSentError } from '../errors.ts'
import { slotOf } from '../slots.ts'
import { AdaptedClient, type Argument, COMMAND_TIMEOUT, type SendToServer } from './adapted-client.ts'
import type { GlideClient } from './redis-client.ts'

interface AnyClient {
  customCommand(args: readonly Argument[], options: object): Promise<unknown>
  readonly isClosed?: boolean
  /** ms, of the client's configuration. */
  readonly requestTimeout?: number
}

/** Of the reply of CLUSTER SLOTS: the first and the last slot, and the primary. */
type SlotRange = readonly [start: number, end: number, primary: readonly [host: unknown, port: number]]

/** Texts as bytes: `Decoder.Bytes`. */
const BYTES = Object.freeze({ decoder: 0 })

/** The codes of servers, by the names that glide gives them in its messages. Any other name is a code that glide has left as it was. */
const CODES: Readonly<Record<string, string>> = {
  ResponseError: 'ERR',
  NoScriptError: 'NOSCRIPT',
  ReadOnly: 'READONLY',
  PermissionDenied: 'NOPERM',
  BusyLoadingError: 'LOADING',
  Moved: 'MOVED',
  Ask: 'ASK',
  TryAgain: 'TRYAGAIN',
  ClusterDown: 'CLUSTERDOWN',
  CrossSlot: 'CROSSSLOT',
  MasterDown: 'MASTERDOWN',
}
const SERVER_ERROR = /^(?:An error was signalled by the server: - )?(\w+): (.*)$/s
/** Errors of a command that glide did not take. */
const NOT_TAKEN = /the client is closed|inflight requests/i

/**
 * `GlideClient` and `GlideClusterClient`. Neither sends a command again after it lost the connection: with both, a charge whose reply was
 * lost counted once. The client has no events and connects by itself, so it counts as ready until it is closed.
 */
export class GlideAdapter extends AdaptedClient {
  readonly isCluster: boolean
  override readonly timeout: number = COMMAND_TIMEOUT
  private readonly client: AnyClient

  constructor(client: GlideClient) {
    super()
    this.client = client
    this.isCluster = 'fcallWithRoute' in client
  }

  get status(): string {
    return this.client.isClosed === true ? 'end' : 'ready'
  }

  /** After the store gave a command up, the client could still send it, when it is connected again. */
  override get risks(): readonly string[] {
    const { requestTimeout = 0 } = this.client
    return requestTimeout > COMMAND_TIMEOUT ? [`requestTimeout: ${COMMAND_TIMEOUT} or less`] : []
  }

  /** glide finds the server by the keys of the command. */
  protected send(_key: string | undefined, _isReadonly: boolean, args: Argument[]): Promise<unknown> {
    return this.command(args, BYTES)
  }

  override async servers(): Promise<readonly SendToServer[]> {
    if (!this.isCluster) return super.servers()
    const ranges = (await this.command(['CLUSTER', 'SLOTS'], { ...BYTES, route: 'randomNode' })) as readonly SlotRange[]
    const slots = new Map(ranges.map(([start, end, [host, port]]) => [`${String(host)}:${port}`, [start, end] as const]))
    // Routes by a key reach the primary whatever its address is. glide 2 sends those by the number of a slot to one and the same node.
    return Array.from(slots.values(), ([start, end]) => {
      const route = { type: 'primarySlotKey', key: keyBetween(start, end) }
      return (args) => this.command(args, { ...BYTES, route })
    })
  }

  private async command(args: readonly Argument[], options: object): Promise<unknown> {
    try {
      return await this.client.customCommand(args, options)
    } catch (error) {
      throw translated(error)
    }
  }

  on(): this {
    return this
  }

  once(): this {
    return this
  }

  off(): this {
    return this
  }

  /** The server closes a connection that asks for it, and the client connects again. A Cluster client finds the new primary itself. */
  disconnect(reconnect = false): void {
    if (reconnect && !this.isCluster) this.send(undefined, false, ['QUIT']).catch(() => undefined)
  }
}

/** A key whose slot lies in the range. */
function keyBetween(start: number, end: number): string {
  for (let n = 0; ; n++) {
    const slot = slotOf(String(n))
    if (slot >= start && slot <= end) return String(n)
  }
}

export function isGlide(source: object): source is GlideClient {
  const { customCommand, invokeScript } = source as Partial<GlideClient>
  return typeof customCommand === 'function' && typeof invokeScript === 'function'
}

/** The error in the words of the server. Errors of the connection stay as they are. */
function translated(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  if (NOT_TAKEN.test(error.message)) return new NotSentError(error)
  const [, name, words] = error.name === 'RequestError' ? (SERVER_ERROR.exec(error.message) ?? []) : []
  return name === undefined ? error : new Error(`${CODES[name] ?? name} ${words}`, { cause: error })
}
