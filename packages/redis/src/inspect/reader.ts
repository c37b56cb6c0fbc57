import type { Redis } from 'ioredis'
import { AdaptedClient, type Argument, type SendToServer } from '../client/adapted-client.ts'
import { connect, type Connection, readyWithin, type RedisClient, type RedisSource, within } from '../client/connect.ts'
import { lastErrorOf } from '../client/last-error.ts'
import { messageOf, nextCommand, notReady, RedisStoreError } from '../errors.ts'

/** ms that a reader waits for the connection. */
const READY_WITHIN = 2_000
const SHARD = 'redis'

/** Keys that a step of SCAN has found. */
export interface ScanStep {
  readonly keys: readonly string[]
  /** Where the next step begins; `0` after the last. */
  readonly cursor: string
}

/** Reads from Redis for an operator, through any client that `redisStore` takes. It runs no script and writes nothing. */
export class Reader {
  private readonly client: RedisClient
  private readonly timeout: number | undefined
  private readonly isOwn: boolean
  /** What the client puts before each key. SCAN does not know it. */
  private readonly keyPrefix: string

  private constructor({ client, timeout, isOwn }: Connection) {
    this.client = client
    this.timeout = timeout
    this.isOwn = isOwn
    const { keyPrefix } = (client.options ?? {}) as { readonly keyPrefix?: string }
    this.keyPrefix = keyPrefix ?? ''
  }

  /** @throws ERR_OPTION_INVALID, and RedisStoreError if there is no connection after 2 s */
  static async open(source: RedisSource): Promise<Reader> {
    return Reader.on(connect(source, false))
  }

  /** On a connection that is open already. @throws RedisStoreError if there is no connection after 2 s */
  static async on(connection: Connection): Promise<Reader> {
    const reader = new Reader(connection)
    const { client } = reader
    await readyWithin(client, READY_WITHIN)
    if (client.status === 'ready') return reader
    reader.close()
    throw notReady(client.status, SHARD, nextCommand(), lastErrorOf(client))
  }

  /** Ends a connection that `open` made. */
  close(): void {
    if (this.isOwn) this.client.disconnect()
  }

  /** The time of the server, in µs since the epoch. */
  async now(): Promise<number> {
    const [seconds, micros] = (await this.command(undefined, 'time')) as readonly unknown[]
    return Number(String(seconds)) * 1_000_000 + Number(String(micros))
  }

  /** The value of a key, `null` if there is none; `undefined` for a key of another type. */
  value(key: string): Promise<Buffer | null | undefined> {
    return this.typed(key, 'get') as Promise<Buffer | null | undefined>
  }

  /** The ms that a key lives. `undefined` if there is no such key, or if it has no expiry. */
  async lifeOf(key: string): Promise<number | undefined> {
    const ms = Number(await this.command(key, 'pttl', key))
    return ms < 0 ? undefined : ms
  }

  /** The fields of a hash. None of a key of another type. */
  async fields(key: string, ...fields: Argument[]): Promise<readonly (Buffer | null)[]> {
    return ((await this.typed(key, 'hmget', ...fields)) as readonly (Buffer | null)[] | undefined) ?? []
  }

  /** All fields of a hash, as texts. None of a key that is not there. @throws RedisStoreError for a key of another type */
  async hash(key: string): Promise<ReadonlyMap<string, string>> {
    const reply = await this.command(key, 'hgetall', key)
    // Clients give a list, a map, an object, or a list of pairs.
    if (reply instanceof Map) return new Map([...reply].map(([field, value]) => [String(field), String(value)]))
    if (!Array.isArray(reply)) return new Map(Object.entries(reply ?? {}).map(([field, value]) => [field, String(value)]))
    const isPaired = typeof reply[0] === 'object' && !Buffer.isBuffer(reply[0])
    const flat = isPaired ? reply.flatMap((pair: object) => ('key' in pair && 'value' in pair ? [pair.key, pair.value] : pair)) : reply
    return new Map(Array.from({ length: flat.length / 2 }, (_, i) => [String(flat[2 * i]), String(flat[2 * i + 1])]))
  }

