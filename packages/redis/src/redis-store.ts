import {
  type BlockChange,
  type Charge,
  type Clock,
  type ConsumeOptions,
  type Outcome,
  SluiceError,
  type Store,
  type StoreEvent,
  type StoreHealth,
} from '@sluice/core'
import {
  afterTurn,
  blockChangeOf,
  checkLease,
  checkReceipt,
  consumePartitions,
  Events,
  groupByPartition,
  invalid,
  type PartitionGroup,
  stack,
} from '@sluice/core/store-kit'
import { decideByKey, type KeyByKey } from './by-key.ts'
import { checkSlots } from './client/client-options.ts'
import { connect, type Connection, type RedisSource, within } from './client/connect.ts'
import { lastErrorOf } from './client/last-error.ts'
import { Preparation } from './client/prepare.ts'
import { presenceOf } from './client/presence.ts'
import { Replica } from './client/replica.ts'
import { isSlotMoving, nextCommand, notReady, RedisStoreError } from './errors.ts'
import { type DecisionListener, type Executor, keyCountOf, MAX_CHARGES, type Operation, type Places } from './executor.ts'
import { Generations } from './generations.ts'
import { checkPacked, Keys } from './keys.ts'
import { type RedisStoreOptions, type Settings, settingsOf } from './options.ts'
import { type RegionParts, withRegions } from './regions/with-regions.ts'
import { Batcher } from './scripts/batcher.ts'
import { placesOfBlock } from './state/blocks.ts'
import { Packing } from './state/packed.ts'
import { requireDuplicate, TransactionExecutor } from './transactions/executor.ts'

/**
 * A store on Redis 6.2 or newer, shared by all processes that use the same server and `prefix`. All limits of a decision, and all decisions
 * of one turn of the event loop, are decided in one atomic round trip.
 * @param source your ioredis client, or where to connect: `{ url }`, `{ cluster }` or `{ sentinels, name }`
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN, ERR_OPTION_CONFLICT. Decisions reject with ERR_PARTITIONS_CHANGED on data that was
 * written with other partitions, and with ERR_STORE_UNAVAILABLE if `failover` is off and Redis could not decide.
 * @example
 * ```ts
 * import { createLimiter, slidingWindow } from '@sluice/core'
 * import { redisStore } from '@sluice/redis'
 *
 * const store = redisStore({ url: 'redis://localhost:6379' })
 * const limiter = createLimiter({ store, limits: [slidingWindow({ name: 'minute', limit: 100, window: '1m' })] })
 * const { allowed } = await limiter.consume('user:42')
 * ```
 */
export function redisStore(source: RedisSource, options: RedisStoreOptions = {}): Store {
  const settings = settingsOf(options)
  const { failover, replica, denyCache, leases, clock } = settings
  const store = new RedisStore(connect(source), settings)
  try {
    if (replica !== undefined) store.readFrom(connect(replica, false))
    return stack(
      withRegions(store, settings, store.parts()),
      { failover, denyCache, leases },
      { clock, presence: failover === false ? undefined : presenceOf(store.parts()), reach: () => store.reach() },
    )
  } catch (error) {
    void store.close()
    throw error
  }
}

/** The shard of a single server, where all subjects share one atomic step. */
const SERVER = 'redis'
/** ms after which a store that does not answer at the start is reported. */
const REACH_WITHIN = 1_200
/** ms that `ready()` waits by default. */
const READY_WITHIN = 10_000
const NO_OPTIONS: ConsumeOptions = Object.freeze({})
/** A reset answers what a peek before it would. */
const PEEK: ConsumeOptions = Object.freeze({ how: 'peek' })
type Outcomes = readonly (Outcome | undefined)[]

class RedisStore implements Store {
  readonly name = 'redis'
  readonly generationOf = (limiter: string): string => this.generations.of(limiter)
  readonly clock: Clock | undefined
  peekReplica?: NonNullable<Store['peekReplica']>
  private readonly connection: Connection
  private readonly isCluster: boolean
  private readonly settings: Settings
  private readonly keys: Keys
  private readonly events = new Events()
  private readonly preparation: Preparation
  private readonly generations: Generations
  private readonly executors = new Map<string, Executor>()
  private listener: DecisionListener | undefined
  private replica: Connection | undefined
  private isClosed = false
  /** The number of the command that this turn's decisions would have been, while the client is not connected. */
  private refused: number | undefined

