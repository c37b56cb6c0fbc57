import type { Charge, ConsumeOptions, Outcome, Store, StoreEvent } from '@sluice/core'
import { consumePartitions, groupByPartition, stack } from '@sluice/core/store-kit'
import type { StoreHealth } from '@sluice/core'
import type { Presence, PartitionGroup } from '@sluice/core/store-kit'
import { algorithmOf } from '@sluice/core/algorithms'
import { Events } from '@sluice/core/store-kit'
import { Batcher, MOST_CHARGES } from './scripts/batcher.ts'
import { connect, type Connection, type RedisSource } from './client/connect.ts'
import { instancesOf } from './client/presence.ts'
import { Keys } from './keys.ts'
import { checkLease, unwrap } from './state/leases.ts'
import { Packing } from './state/packed.ts'
import { type RedisStoreOptions, type Settings, settingsOf } from './options.ts'
import { Preparation } from './client/prepare.ts'
import { Replica } from './client/replica.ts'
import { script } from './scripts/script.ts'
import { BATCH, PACKED, PLAIN } from './scripts/scripts.gen.ts'
import { isSlotMoving, nextCommand, RedisStoreError } from './errors.ts'
import { requireDuplicate, Transactions } from './transactions/executor.ts'
import type { WireDecision } from './scripts/full-codec.ts'

/**
 * A store on Redis 6.2 or newer: all limits of a decision, and all decisions of one turn of the event loop, in one atomic
 * round trip. Each verdict is the one that the memory store would give.
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN; what cannot be decided rejects with ERR_STORE_UNAVAILABLE, and everything
 * does with ERR_PARTITIONS_CHANGED on data that was written with other partitions
 * @example
 * ```ts
 * import { createLimiter, slidingWindow } from '@sluice/core'
 * import { redisStore } from '@sluice/redis'
 *
 * const store = redisStore({ url: 'redis://localhost:6379' })
 * const limiter = createLimiter({ limits: [slidingWindow({ name: 'minute', limit: 100, window: '1m' })], store })
 * const { allowed } = await limiter.consume('user:42')
 * ```
 */
export function redisStore(source: RedisSource, options: RedisStoreOptions = {}): Store {
  const settings = settingsOf(options)
  const { failover, replica, denyCache, leases, clock } = settings
  const store = new RedisStore(connect(source), settings)
  try {
    if (replica !== undefined) store.readFrom(connect(replica))
    return stack(store, { failover, denyCache, leases }, { clock, presence: failover === false ? undefined : store.presence() })
  } catch (error) {
    void store.close()
    throw error
  }
}

const SCRIPTS = { plain: script(PLAIN), packed: script(PACKED), batch: script(BATCH) }
/** What decides everything at once, where it is not a slot. */
const SERVER = 'redis'
const NO_OPTIONS: ConsumeOptions = Object.freeze({})
type How = WireDecision['how']
type Outcomes = readonly (Outcome | undefined)[]

class RedisStore implements Store {
  readonly name = 'redis'
  peekReplica?: NonNullable<Store['peekReplica']>
  private readonly connection: Connection
  private readonly isCluster: boolean
  private readonly settings: Settings
  private readonly keys: Keys
  private readonly events = new Events()
  private readonly preparation: Preparation
  private readonly batchers = new Map<string, Batcher | Transactions>()
  private replica: Connection | undefined
  private isClosed = false

  constructor(connection: Connection, settings: Settings) {
    if (!settings.scripting) requireDuplicate(connection.client)
    this.connection = connection
    this.isCluster = connection.client.isCluster === true
    this.settings = settings
    const { prefix, partitions, packed } = settings
    this.keys = new Keys(prefix, partitions, packed && new Packing(packed, partitions))
    this.preparation = new Preparation(connection, this.keys, settings.migrate, this.events)
    const { risks } = connection
    if (risks.length > 0)
      this.events.warning('WARN_CLIENT_RETRIES', `the client may send a charge twice when a reply is lost; set ${risks.join(', ')}`)
  }

