import type { Connection } from '../../client/connect.ts'
import { within } from '../../client/connect.ts'
import { runWhenReady } from '../../client/ready.ts'
import type { BlockingConnection } from '../../client/redis-client.ts'
import { script } from '../../scripts/script.ts'
import { REGION_STREAM } from '../../scripts/scripts.gen.ts'

/** A message, and its id in the stream. */
export interface StreamMessage {
  readonly id: string
  readonly body: Uint8Array
}

/** Some messages, and where to go on: '' after the last one. */
export interface StreamPage {
  readonly next: string
  readonly messages: readonly StreamMessage[]
}

const STREAM = script('', REGION_STREAM)
const COUNT = '100'
/** ms that the server waits for a message. */
const BLOCK = 5_000
/** ms that its reply may take above that. */
const SLACK = 2_000
/** ms after which a consumer that reads nothing is removed. Its process has ended. */
const GONE = 3_600_000

/** One consumer of the group of a region, in the stream of another region. */
export class StreamGroup {
  private readonly connection: Connection
  private readonly stream: string
  private readonly who: readonly [group: string, consumer: string]

  constructor(connection: Connection, stream: string, group: string, consumer: string) {
    this.connection = connection
    this.stream = stream
    this.who = [group, consumer]
  }

  /** Makes the stream and the group, if they are missing. */
  async open(): Promise<void> {
    await this.run('open', String(GONE))
  }

  /** What this consumer was given, and has not acknowledged. */
  own(from: string): Promise<StreamPage> {
    return this.run('own', from)
  }

  /** New messages, without waiting for one. */
  fresh(): Promise<StreamPage> {
    return this.run('new')
  }

  /** New messages. The server waits for the first one. */
  async wait(blocking: BlockingConnection): Promise<readonly StreamMessage[]> {
    const { stream, who } = this
    const command = ['xreadgroup', 'GROUP', ...who, 'COUNT', COUNT, 'BLOCK', String(BLOCK), 'STREAMS', stream, '>']
    return messagesIn(await within(blocking.command(stream, command), BLOCK + SLACK))
  }

  /** Keeps messages that are under way here, and takes those that nobody has acknowledged for `idle` ms. */
  claim(from: string, idle: number, held: readonly string[]): Promise<StreamPage> {
    return this.run('claim', from, String(idle), ...held)
  }

  async acknowledge(ids: readonly string[]): Promise<void> {
    const { client, timeout } = this.connection
    await within(client.callBuffer('xack', [this.stream, this.who[0], ...ids]), timeout)
  }

  /** Removes the consumer, if it has acknowledged all. */
  async leave(): Promise<void> {
    await this.run('leave')
  }

  private async run(action: string, ...args: readonly string[]): Promise<StreamPage> {
    const [next, ...fields] = await runWhenReady(this.connection, STREAM, { keys: [this.stream], args: [action, ...this.who, ...args] })
    const messages: StreamMessage[] = []
    for (let i = 0; i < fields.length; i += 2) messages.push({ id: String(fields[i]), body: bytesOf(fields[i + 1]) })
    return { next: String(next), messages }
  }
}

/** The messages in a reply to XREADGROUP: pairs of a stream and its entries, or a map in RESP3. */
function messagesIn(reply: unknown): readonly StreamMessage[] {
  if (typeof reply !== 'object' || reply === null) return []
  const [stream] = reply instanceof Map ? reply : Array.isArray(reply) ? (reply as unknown[][]) : Object.entries(reply)
  const entries = (stream?.[1] ?? []) as readonly (readonly [id: unknown, fields: readonly unknown[]])[]
  return entries.map(([id, fields]) => ({ id: String(id), body: bytesOf(fields[1]) }))
}

function bytesOf(value: unknown): Uint8Array {
  return value instanceof Uint8Array ? value : Buffer.from(String(value))
}
