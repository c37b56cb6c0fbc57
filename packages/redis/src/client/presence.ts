import { type Presence, uniqueId } from '@sluice/core/store-kit'
import type { Redis } from 'ioredis'
import { nextCommand, notReady, RedisStoreError } from '../errors.ts'
import type { Keys } from '../keys.ts'
import { type Connection, type RedisClient, within } from './connect.ts'
import { lastErrorOf } from './last-error.ts'

/** ms after its last heartbeat at which an instance is no longer counted. */
const EXPIRES_AFTER = 15_000
const SHARD = 'redis'

/** The commands that counting needs. A client that is recognised by its shape may lack some. */
type CountingClient = Omit<RedisClient, 'pipeline'> & Pick<Redis, 'time' | 'pipeline' | 'zrem' | 'del'>

/**
 * Counts the processes that share a prefix, in one sorted set. Each heartbeat adds this process under the server's time and reads the
 * count. All stores of a process are one entry. Returns `undefined` for a client that lacks a command.
 */
export function presenceOf({ connection, keys, prepared }: PresenceParts): Presence | undefined {
  const { client } = connection
  return canCount(client) ? new RedisPresence(client, connection.timeout, keys.instances, prepared) : undefined
}

interface PresenceParts {
  readonly connection: Connection
  readonly keys: Keys
  prepared(this: void): unknown
}

/** What all stores of this process share, also those of another copy of this package. */
interface ThisProcess {
  readonly id: string
  /** How many open stores count this process, by the key of the count. */
  readonly stores: Map<string, number>
}

const PROCESS: unique symbol = Symbol.for('sluice.redis.process') as never

/** Made at first use, since some runtimes forbid random numbers before the first request. */
function thisProcess(): ThisProcess {
  const shared = globalThis as { [PROCESS]?: ThisProcess }
  return (shared[PROCESS] ??= { id: uniqueId(), stores: new Map() })
}

class RedisPresence implements Presence {
  private readonly client: CountingClient
  private readonly timeout: number | undefined
  private readonly key: string
  private readonly ready: () => unknown
  private readonly process: ThisProcess = thisProcess()
  private hasLeft = false

  constructor(client: CountingClient, timeout: number | undefined, key: string, ready: () => unknown) {
    this.client = client
    this.timeout = timeout
    this.key = key
    this.ready = ready
    this.process.stores.set(key, (this.process.stores.get(key) ?? 0) + 1)
  }

  async heartbeat(): Promise<number> {
    // The first heartbeat comes before the first request, so it also prepares the store.
    await this.ready()
    const command = nextCommand()
    // A client with an offline queue would otherwise send the command later, when it is connected again.
    if (this.hasLeft || this.client.status !== 'ready') throw notReady(this.client.status, SHARD, command, lastErrorOf(this.client))
    try {
      return await within(this.count(), this.timeout)
    } catch (cause) {
      throw new RedisStoreError(cause, SHARD, command)
    }
  }

  /** Removes this process, unless another store of it is open. Such a store may use another server: there the entry expires. */
  async leave(): Promise<void> {
    if (this.hasLeft) return
    this.hasLeft = true
    const { client, key, process, timeout } = this
    const others = (process.stores.get(key) ?? 1) - 1
    if (others > 0) process.stores.set(key, others)
    else process.stores.delete(key)
    if (others === 0 && client.status === 'ready') await within(client.zrem(key, process.id), timeout)
  }

  private async count(): Promise<number> {
    const [seconds, micros] = (await this.client.time()) as unknown as readonly [string, string]
    const now = Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000)
    const { key, process } = this
    // No MULTI: a Redis user that may run MULTI but not EXEC would leave the connection inside a transaction.
    const replies = await this.client
      .pipeline()
      .zremrangebyscore(key, '-inf', now - EXPIRES_AFTER)
      .zadd(key, now, process.id)
      .zcard(key)
      .pexpire(key, EXPIRES_AFTER)
      .exec()
    const failed = replies?.find(([error]) => error !== null)?.[0]
    if (failed?.message.startsWith('WRONGTYPE') === true) await this.client.del(key)
    if (failed) throw failed
    return Number(replies?.[2]?.[1])
  }
}

function canCount(client: object): client is CountingClient {
  return (['time', 'pipeline', 'zrem', 'del'] as const).every((name) => typeof (client as Partial<CountingClient>)[name] === 'function')
}
