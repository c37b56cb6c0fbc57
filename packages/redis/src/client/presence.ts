import type { Presence } from '@sluice/core/store-kit'
import { uniqueId } from '@sluice/core/store-kit'
import type { Redis } from 'ioredis'
import { type Connection, type RedisClient, within } from './connect.ts'
import type { Keys } from '../keys.ts'
import { nextCommand, RedisStoreError } from '../errors.ts'

/** ms after which a process that was not heard of is not counted. */
const GONE_AFTER = 15_000
const SHARD = 'redis'

/** The commands that counting needs, which a client known by its shape may lack. */
type Counting = Pick<Redis, 'time' | 'pipeline' | 'zrem' | 'del'>

/**
 * The stores on one prefix, counted in one sorted set: each adds itself under the time of the server, and reads how many are
 * there in the same round trip. `undefined` for a client that lacks a command for it.
 */
export function instancesOf(connection: Connection, keys: Keys, ready: () => unknown): Presence | undefined {
  const { client } = connection
  return canCount(client) ? new Instances(client, connection.timeout, keys.instances, ready) : undefined
}

class Instances implements Presence {
  private readonly client: RedisClient & Counting
  private readonly timeout: number | undefined
  private readonly key: string
  private readonly ready: () => unknown
  private readonly id: string = uniqueId()
  private isGone = false

  constructor(client: RedisClient & Counting, timeout: number | undefined, key: string, ready: () => unknown) {
    this.client = client
    this.timeout = timeout
    this.key = key
    this.ready = ready
  }

  async heartbeat(): Promise<number> {
    // Also what prepares the store before its first request.
    await this.ready()
    const command = nextCommand()
    // Else a client with an offline queue would send it when the connection is back.
    if (this.isGone || this.client.status !== 'ready')
      throw new RedisStoreError(`the connection is not ready (${this.client.status})`, SHARD, command, false)
    try {
      return await within(this.count(), this.timeout)
    } catch (cause) {
      throw new RedisStoreError(cause, SHARD, command)
    }
  }

  async leave(): Promise<void> {
    this.isGone = true
    if (this.client.status === 'ready') await within(this.client.zrem(this.key, this.id), this.timeout)
  }

  private async count(): Promise<number> {
    const [seconds, micros] = (await this.client.time()) as unknown as readonly [string, string]
    const now = Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000)
    const { key, id } = this
    // No transaction: a user who may MULTI and not EXEC would leave the connection in one.
    const replies = await this.client
      .pipeline()
      .zremrangebyscore(key, '-inf', now - GONE_AFTER)
      .zadd(key, now, id)
      .zcard(key)
      .pexpire(key, GONE_AFTER)
      .exec()
    const failed = replies?.find(([error]) => error !== null)?.[0]
    if (failed?.message.startsWith('WRONGTYPE') === true) await this.client.del(key)
    if (failed) throw failed
    return Number(replies?.[2]?.[1])
  }
}

function canCount(client: RedisClient): client is RedisClient & Counting {
  return (['time', 'pipeline', 'zrem', 'del'] as const).every((name) => typeof (client as Partial<Counting>)[name] === 'function')
}
