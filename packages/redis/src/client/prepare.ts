import { SluiceError } from '@sluice/core'
import type { Events } from '@sluice/core/store-kit'
import { type Connection, readyWithin, within } from './connect.ts'
import type { Keys } from '../keys.ts'
import { messageOf, nextCommand, RedisStoreError } from '../errors.ts'

/** ms that the first decisions wait for a connection; later ones do not. */
const READY_WITHIN = 2_000
const SHARD = 'redis'
/** Fields that a bucket may have: hash-max-listpack-entries. */
const LEAST_ENTRIES = 256

/** What must be known before the first decision: that there is a connection, and that the data has this shape. */
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

  /** Waits a bounded time, and is tried again by the next call where it fails: nothing that failed is kept. */
  run(): Promise<void> {
    this.connected ??= readyWithin(this.connection.client, READY_WITHIN)
    this.checking ??= this.connected.then(() => this.check()).finally(() => (this.checking = undefined))
    return this.checking
  }

  private async check(): Promise<void> {
    const { client } = this.connection
    if (client.status !== 'ready') throw new RedisStoreError(`the connection is not ready (${client.status})`, SHARD, nextCommand(), false)
    const command = nextCommand()
    const stored = await this.shape().catch((cause: unknown) => {
      const error = new RedisStoreError(cause, SHARD, command, false)
      if (error.answer === 'readonly') client.disconnect(true)
      throw error
    })
    const mine = shapeOf(this.keys)
    if (stored !== mine) {
      throw new SluiceError(
        'ERR_PARTITIONS_CHANGED',
        `redisStore: ${mismatch(stored, mine, `which the data under "${this.keys.prefix}" was written with`)}; migrate: true forgets its state`,
      )
    }
    this.isDone = true
    void this.lookAtSettings()
  }

  /** What shape the data has: as here if there was none, or if it is to be forgotten. */
  private async shape(): Promise<string> {
    const { client, timeout } = this.connection
    const mine = shapeOf(this.keys)
    const { meta } = this.keys
    if (!this.migrate) {
      if ((await within(client.set(meta, mine, 'NX'), timeout)) !== null) return mine
      const stored = (await within(client.get(meta), timeout).catch(textOfWrongType)) ?? ''
      if (SHAPE.test(stored)) return stored
      this.events.anomaly('ANOMALY_STATE_UNREADABLE', `${meta} held no number of partitions, and was overwritten`)
    }
    await within(client.set(meta, mine), timeout)
    return mine
  }

  private async lookAtSettings(): Promise<void> {
    const policy = await this.setting('maxmemory-policy')
    if (policy !== undefined && policy !== 'noeviction')
      this.events.warning('WARN_EVICTION', `Redis may evict state, which is a refund (maxmemory-policy ${policy}); set noeviction`)
    if (this.keys.packing === undefined) return
    // Redis 6.2 has it by this name only, later ones by this too.
    const entries = await this.setting('hash-max-ziplist-entries')
    if (entries !== undefined && Number(entries) < LEAST_ENTRIES)
      this.events.warning(
        'WARN_PACKED_ENTRIES',
        `Redis packs hashes of up to ${entries} fields, which packed state exceeds: it takes several times the memory; set hash-max-listpack-entries ${LEAST_ENTRIES} or more`,
      )
  }

  /** A server that may not be asked is taken at its word: CONFIG is often denied. */
  private async setting(name: string): Promise<string | undefined> {
    try {
      const reply = await this.connection.client.config?.('GET', name)
      const value = Array.isArray(reply) ? (reply[1] as unknown) : (reply as Record<string, unknown> | undefined)?.[name]
      return typeof value === 'string' ? value : undefined
    } catch {
      return undefined
    }
  }
}

/** Partitions; of packed data also the subjects that it is made for, and what tells its secret from others. */
const SHAPE = /^\d{1,4}(?::\d{1,11}:[\da-f]{12})?$/

function shapeOf({ tags, packing }: Keys): string {
  return packing === undefined ? String(tags.length) : `${tags.length}:${packing.subjects}:${packing.fingerprint}`
}

function mismatch(stored: string, mine: string, which: string): string {
  const [partitions, ...packed] = stored.split(':')
  const [myPartitions, ...myPacked] = mine.split(':')
  if (partitions !== myPartitions) return `partitions: expected ${partitions}, ${which}, got ${myPartitions}`
  return `packed: expected ${described(packed)}, ${which}, got ${described(myPacked)}`
}

function described([subjects, secret]: readonly string[]): string {
  return subjects === undefined ? 'none' : `${subjects} subjects under the secret with the fingerprint ${secret}`
}

function textOfWrongType(cause: unknown): string {
  if (messageOf(cause).startsWith('WRONGTYPE')) return ''
  throw cause
}
