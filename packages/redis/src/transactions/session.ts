import { systemClock } from '@sluice/core'
import type { ChainableCommander, Cluster, Redis } from 'ioredis'
import type { RedisClient } from '../client/connect.ts'
import { slotOf } from '../slots.ts'
import { FOREIGN_SET, MAX_EXPIRED, type SetChange, type SetQuery, type SetView, viewOf } from '../state/holder-sets.ts'

/** ms that connecting, and a command, may take. */
const CONNECT_TIMEOUT = 2_000
const COMMAND_TIMEOUT = 1_000

/** When a key expires (`PX`: ms from now, `PXAT`: ms since the epoch). */
interface Expiry {
  readonly expiry: 'PX' | 'PXAT'
  readonly ms: number
}

/** A SET with an expiry, a change of a sorted set, or a DEL. */
export type Write = { readonly key: string } & (
  | ({ readonly value: string | Buffer } & Expiry)
  | ({ readonly value?: undefined; readonly change: SetChange } & Expiry)
  | { readonly value?: undefined; readonly change?: undefined }
)

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

  /** Reads parts of sorted sets that are watched, in one round trip. `now`: µs since the epoch. */
  async readSets(queries: ReadonlyMap<string, SetQuery>, now: number): Promise<ReadonlyMap<string, SetView>> {
    if (queries.size === 0) return new Map()
    const pipeline = this.redis.pipeline()
    const step = this.isAsking ? 2 : 1
    const call = (command: string, ...args: (string | number)[]): void => {
      if (this.isAsking) pipeline.asking()
      pipeline.call(command, ...args)
    }
    for (const [key, { most, ids }] of queries) {
      call('zcount', key, `(${now}`, '+inf')
      call('zrange', key, `(${now}`, '+inf', 'BYSCORE', 'LIMIT', 0, most, 'WITHSCORES')
      call('zrange', key, -most, -1, 'WITHSCORES')
      call('zmscore', key, ...ids)
      call('zrange', key, '-inf', now, 'BYSCORE', 'LIMIT', 0, MAX_EXPIRED)
    }
    const replies = ((await pipeline.exec()) ?? []).filter((_, i) => i % step === step - 1)
    const views = new Map<string, SetView>()
    for (const [i, [key, query]] of [...queries].entries()) views.set(key, viewIn(replies.slice(5 * i, 5 * i + 5), query, now))
    return views
  }

  /** Writes in one transaction. Returns `false`, and writes nothing, if a watched key has changed. */
  async commit(writes: readonly Write[]): Promise<boolean> {
    const transaction = this.redis.multi()
    for (const write of writes) {
      if (write.value === undefined) {
        if (write.change === undefined) transaction.del(write.key)
        else changeSet(transaction, write)
      }
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

type Replies = readonly (readonly [error: Error | null, reply: unknown])[]

/** @throws the error of a reply, unless the key has another type */
function viewIn(replies: Replies, query: SetQuery, now: number): SetView {
  const error = replies.find(([failed]) => failed !== null)?.[0]
  if (error?.message.startsWith('WRONGTYPE') === true) return FOREIGN_SET
  if (error) throw error
  const [count, first, last, scores, expired] = replies.map(([, reply]) => reply)
  // With RESP3 a score is in a list with its id.
  const [head, tail] = [first, last].map((list) => (list as unknown[]).flat())
  const ends = Number(count) > query.most ? [...(head ?? []), ...(tail ?? [])] : (head ?? [])
  return viewOf(query, now, Number(count), ends, scores as unknown[], expired as string[])
}

function changeSet(transaction: ChainableCommander, write: Extract<Write, { change: SetChange }>): void {
  const { key, change, expiry, ms } = write
  if (change.isForeign) transaction.del(key)
  if (change.added.length > 0) {
    transaction.zadd(key, ...change.added)
    if (expiry === 'PX') transaction.pexpire(key, ms)
    else transaction.pexpireat(key, ms)
  }
  if (change.removed.length > 0) transaction.zrem(key, ...change.removed)
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

function nodeOf(cluster: Cluster, tag: string): Redis {
  const [name] = cluster.slots[slotOf(tag)] ?? []
  const node = cluster.nodes('master').find(({ options: { host, port } }) => `${host}:${port}` === name)
  if (node === undefined) throw new Error(`no server is known for the keys of {${tag}}`)
  return node
}