  constructor(connection: Connection, settings: Settings) {
    if (!settings.scripting) {
      requireDuplicate(connection.client)
      checkSlots(connection.client)
    }
    this.connection = connection
    this.isCluster = connection.client.isCluster === true
    this.settings = settings
    this.clock = settings.clock
    const { prefix, partitions, packed, regions } = settings
    this.keys = new Keys(prefix, partitions, packed && new Packing(packed, partitions), regions)
    this.generations = new Generations(connection, this.keys, settings.scripting, this.events)
    this.preparation = new Preparation(connection, this.keys, settings.migrate, this.events)
    const { risks } = connection
    if (risks.length > 0)
      this.events.warning('WARN_CLIENT_RETRIES', `the client may send a charge twice when a reply is lost; set ${risks.join(', ')}`)
  }

  consume(charges: readonly Charge[], options: ConsumeOptions = NO_OPTIONS): Promise<Outcomes> {
    try {
      checkLease(options)
      for (const charge of charges) checkReceipt(charge, options)
      if (charges.length === 0) return Promise.resolve([])
      this.generations.requireCurrent(charges)
      const preparing = this.prepared(charges[0])
      if (preparing !== undefined) return preparing.then(() => this.decide(charges, options.how ?? 'charge', options))
      return this.decide(charges, options.how ?? 'charge', options)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  async reset(targets: readonly Pick<Charge, 'limit' | 'scope' | 'subject'>[]): Promise<boolean> {
    if (targets.length === 0) return false
    this.generations.requireCurrent(targets)
    const preparing = this.prepared()
    if (preparing !== undefined) await preparing
    const charges = targets.map((target) => ({ ...target, cost: 0 }))
    const resets: Promise<Outcomes>[] = []
    // Resets go through the executors like charges, so that they keep their order. A list of any length is split at the bound of a command.
    for (let i = 0; i < charges.length; i += MAX_CHARGES) {
      const part = charges.slice(i, i + MAX_CHARGES)
      for (const group of groupByPartition(part, this.partitionOf)) resets.push(this.execute(group.partition, group.charges, 'reset', PEEK))
    }
    return (await Promise.all(resets)).flat().some((outcome) => outcome !== undefined && outcome.used > 0)
  }

  async block(targets: readonly Pick<Charge, 'limit' | 'scope' | 'subject'>[], ms: number): Promise<BlockChange> {
    this.generations.requireCurrent(targets)
    await this.prepared()
    const charges = targets.map((target) => ({ ...target, cost: ms }))
    const answers = groupByPartition(charges, this.partitionOf).map(({ partition, charges: given }) => {
      const { charges: distinct, places } = placesOfBlock(this.keys, given)
      return this.run(partition, distinct, places, 'block', NO_OPTIONS)
    })
    return blockChangeOf((await Promise.all(answers)).flat(), ms)
  }

  resetAll(limiter: string): Promise<void> {
    return this.generations.begin(limiter, this.settings.leases, () => this.prepared())
  }

  shardOf(charge: Charge): string {
    return this.partitionOf(charge)
  }

  readFrom(connection: Connection): void {
    this.replica = connection
    const replica = new Replica(connection, this.keys, this.settings.clock)
    this.peekReplica = (charges) => replica.peek(charges)
  }

  parts(): RegionParts {
    const { connection, keys, events } = this
    return { connection, keys, events, prepared: () => this.prepared(), listen: (listener) => (this.listener = listener) }
  }

  async ready(ms: number = READY_WITHIN): Promise<void> {
    if (!(ms >= 0)) throw invalid('ready', 'ms, 0 or more', ms)
    if (this.isClosed) throw this.closed()
    await this.preparation.ready(ms)
  }

  /** Resolves when the store can decide. Rejects with the reason if that takes too long. */
  async reach(): Promise<void> {
    const { client } = this.connection
    try {
      await within(Promise.resolve(this.prepared()), REACH_WITHIN)
    } catch (error) {
      if (error instanceof SluiceError) throw error
      throw client.status === 'ready' ? new RedisStoreError(error, SERVER, nextCommand(), false) : this.notReady()
    }
  }

  health(): StoreHealth {
    return { tier: 'redis', breaker: 'closed' }
  }

  subscribe(listener: (event: StoreEvent) => void): () => void {
    return this.events.subscribe(listener)
  }

  /** Answers earlier calls, then closes the connections that the store made. Later calls reject. Your own client stays open. */
  async close(): Promise<void> {
    this.isClosed = true
    await Promise.all(Array.from(this.executors.values(), (executor) => executor.close()))
    for (const connection of [this.connection, this.replica]) if (connection?.isOwn === true) connection.client.disconnect()
  }

  // No promise once the store is prepared: awaiting one would move decisions of this turn to a later batch.
  private prepared(first?: Charge): Promise<void> | undefined {
    if (this.isClosed) throw this.closed()
    if (!this.preparation.isDone) return this.preparation.run()
    // Transactions have connections of their own.
    if (this.connection.client.status !== 'ready' && this.settings.scripting) throw this.notReady(first)
    return undefined
  }

  private closed(): RedisStoreError {
    return new RedisStoreError('the store is closed', SERVER, nextCommand(), false)
  }

  /** All decisions of one turn have one number, as if they were one command. */
  private notReady(first?: Charge): RedisStoreError {
    const { client } = this.connection
    if (this.refused === undefined) {
      this.refused = nextCommand()
      afterTurn(() => (this.refused = undefined))
    }
    return notReady(client.status, first === undefined ? SERVER : this.partitionOf(first), this.refused, lastErrorOf(client))
  }

  private decide(charges: readonly Charge[], how: Operation, options: ConsumeOptions): Promise<Outcomes> {
    const partition = this.partitionOf(charges[0] as Charge)
    for (let i = 1; i < charges.length; i++) {
      if (this.partitionOf(charges[i] as Charge) !== partition)
        return this.decideAcross(groupByPartition(charges, this.partitionOf), options)
    }
    return this.execute(partition, charges, how, options)
  }

  /** Decides groups that cannot share one atomic step: other slots, or keys of a slot that is being moved. */
  private async decideAcross(groups: readonly PartitionGroup[], options: ConsumeOptions, checksBlocks = true): Promise<Outcomes> {
    return consumePartitions(
      groups,
      (partition, part, partOptions) => this.execute(partition, part, partOptions.how ?? 'charge', partOptions, checksBlocks),
      options,
    )
  }

  private execute(
    partition: string,
    charges: readonly Charge[],
    how: Operation,
    options: ConsumeOptions,
    checksBlocks = true,
  ): Promise<Outcomes> {
    const placements = charges.map((charge) => this.keys.placementOf(charge))
    if (this.keys.packing !== undefined && how !== 'reset') checkPacked(placements)
    const keys = this.keys.keysOf(charges, placements)
    const blockKeys = checksBlocks && (how === 'charge' || how === 'peek') ? this.keys.blockKeysOf(charges, placements) : undefined
    return this.run(partition, charges, { keys, placements, blockKeys }, how, options)
  }

  private run(partition: string, charges: readonly Charge[], places: Places, how: Operation, options: ConsumeOptions): Promise<Outcomes> {
    const outcomes = this.executorOf(partition).decide(charges, places, how, options)
    // A single server has no slots that move.
    return this.isCluster ? outcomes.catch((error: unknown) => this.runByKey(error, partition, charges, places, how, options)) : outcomes
  }

  private runByKey(error: unknown, partition: string, ...call: Parameters<Executor['decide']>): Promise<Outcomes> {
    if (keyCountOf(call[1]) === 1 || !(error instanceof RedisStoreError) || !isSlotMoving(error.cause)) throw error
    const by: KeyByKey = {
      keys: this.keys,
      partition,
      run: (...own) => this.run(partition, ...own),
      decideAcross: (groups, options) => this.decideAcross(groups, options, false),
    }
    return decideByKey(by, ...call)
  }

  private executorOf(partition: string): Executor {
    const known = this.executors.get(partition)
    if (known !== undefined) return known
    const { connection, settings, keys, generations, listener } = this
    const report = this.events.anomaly.bind(this.events)
    const executor = settings.scripting
      ? new Batcher(connection, partition, { clock: settings.clock, isPacking: keys.packing !== undefined, generations, listener }, report)
      : new TransactionExecutor(connection.client, partition, settings.clock, generations, report)
    this.executors.set(partition, executor)
    return executor
  }

  /** What shares one atomic step: everything on a single server, the subjects of one hash tag in a cluster. */
  private readonly partitionOf = ({ subject }: Charge): string => (this.isCluster ? this.keys.tagOf(subject) : SERVER)
}
