import {
  type Charge,
  type ChargeGroup,
  type Clock,
  consumeAcross,
  type ConsumeOptions,
  type Outcome,
  SluiceError,
  type Store,
  type StoreEvent,
  type StoreHealth,
  systemClock,
} from '@sluice/core'
import { algorithmOf } from '@sluice/core/algorithms'
import { Batcher } from './batcher.ts'
import { connect, type Connection, type RedisSource } from './client.ts'
import { Keys } from './keys.ts'
import { script } from './script.ts'
import { BATCH } from './scripts.gen.ts'

export interface RedisStoreOptions {
  /** Begins every key; default `sluice`. */
  readonly prefix?: string | undefined
  /** Into how many hash tags subjects are spread: a power of two, 1 to 1,024, default 16, fixed for the life of the data. */
  readonly partitions?: number | undefined
  /** Accept other `partitions` than the data was written with: its state is forgotten. */
  readonly migrate?: boolean | undefined
  /** In place of Redis's own clock, for tests: expiry is then never by its time. */
  readonly clock?: Clock | undefined
}

/**
 * A store on Redis 6.2 or newer: all limits of a decision, and all decisions of one turn of the event loop, in one atomic
 * round trip. Each verdict is the one that the memory store would give.
 * @throws ERR_OPTION_INVALID; what cannot be decided rejects with ERR_STORE_UNAVAILABLE
 */
export function redisStore(source: RedisSource, options: RedisStoreOptions = {}): Store {
  return new RedisStore(connect(source), options)
}

const SCRIPT = script(BATCH)
const READY_WITHIN = 2_000

class RedisStore implements Store {
  readonly name = 'redis'
  private readonly connection: Connection
  private readonly keys: Keys
  private readonly clock: Clock | undefined
  private readonly migrate: boolean
  private readonly batchers = new Map<string, Batcher>()
  private readonly listeners = new Set<(event: StoreEvent) => void>()
  private prepared: Promise<void> | undefined
  private isReady = false

  constructor(connection: Connection, { prefix = 'sluice', partitions = 16, migrate = false, clock }: RedisStoreOptions) {
    if (!/^[\w.:-]{1,64}$/.test(prefix))
      throw new SluiceError('ERR_OPTION_INVALID', `redisStore: prefix: expected 1 to 64 letters, digits, _ . : or -, got "${prefix}"`)
    if (!Number.isInteger(Math.log2(partitions)) || partitions < 1 || partitions > 1_024) {
      throw new SluiceError(
        'ERR_OPTION_INVALID',
        `redisStore: partitions: expected a power of two from 1 to 1024, got ${String(partitions)}`,
      )
    }
    this.connection = connection
    this.keys = new Keys(prefix, partitions)
    this.clock = clock
    this.migrate = migrate
  }

  consume(charges: readonly Charge[], options: ConsumeOptions = {}): Promise<readonly (Outcome | undefined)[]> {
    for (const charge of charges) checkReceipt(charge)
    if (charges.length === 0) return Promise.resolve([])
    return this.ready(() => this.decide(charges, options))
  }

  async reset(targets: readonly Pick<Charge, 'limit' | 'scope' | 'subject'>[]): Promise<void> {
    const charges = targets.map((target) => ({ ...target, cost: 0 }))
    await this.ready(() => Promise.all(this.groups(charges).map((group) => this.ask(group.tag, group.charges, 'reset', {}))))
  }

  shardOf(charge: Charge): string {
    return this.connection.client.isCluster === true ? this.keys.tagOf(charge.subject) : 'redis'
  }

  health(): StoreHealth {
    return { tier: 'redis', breaker: 'closed' }
  }

  subscribe(listener: (event: StoreEvent) => void): () => void {
    this.listeners.add(listener)
    this.warn()
    return () => this.listeners.delete(listener)
  }

  async close(): Promise<void> {
    if (this.connection.own) this.connection.client.disconnect()
  }

