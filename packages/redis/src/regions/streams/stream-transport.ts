import { TransportWarnings } from '@sluice/core/store-kit'
import { connect, type Connection, within } from '../../client/connect.ts'
import { requireReady } from '../../client/ready.ts'
import { type StreamSettings, streamSettings, type StreamTransportOptions } from './options.ts'
import { StreamReader } from './stream-reader.ts'

/** A message to all other regions. A test of this package checks that it fits `@sluice/regions`. */
export interface StreamEnvelope {
  /** The partition of the subjects in it. All messages of a region are in one stream, in their order. */
  readonly partition: number
  readonly body: Uint8Array
}

/** Carries messages between regions, for `regions` of `@sluice/regions`. */
export interface StreamTransport {
  /** Resolves when Redis of this region has the messages. */
  publish(messages: readonly StreamEnvelope[]): Promise<void>
  /** Gets the messages of all other regions, until the returned function is called. It closes the connections that the transport has made. */
  subscribe(region: string, apply: (body: Uint8Array) => Promise<void>): Promise<() => Promise<void>>
}

const READY_WITHIN = 2_000

/**
 * Messages between regions in streams of Redis. Each region writes into its own Redis, and reads those of the others: one process of a region
 * gets a message. A message that its process does not acknowledge goes to another one.
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN
 * @example
 * ```ts
 * import { streamTransport } from '@sluice/redis'
 * import { regions } from '@sluice/regions'
 *
 * const transport = streamTransport({ self: { url: 'redis://redis.eu:6379' }, others: { us: { url: 'redis://redis.us:6379' } } })
 * const eu = regions({ self: 'eu', all: ['eu', 'us'], transport })
 * ```
 */
export function streamTransport(options: StreamTransportOptions): StreamTransport {
  const settings = streamSettings(options)
  const connections: Connection[] = []
  try {
    const self = connect(options.self)
    connections.push(self)
    const others = new Map<string, Connection>()
    for (const [name, source] of Object.entries(options.others)) {
      const connection = connect(source)
      connections.push(connection)
      others.set(name, connection)
    }
    return new Streams(self, others, settings)
  } catch (error) {
    for (const connection of connections) end(connection)
    throw error
  }
}

class Streams implements StreamTransport {
  private readonly self: Connection
  private readonly others: ReadonlyMap<string, Connection>
  private readonly settings: StreamSettings
  private readonly warnings: TransportWarnings
  private subscriptions = 0

  constructor(self: Connection, others: ReadonlyMap<string, Connection>, settings: StreamSettings) {
    this.self = self
    this.others = others
    this.settings = settings
    this.warnings = new TransportWarnings('streamTransport', settings.on)
  }

  async publish(messages: readonly StreamEnvelope[]): Promise<void> {
    const { stream, maxLength } = this.settings
    const { client, timeout } = this.self
    try {
      await requireReady(this.self, READY_WITHIN)
      const add = ['xadd', [stream, 'MAXLEN', '~', String(maxLength), '*', 'b']] as const
      const sent = messages.map(({ body }) => client.callBuffer(add[0], [...add[1], bufferOf(body)]))
      await within(Promise.all(sent), timeout)
      this.warnings.well('this region')
    } catch (error) {
      this.warnings.failed('this region', error)
      throw error
    }
  }

  subscribe(region: string, apply: (body: Uint8Array) => Promise<void>): Promise<() => Promise<void>> {
    const { settings, warnings } = this
    this.subscriptions += 1
    const readers = Array.from(
      this.others,
      ([source, connection]) => new StreamReader({ source, connection, region, settings, warnings, apply }),
    )
    let closing: Promise<void> | undefined
    const close = async (): Promise<void> => {
      await Promise.all(readers.map((reader) => reader.close()))
      this.subscriptions -= 1
      if (this.subscriptions === 0) for (const connection of [this.self, ...this.others.values()]) end(connection)
    }
    return Promise.resolve(() => (closing ??= close()))
  }
}

/** A client of the caller stays open. */
function end({ client, isOwn }: Connection): void {
  if (isOwn) client.disconnect()
}

function bufferOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength)
}
