import { type Presence, uniqueId } from '@sluice/core/store-kit'
import type { Redis } from 'ioredis'
import { nextCommand, notReady, RedisStoreError } from '../errors.ts'
import type { Keys } from '../keys.ts'
import { type Connection, type RedisClient, within } from './connect.ts'

/** ms after its last heartbeat at which an instance is no longer counted. */
const EXPIRES_AFTER = 15_000
const SHARD = 'redis'

/** The commands that counting needs. A client that is recognised by its shape may lack some. */
type CountingClient = RedisClient & Pick<Redis, 'time' | 'pipeline' | 'zrem' | 'del'>

/**
 * Counts the instances that share a prefix, in one sorted set. Each heartbeat adds this instance under the server's time and reads the
 * count. Returns `undefined` for a client that lacks a command.
 */
export function presenceOf(connection: Connection, keys: Keys, ready: () => unknown): Presence | undefined {
  const { client } = connection
  return canCount(client) ? new RedisPresence(client, connection.timeout, keys.instances, ready) : undefined
}

class RedisPresence implements Presence {
  private readonly client: CountingClient
  private readonly timeout: number | undefined
  private readonly key: string
  private readonly ready: () => unknown
  private readonly id: string = uniqueId()
  private hasLeft = false

  constructor(client: CountingClient, timeout: number | undefined, key: string, ready: () => unknown) {
    this.client = client
    this.timeout = timeout
    this.key = key
    this.ready = ready
  }

  async heartbeat(): Promise<number> {
    // The first heartbeat comes before the first request, so it also prepares the store.
    await this.ready()
    const command = nextCommand()
    // A client with an offline queue would otherwise send the command later, when it is connected again.
    if (this.hasLeft || this.client.status !== 'ready') throw notReady(this.client.status, SHARD, command)
    try {
      return await within(this.count(), this.timeout)
    } catch (cause) {
      throw new RedisStoreError(cause, SHARD, command)
    }
  }

  async leave(): Promise<void> {
    this.hasLeft = true
    if (this.client.status === 'ready') await within(this.client.zrem(this.key, this.id), this.timeout)
  }

  private async count(): Promise<number> {
    const [seconds, micros] = (await this.client.time()) as unknown as readonly [string, string]
    const now = Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000)
    const { key, id } = this
    // No MULTI: a Redis user that may run MULTI but not EXEC would leave the connection inside a transaction.
    const replies = await this.client
      .pipeline()
      .zremrangebyscore(key, '-inf', now - EXPIRES_AFTER)
      .zadd(key, now, id)
      .zcard(key)
      .pexpire(key, EXPIRES_AFTER)
      .exec()
    const failed = replies?.find(([error]) => error !== null)?.[0]
    if (failed?.message.startsWith('WRONGTYPE') === true) await this.client.del(key)
    if (failed) throw failed
    return Number(replies?.[2]?.[1])
  }
}

function canCount(client: RedisClient): client is CountingClient {
  return (['time', 'pipeline', 'zrem', 'del'] as const).every((name) => typeof (client as Partial<CountingClient>)[name] === 'function')
}
