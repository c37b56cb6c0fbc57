import { SluiceError } from '@sluice/core'
import type { Events } from '@sluice/core/algorithms'
import { type Connection, readyWithin, within } from './client.ts'
import type { Keys } from './keys.ts'
import { messageOf, nextCommand, RedisStoreError } from './store-error.ts'

/** ms that the first decisions wait for a connection; later ones do not. */
const READY_WITHIN = 2_000
const SHARD = 'redis'

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
    const stored = await this.partitions().catch((cause: unknown) => {
      const error = new RedisStoreError(cause, SHARD, command, false)
      if (error.answer === 'readonly') client.disconnect(true)
      throw error
    })
    const mine = this.keys.tags.length
    if (stored !== mine) {
      throw new SluiceError(
        'ERR_PARTITIONS_CHANGED',
        `redisStore: partitions: expected ${stored}, which the data under "${this.keys.prefix}" was written with, got ${mine}; migrate: true forgets its state`,
      )
    }
    this.isDone = true
    void this.lookForEviction()
  }

  /** Into how many the data is parted: as here if there was none, or if it is to be forgotten. */
  private async partitions(): Promise<number> {
    const { client, timeout } = this.connection
    const mine = this.keys.tags.length
    const { meta } = this.keys
    if (!this.migrate) {
      if ((await within(client.set(meta, String(mine), 'NX'), timeout)) !== null) return mine
      const stored = await within(client.get(meta), timeout).catch(textOfWrongType)
      if (/^\d{1,4}$/.test(stored ?? '')) return Number(stored)
      this.events.anomaly('ANOMALY_STATE_UNREADABLE', `${meta} held no number of partitions, and was overwritten`)
    }
    await within(client.set(meta, String(mine)), timeout)
    return mine
  }

  /** A server that may not be asked is taken at its word. */
  private async lookForEviction(): Promise<void> {
    try {
      const reply = await this.connection.client.config?.('GET', 'maxmemory-policy')
      const policy = Array.isArray(reply) ? (reply[1] as unknown) : (reply as Record<string, unknown> | undefined)?.['maxmemory-policy']
      if (typeof policy === 'string' && policy !== 'noeviction')
        this.events.warning('WARN_EVICTION', `Redis may evict state, which is a refund (maxmemory-policy ${policy}); set noeviction`)
    } catch {
      // CONFIG is often denied; then nothing can be said.
    }
  }
}

function textOfWrongType(cause: unknown): string {
  if (messageOf(cause).startsWith('WRONGTYPE')) return ''
  throw cause
}
