import { SluiceError, systemClock } from '@sluice/core'
import type { Events } from '@sluice/core/store-kit'
import type { Redis } from 'ioredis'
import { messageOf, nextCommand, notReady, RedisStoreError } from '../errors.ts'
import type { Keys } from '../keys.ts'
import { layoutOf, parseLayout } from '../layout.ts'
import { type Connection, readyWithin, within } from './connect.ts'
import { lastErrorOf } from './last-error.ts'

/** ms that the first decisions wait for a connection. Later ones do not wait. */
const READY_WITHIN = 2_000
/** ms between two attempts of a caller that waits until the store is ready. */
const RETRY_AFTER = 50
const SHARD = 'redis'
/** The least hash-max-listpack-entries with which Redis keeps every bucket of packed state packed. */
const MIN_LISTPACK_ENTRIES = 256

/** Prepares a store before its first decision: waits for the connection, and checks that the data has this store's layout. */
export class Preparation {
  isDone = false
  private readonly connection: Connection
  private readonly keys: Keys
  private readonly migrate: boolean
  private readonly events: Events
  private connected: Promise<void> | undefined
  private checking: Promise<void> | undefined

  constructor(connection: Connection, keys: Keys, migrate: boolean, events: Events) {
    this.connection = connection
    this.keys = keys
    this.migrate = migrate
    this.events = events
  }

  /**
   * Tries until the store is prepared. Rejects after `ms`, or when the client has ended, with the reason.
   * @throws RedisStoreError, ERR_PARTITIONS_CHANGED
   */
  async ready(ms: number): Promise<void> {
    const { client } = this.connection
    const due = systemClock.monotonic() + ms
    for (;;) {
      const left = Math.max(0, due - systemClock.monotonic())
      await readyWithin(client, left)
      try {
        if (client.status !== 'ready') throw notReady(client.status, SHARD, nextCommand(), lastErrorOf(client))
        if (!this.isDone) await within(this.run(), Math.max(1, due - systemClock.monotonic()))
        return
      } catch (error) {
        if (error instanceof SluiceError && !(error instanceof RedisStoreError)) throw error
        const hasEnded = client.status === 'end'
        if (hasEnded || due - systemClock.monotonic() <= RETRY_AFTER) throw hasEnded ? error : late(error, ms)
      }
      await new Promise<void>((resolve) => void systemClock.after(RETRY_AFTER, resolve))
    }
  }

  /** Waits for a bounded time. After a failure the next call tries again: a rejected promise is never kept. */
  run(): Promise<void> {
    this.connected ??= readyWithin(this.connection.client, READY_WITHIN)
    this.checking ??= this.connected.then(() => this.check()).finally(() => (this.checking = undefined))
    return this.checking
  }

  private async check(): Promise<void> {
    const { client } = this.connection
    const command = nextCommand()
    if (client.status !== 'ready') throw notReady(client.status, SHARD, command, lastErrorOf(client))
    const stored = await this.storedLayout().catch((cause: unknown) => {
      const error = new RedisStoreError(cause, SHARD, command, false)
      // A demoted primary keeps its connections: only a new connection finds the new primary.
      if (error.answer === 'readonly') client.disconnect(true)
      throw error
    })
    const own = layoutOf(this.keys)
    if (stored !== own) {
      throw new SluiceError(
        'ERR_PARTITIONS_CHANGED',
        `redisStore: ${mismatch(stored, own, `with which the data under "${this.keys.prefix}" was written`)}; keep that value, choose another prefix, or set migrate: true to discard the state`,
      )
    }
    this.isDone = true
    void this.checkServerSettings()
  }

  /** The layout of the data. Writes this store's own if there is no data yet, or if `migrate` discards the data. */
  private async storedLayout(): Promise<string> {
    const { client, timeout } = this.connection
    const own = layoutOf(this.keys)
    const { meta } = this.keys
    if (!this.migrate) {
      const stored = await this.storeIfAbsent(own)
      if (parseLayout(stored) !== undefined) return stored
      this.events.anomaly('ANOMALY_STATE_UNREADABLE', `${meta} held no number of partitions, and was overwritten`)
    }
    await within(client.set(meta, own), timeout)
    return own
  }