  /** How many members a sorted set has, and those with the lowest scores. None of a key of another type. */
  async lowest(key: string, most: number): Promise<{ readonly count: number; readonly members: readonly (readonly [string, number])[] }> {
    const ids = ((await this.typed(key, 'zrange', '0', String(most - 1))) ?? []) as readonly unknown[]
    if (ids.length === 0) return { count: 0, members: [] }
    const texts = ids.map(String)
    const [scores, count] = await Promise.all([this.typed(key, 'zmscore', ...texts), this.typed(key, 'zcard')])
    const members = texts.flatMap((id, i) => {
      const score = (scores as readonly (Buffer | number | string | null)[] | undefined)?.[i]
      // Removed since the first command.
      return score === null || score === undefined ? [] : [[id, Number(String(score))] as const]
    })
    return { count: Number(count ?? 0), members }
  }

  /** The members of a sorted set with the highest scores, the first the highest. None of a key of another type. */
  async highest(key: string, most: number): Promise<readonly (readonly [member: string, score: number])[]> {
    const members = (((await this.typed(key, 'zrevrange', '0', String(most - 1))) ?? []) as readonly unknown[]).map(String)
    if (members.length === 0) return []
    const scores = await this.scores(key, members)
    // One that was removed since the first command has no score.
    return members.flatMap((member, i) => ((scores[i] ?? 0) > 0 ? [[member, scores[i] as number] as const] : []))
  }

  /** The scores of members of a sorted set; 0 for what is not in it. */
  async scores(key: string, members: readonly string[]): Promise<readonly number[]> {
    const scores = ((await this.typed(key, 'zmscore', ...members)) ?? []) as readonly (Buffer | number | string | null)[]
    return members.map((_, i) => Number(String(scores[i] ?? 0)))
  }

  /** All members of a sorted set, the lowest score first. */
  async members(key: string): Promise<readonly string[]> {
    return (((await this.typed(key, 'zrange', '0', '-1')) ?? []) as readonly unknown[]).map(String)
  }

  /** All members of a set. Clients give a list, or a set. */
  async set(key: string): Promise<readonly string[]> {
    return Array.from(((await this.typed(key, 'smembers')) ?? []) as Iterable<unknown>, String)
  }

  /** One for each primary: a step of SCAN with `cursor`, that looks at about `count` keys. */
  async scanners(pattern: string, count: number): Promise<readonly ((cursor: string) => Promise<ScanStep>)[]> {
    const match = `${escaped(this.keyPrefix)}${pattern}`
    const servers = await this.servers()
    return servers.map((send) => async (cursor) => {
      const reply = await this.answer(send(['scan', cursor, 'MATCH', match, 'COUNT', String(count)]))
      const [next, keys] = reply as readonly [unknown, readonly unknown[]]
      return { cursor: String(next), keys: keys.map((key) => String(key).slice(this.keyPrefix.length)) }
    })
  }

  /** How many keys all primaries have; `undefined` if the Redis user may not ask. */
  async size(): Promise<number | undefined> {
    try {
      const sizes = await Promise.all((await this.servers()).map((send) => this.answer(send(['dbsize']))))
      return sizes.reduce<number>((sum, size) => sum + Number(size), 0)
    } catch {
      return undefined
    }
  }

  private async servers(): Promise<readonly SendToServer[]> {
    const { client } = this
    if (client instanceof AdaptedClient) return client.servers()
    const nodes = client.isCluster === true ? (client as unknown as { nodes(role: string): Redis[] }).nodes('master') : [client]
    return nodes.map(
      (node) =>
        ([name = '', ...args]) =>
          node.callBuffer(String(name), args),
    )
  }

  private async typed(key: string, name: string, ...args: Argument[]): Promise<unknown> {
    try {
      return await this.command(key, name, key, ...args)
    } catch (error) {
      if (error instanceof RedisStoreError && error.reason.startsWith('WRONGTYPE')) return undefined
      throw error
    }
  }

  /** `name` in lower case: clients of older versions add `keyPrefix`, and find the node of a Cluster, for such names only. */
  private command(key: string | undefined, name: string, ...args: Argument[]): Promise<unknown> {
    const { client } = this
    return this.answer(client instanceof AdaptedClient ? client.read(key, [name, ...args]) : client.callBuffer(name, args))
  }

  private async answer(reply: Promise<unknown>): Promise<unknown> {
    const command = nextCommand()
    try {
      return await within(reply, this.timeout)
    } catch (cause) {
      throw new RedisStoreError(cause, SHARD, command, false, messageOf(cause))
    }
  }
}

/** The text as a pattern of SCAN that finds only itself. */
export function escaped(text: string): string {
  return text.replaceAll(/[\\*?[\]^]/g, String.raw`\$&`)
}
