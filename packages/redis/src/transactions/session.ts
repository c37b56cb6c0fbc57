import { systemClock } from '@sluice/core'
import type { Cluster, Redis } from 'ioredis'
import type { RedisClient } from '../client/connect.ts'
import { slotOf } from '../slots.ts'

/** ms that connecting, and a command, may take. */
const CONNECT_TIMEOUT = 2_000
const COMMAND_TIMEOUT = 1_000

/** A SET with an expiry (`PX`: ms from now, `PXAT`: ms since the epoch), or a DEL for a value that is `undefined`. */
export type Write =
  | { readonly key: string; readonly value: string | Buffer; readonly expiry: 'PX' | 'PXAT'; readonly ms: number }
  | { readonly key: string; readonly value: undefined }

/** The server's time, and the value of each watched key. */
export interface WatchedValues {
  /** µs since the epoch. */
  readonly now: number
  readonly values: readonly (Buffer | null)[]
}

export interface Address {
  readonly host: string
  readonly port: number
}

/**
 * One connection for WATCH, MULTI and EXEC only, because a WATCH belongs to its connection. The session never reconnects: a WATCH ends with
 * its connection, and an EXEC on the next connection would overwrite what others wrote in between.
 */
export class Session {
  private readonly redis: Redis
  /** Connected to a server to which a slot is being moved. That server serves the slot only after ASKING. */
  private readonly isAsking: boolean

  constructor(redis: Redis, isAsking: boolean) {
    this.redis = redis
    this.isAsking = isAsking
  }

  get isOpen(): boolean {
    return this.redis.status === 'ready'
  }

  /** Watches and reads the keys, in one round trip. Ends the WATCH of an earlier call. */
  async watch(keys: readonly string[]): Promise<WatchedValues> {
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

  /** Writes in one transaction. Returns `false`, and writes nothing, if a watched key has changed. */
  async commit(writes: readonly Write[]): Promise<boolean> {
    const transaction = this.redis.multi()
    for (const write of writes) {
      if (write.value === undefined) transaction.del(write.key)
      // ioredis types the two forms as separate signatures.
      else if (write.expiry === 'PX') transaction.set(write.key, write.value, 'PX', write.ms)
      else transaction.set(write.key, write.value, 'PXAT', write.ms)
    }
    // One ASKING holds for the whole transaction. If it fails, the transaction fails too.
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

/** Connects like the client, to the server that has the slot of the tag, or to `askAddress` while the slot is being moved there. */
export async function openSession(client: RedisClient, tag: string, askAddress?: Address): Promise<Session> {
  const template = client.isCluster === true ? nodeOf(client as unknown as Cluster, tag) : (client as unknown as Redis)
  const redis = template.duplicate({
    ...askAddress,
    lazyConnect: true,
    enableOfflineQueue: false,
    // It would send an ASKING and the command that it is for apart.
    enableAutoPipelining: false,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    maxRetriesPerRequest: 0,
    // No second connection, so nothing is ever sent again.
    retryStrategy: () => null,
    reconnectOnError: () => false,
    commandTimeout: COMMAND_TIMEOUT,
    connectTimeout: CONNECT_TIMEOUT,
  })
  // An `error` event without a listener would end the process. Each failed command also rejects, so no error is lost.
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
  return new Session(redis, askAddress !== undefined)
}

/** Reads again which server has which slot. */
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
  const [name] = cluster.slots[slotOf(tag)] ?? []
  const node = cluster.nodes('master').find(({ options: { host, port } }) => `${host}:${port}` === name)
  if (node === undefined) throw new Error(`no server is known for the keys of {${tag}}`)
  return node
}