  /** Returns what is stored. One pipeline has one server: alone, a GET could go to a replica that does not have the value yet. */
  private async storeIfAbsent(own: string): Promise<string> {
    const { client, timeout } = this.connection
    const { meta } = this.keys
    // A client that is recognised by its shape may lack pipelines.
    if (client.pipeline === undefined) {
      if ((await within(client.set(meta, own, 'NX'), timeout)) !== null) return own
      return (await within(client.get(meta), timeout).catch(emptyOnWrongType)) ?? ''
    }
    const replies = (await within((client as Redis).pipeline().set(meta, own, 'NX').get(meta).exec(), timeout)) ?? []
    const [written, read] = replies
    if (written?.[0]) throw written[0]
    if (read?.[0]) return emptyOnWrongType(read[0])
    // Deleted in between. The next decision tries again.
    if (typeof read?.[1] !== 'string') throw new Error(`${meta} was deleted while it was read`)
    return read[1]
  }

  private async checkServerSettings(): Promise<void> {
    await this.checkEviction()
    if (this.keys.packing === undefined) return
    // Redis 6.2 knows only this name. Later versions know it as another name of hash-max-listpack-entries.
    const entries = await this.serverSetting('hash-max-ziplist-entries')
    if (entries !== undefined && Number(entries) < MIN_LISTPACK_ENTRIES)
      this.events.warning(
        'WARN_PACKED_ENTRIES',
        `Redis packs hashes of up to ${entries} fields, and packed state has more, so it takes several times the memory; set hash-max-listpack-entries ${MIN_LISTPACK_ENTRIES} or more`,
      )
  }

  /** Managed servers often lack CONFIG, or deny it. Then INFO says the same. */
  private async checkEviction(): Promise<void> {
    const policy = (await this.serverSetting('maxmemory-policy')) ?? (await this.policyOfInfo())
    if (policy === undefined)
      this.events.warning(
        'WARN_EVICTION_UNKNOWN',
        'Redis does not say whether it evicts state, which would give clients their quota back: neither CONFIG GET maxmemory-policy nor INFO memory names the policy; set noeviction at the server, and allow the Redis user +info',
      )
    else if (policy !== 'noeviction')
      this.events.warning(
        'WARN_EVICTION',
        `Redis may evict state, which gives clients their quota back (maxmemory-policy ${policy}); set noeviction`,
      )
  }

  /** `undefined` if INFO is denied, or does not name the policy. */
  private async policyOfInfo(): Promise<string | undefined> {
    try {
      const text = await this.connection.client.info?.('memory')
      return /^maxmemory_policy:(\S+)/m.exec(String(text))?.[1]
    } catch {
      return undefined
    }
  }

  /** `undefined` if the Redis user may not read settings. CONFIG is often denied, so that is no warning. */
  private async serverSetting(name: string): Promise<string | undefined> {
    try {
      const reply = await this.connection.client.config?.('GET', name)
      const value = Array.isArray(reply) ? (reply[1] as unknown) : (reply as Record<string, unknown> | undefined)?.[name]
      return typeof value === 'string' ? value : undefined
    } catch {
      return undefined
    }
  }
}

/** The error of a store that was not ready in time, with the error of the last attempt. */
function late(error: unknown, ms: number): RedisStoreError {
  const cause = error instanceof RedisStoreError ? error.cause : error
  const reason = error instanceof RedisStoreError ? error.reason : messageOf(error)
  return new RedisStoreError(cause, SHARD, nextCommand(), false, `not ready within ${Math.round(ms)} ms: ${reason}`)
}

function mismatch(stored: string, own: string, which: string): string {
  const [partitions, ...packed] = stored.split(':')
  const [ownPartitions, ...ownPacked] = own.split(':')
  if (partitions !== ownPartitions) return `partitions: expected ${partitions}, ${which}, got ${ownPartitions}`
  return `packed: expected ${described(packed)}, ${which}, got ${described(ownPacked)}`
}

function described([subjects, secret]: readonly string[]): string {
  return subjects === undefined ? 'none' : `${subjects} subjects under the secret with the fingerprint ${secret}`
}

function emptyOnWrongType(cause: unknown): string {
  if (messageOf(cause).startsWith('WRONGTYPE')) return ''
  throw cause
}
