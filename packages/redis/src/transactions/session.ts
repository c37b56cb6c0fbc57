import { systemClock } from '@sluice/core'
import type { Cluster, Redis } from 'ioredis'
import type { RedisClient } from '../client/connect.ts'
import { crc16 } from '../slots.ts'

const SLOTS = 16_384
/** ms after which a connection, or a command, is given up. */
const CONNECT_TIMEOUT = 2_000
const COMMAND_TIMEOUT = 1_000

/** A key is set with `px` ms to live or until `pxat`, or deleted. */
export type Write =
  | { readonly key: string; readonly value: string | Buffer; readonly expiry: 'PX' | 'PXAT'; readonly ms: number }
  | { readonly key: string; readonly value: undefined }

/** What a look found: the server's time, and a value for each key. */
export interface Look {
  /** µs since the epoch. */
  readonly now: number
  readonly values: readonly (Buffer | null)[]
}

export interface Address {
  readonly host: string
  readonly port: number
}

/**
 * One connection that does nothing else, since what it watches is its own. It never connects again by itself: a WATCH is
 * gone with its connection, and an EXEC on the next one would write over what others wrote meanwhile.
 */
export class Session {
  private readonly redis: Redis
  /** To a server that a slot is moving to: it serves that slot only to those who say so. */
  private readonly isAsking: boolean
  constructor(redis: Redis, isAsking: boolean) {
    this.redis = redis
    this.isAsking = isAsking
  }

  get isOpen(): boolean {
    return this.redis.status === 'ready'
  }

  /** Watches and reads, in one round trip. What an earlier look watched is let go of. */
  async look(keys: readonly string[]): Promise<Look> {
    const pipeline = this.redis.pipeline().unwatch()
    if (this.isAsking) pipeline.asking()
    pipeline.watch(...keys).time()
    if (this.isAsking) pipeline.asking()
    const replies = (await pipeline.mgetBuffer(...keys).exec()) ?? []
    const failed = replies.find(([error]) => error !== null)?.[0]
    if (failed) throw failed
    const time = replies[this.isAsking ? 3 : 2]?.[1] as [string, string]
    const values = replies.at(-1)?.[1] as (Buffer | null)[]
    return { now: Number(time[0]) * 1_000_000 + Number(time[1]), values }
  }

  /** Whether it was written: not if a key that was looked at has changed since. */
  async commit(writes: readonly Write[]): Promise<boolean> {
    const transaction = this.redis.multi()
    for (const write of writes) {
      if (write.value === undefined) transaction.del(write.key)
      // The two names of an expiry have two signatures.
      else if (write.expiry === 'PX') transaction.set(write.key, write.value, 'PX', write.ms)
      else transaction.set(write.key, write.value, 'PXAT', write.ms)
    }
    // Holds for the whole of the transaction. Its failure is that of the transaction too.
    if (this.isAsking) this.redis.asking().catch(() => undefined)
    const replies = await transaction.exec()
    const failed = replies?.find(([error]) => error !== null)?.[0]
    if (failed) throw failed
    return replies !== null
  }

  close(): void {
    this.redis.disconnect()
  }
}

/** Connects as this client does, to the server that holds a tag's keys, or to the one at `asked` that will. */
export async function openSession(client: RedisClient, tag: string, asked?: Address): Promise<Session> {
  const near = client.isCluster === true ? nodeOf(client as unknown as Cluster, tag) : (client as unknown as Redis)
  const redis = near.duplicate({
    ...asked,
    lazyConnect: true,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    maxRetriesPerRequest: 0,
    // No second connection, and nothing sent again on one.
    retryStrategy: () => null,
    reconnectOnError: () => false,
    commandTimeout: COMMAND_TIMEOUT,
    connectTimeout: CONNECT_TIMEOUT,
  })
  // An unheard `error` event ends the process; each failure reaches its caller anyway.
  redis.on('error', () => undefined)
  const cancel = systemClock.after(CONNECT_TIMEOUT, () => redis.disconnect())
  try {
    await redis.connect()
  } catch (error) {
    redis.disconnect()
    throw error
  } finally {
    cancel()
  }
  return new Session(redis, asked !== undefined)
}

/** Where a slot has gone must be asked anew. */
export async function refreshSlots(client: RedisClient): Promise<void> {
  if (client.isCluster !== true) return
  await new Promise<void>((resolve) => {
    const cancel = systemClock.after(COMMAND_TIMEOUT, resolve)
    ;(client as unknown as Cluster).refreshSlotsCache(() => {
      cancel()
      resolve()
    })
  })
}

function nodeOf(cluster: Cluster, tag: string): Redis {
  const [name] = cluster.slots[crc16(tag) % SLOTS] ?? []
  const node = cluster.nodes('master').find(({ options: { host, port } }) => `${host}:${port}` === name)
  if (node === undefined) throw new Error(`no server is known for the keys of {${tag}}`)
  return node
}