  consume(charges: readonly Charge[], options: ConsumeOptions = NO_OPTIONS): Promise<Outcomes> {
    try {
      checkLease(options)
      for (const charge of charges) checkReceipt(charge)
      if (charges.length === 0) return Promise.resolve([])
      const preparing = this.ready()
      if (preparing !== undefined) return preparing.then(() => this.decideIn(charges, options.how ?? 'charge', options))
      return this.decideIn(charges, options.how ?? 'charge', options)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  async reset(targets: readonly Pick<Charge, 'limit' | 'scope' | 'subject'>[]): Promise<void> {
    if (targets.length === 0) return
    // In its turn, as a charge is: else those of this turn that were asked after it overtake it.
    const preparing = this.ready()
    if (preparing !== undefined) await preparing
    const charges = targets.map((target) => ({ ...target, cost: 0 }))
    const asked: Promise<unknown>[] = []
    // Nothing binds resets together: parts of what a batch may carry, so that none is larger.
    for (let i = 0; i < charges.length; i += MOST_CHARGES) {
      const part = charges.slice(i, i + MOST_CHARGES)
      for (const group of groupByPartition(part, this.partitionOf))
        asked.push(this.ask(group.partition, group.charges, 'reset', NO_OPTIONS))
    }
    await Promise.all(asked)
  }

  shardOf(charge: Charge): string {
    return this.partitionOf(charge)
  }

  readFrom(connection: Connection): void {
    this.replica = connection
    const replica = new Replica(connection, this.keys, this.settings.clock)
    this.peekReplica = (charges) => replica.look(charges)
  }

  presence(): Presence | undefined {
    return instancesOf(this.connection, this.keys, () => this.ready())
  }

  health(): StoreHealth {
    return { tier: 'redis', breaker: 'closed' }
  }

  subscribe(listener: (event: StoreEvent) => void): () => void {
    return this.events.subscribe(listener)
  }

  /** What was asked before is answered; what is asked from now on rejects. A client of yours stays open. */
  async close(): Promise<void> {
    this.isClosed = true
    await Promise.all(Array.from(this.batchers.values(), (batcher) => (batcher instanceof Batcher ? batcher.idle() : batcher.close())))
    for (const connection of [this.connection, this.replica]) if (connection?.own === true) connection.client.disconnect()
  }

  // Without a turn of its own once the store is prepared: the decisions of one turn must leave together.
  private ready(): Promise<void> | undefined {
    if (this.isClosed) throw new RedisStoreError('the store is closed', SERVER, nextCommand(), false)
    return this.preparation.isDone ? undefined : this.preparation.run()
  }

  private decideIn(charges: readonly Charge[], how: How, options: ConsumeOptions): Promise<Outcomes> {
    const partition = this.partitionOf(charges[0] as Charge)
    for (let i = 1; i < charges.length; i++) {
      if (this.partitionOf(charges[i] as Charge) !== partition) return this.decide(groupByPartition(charges, this.partitionOf), options)
    }
    return this.ask(partition, charges, how, options)
  }

  /** Groups that share no atomic step (cluster slots; keys of a slot on the move): look at all, charge, give back. */
  private async decide(groups: readonly PartitionGroup[], options: ConsumeOptions): Promise<Outcomes> {
    return consumePartitions(groups, (tag, part, asked) => this.ask(tag, part, asked.how ?? 'charge', asked), options)
  }

  private ask(tag: string, charges: readonly Charge[], how: How, options: ConsumeOptions): Promise<Outcomes> {
    const keys = charges.map((charge) => this.keys.keyOf(charge))
    const asked = this.batcherOf(tag).add(charges, keys, how, options)
    // A server alone has no slots that move.
    return this.isCluster ? asked.catch((error: unknown) => this.askApart(error, tag, charges, keys, how, options)) : asked
  }

  private async askApart(
    error: unknown,
    tag: string,
    charges: readonly Charge[],
    keys: readonly string[],
    how: How,
    options: ConsumeOptions,
  ): Promise<Outcomes> {
    const alone = new Set(keys).size === 1
    if (alone || !(error instanceof RedisStoreError) || !isSlotMoving(error.cause)) throw error
    const groups = groupByPartition(charges, (charge) => this.keys.keyOf(charge)).map((group) => ({ ...group, partition: tag }))
    if (how !== 'reset') return this.decide(groups, options)
    await Promise.all(groups.map((group) => this.ask(tag, group.charges, how, options)))
    return []
  }

  private batcherOf(tag: string): Batcher | Transactions {
    let batcher = this.batchers.get(tag)
    if (batcher === undefined) {
      const { connection, settings } = this
      const tell = this.events.anomaly.bind(this.events)
      batcher = settings.scripting
        ? new Batcher(connection, SCRIPTS, tag, { clock: settings.clock, isPacked: this.keys.isPacked }, tell)
        : new Transactions(connection.client, tag, settings.clock, tell)
      this.batchers.set(tag, batcher)
    }
    return batcher
  }

  /** What decides at once: a server all, a cluster the subjects of one tag. */
  private readonly partitionOf = ({ subject }: Charge): string => (this.isCluster ? this.keys.tagOf(subject) : SERVER)
}

function checkReceipt(charge: Charge): void {
  if (charge.cost >= 0 && !algorithmOf(charge.limit).holds) return
  // A dry run of core's own step: it refuses a receipt that is missing or none of its own before anything is sent.
  for (const bare of unwrap([charge], 'peek', NO_OPTIONS).charges) algorithmOf(bare.limit).step(undefined, bare, 0, { holder: '-' })
}