  private async decide(charges: readonly Charge[], options: ConsumeOptions): Promise<readonly (Outcome | undefined)[]> {
    const groups = this.groups(charges)
    const [only] = groups
    if (groups.length === 1 && only !== undefined) return this.ask(only.tag, charges, options.how ?? 'charge', options)
    // Cluster slots that share no atomic step: look at all, charge, give back.
    const parts: ChargeGroup[] = groups.map((group) => ({ store: this.part(group.tag), charges: group.charges }))
    const outcomes = await consumeAcross(parts, options)
    const order = groups.flatMap((group) => group.indexes)
    return charges.map((_, i) => outcomes[order.indexOf(i)])
  }

  /** One slot as a store, for a decision over several. */
  private part(tag: string): Store {
    return {
      name: this.name,
      consume: (charges, options = {}) => this.ask(tag, charges, options.how ?? 'charge', options),
      reset: () => undefined,
    }
  }

  private ask(
    tag: string,
    charges: readonly Charge[],
    how: 'charge' | 'force' | 'peek' | 'reset',
    options: ConsumeOptions,
  ): Promise<readonly Outcome[]> {
    let batcher = this.batchers.get(tag)
    if (batcher === undefined) {
      batcher = new Batcher(this.connection.client, SCRIPT, tag, this.clock, (code, message) =>
        this.tell({ type: 'anomaly', code, message }),
      )
      this.batchers.set(tag, batcher)
    }
    return batcher.add(
      charges,
      charges.map((charge) => this.keys.keyOf(charge)),
      how,
      options,
    )
  }

  /** The charges by the unit that decides them at once: a server all, a cluster those of one tag. */
  private groups(
    charges: readonly Charge[],
  ): readonly { readonly tag: string; readonly charges: readonly Charge[]; readonly indexes: readonly number[] }[] {
    if (this.connection.client.isCluster !== true) return [{ tag: 'redis', charges, indexes: charges.map((_, i) => i) }]
    const groups = new Map<string, { tag: string; charges: Charge[]; indexes: number[] }>()
    for (const [i, charge] of charges.entries()) {
      const tag = this.keys.tagOf(charge.subject)
      const group = groups.get(tag) ?? { tag, charges: [], indexes: [] }
      groups.set(tag, group)
      group.charges.push(charge)
      group.indexes.push(i)
    }
    return [...groups.values()]
  }

  /** Waits, the first time and a bounded time, for a connection, and checks that the data has this shape. */
  private ready<T>(then: () => Promise<T>): Promise<T> {
    if (this.isReady) return then()
    this.prepared ??= this.prepare().finally(() => (this.prepared = undefined))
    return this.prepared.then(then)
  }

  private async prepare(): Promise<void> {
    const { client } = this.connection
    if (client.status !== 'ready') await readyWithin(this.connection, READY_WITHIN)
    const mine = String(this.keys.tags.length)
    const stored = await client.set(this.keys.meta, mine, 'NX', 'GET')
    if (stored !== null && stored !== mine && !this.migrate) {
      throw new SluiceError(
        'ERR_PARTITIONS_CHANGED',
        `redisStore: expected the ${stored} partitions that the data under "${this.keys.prefix}" was written with, got ${mine}; migrate: true forgets its state`,
      )
    }
    this.isReady = true
  }

  private warn(): void {
    const { risks } = this.connection
    if (risks.length > 0) {
      this.tell({
        type: 'warning',
        code: 'WARN_CLIENT_RETRIES',
        message: `the client may send a charge twice when a reply is lost; set ${risks.join(', ')}`,
      })
    }
  }

  private tell(event: StoreEvent): void {
    for (const listener of this.listeners) listener(event)
  }
}

function checkReceipt(charge: Charge): void {
  // A dry run of core's own step: it refuses a receipt that is missing or none of its own before anything is sent.
  if (charge.cost < 0 || algorithmOf(charge.limit).holds) algorithmOf(charge.limit).step(undefined, charge, 0, { holder: '-' })
}

function readyWithin({ client }: Connection, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const finish = () => {
      cancel()
      client.off('ready', finish)
      resolve()
    }
    const cancel = systemClock.after(ms, finish)
    client.once('ready', finish)
  })
}
