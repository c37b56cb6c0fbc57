import { algorithmOf } from '../../algorithms/registry.ts'
import type { Events } from '../../events.ts'
import type { Charge, ConsumeOptions, Outcome, Store } from '../../store.ts'
import type { FailoverParts, FailoverSettings } from './options.ts'
import { InstanceCount } from './instance-count.ts'
import { isOfUnknown, LocalTier } from './local-tier.ts'
import { ReplicaSeeder } from './replica-seeder.ts'
import type { Shard } from './shard.ts'
import { isStoreError } from './store-error.ts'
import { LastSeen } from './last-seen.ts'

type Outcomes = readonly (Outcome | undefined)[]
type Target = Pick<Charge, 'limit' | 'scope' | 'subject'>

/** What decides instead of a store that is away: this process's share of each limit, or what the policy chose over it. */
export class LocalFallback {
  readonly local: LocalTier
  private readonly settings: FailoverSettings
  private readonly events: Events
  private readonly lastSeen = new LastSeen()
  private readonly instanceCount: InstanceCount | undefined
  private readonly seeder: ReplicaSeeder | undefined

  constructor(store: Store, settings: FailoverSettings, { presence }: FailoverParts, events: Events) {
    const { clock, maxSubjects, share } = settings
    this.settings = settings
    this.events = events
    this.local = new LocalTier(maxSubjects, clock)
    // A share that was given needs no count.
    this.instanceCount =
      presence === undefined || share !== 'equal' ? undefined : new InstanceCount(presence, clock, (error) => this.uncounted(error))
    if (store.peekReplica !== undefined) {
      const look = (charges: readonly Charge[]) => store.peekReplica?.(charges) ?? []
      this.seeder = new ReplicaSeeder(look, clock, (charge, left) => this.local.seed(charge, left, this.share()))
    }
  }

  get instances(): number | undefined {
    return this.instanceCount?.count ?? this.settings.instances
  }

  /** What the store said, while it says anything. */
  see(charges: readonly Charge[], outcomes: Outcomes): void {
    const { monotonic } = this.settings.clock
    for (let i = 0; i < outcomes.length; i++) {
      const outcome = outcomes[i]
      if (outcome !== undefined) this.lastSeen.see(charges[i] as Charge, outcome, monotonic)
    }
  }

  /** At once. What only the store could do, by its receipt, is not tried again. `isUnknown`: the store may have done it all the same. */
  consume(shard: Shard, charges: readonly Charge[], options: ConsumeOptions, isUnknown: boolean): Outcomes {
    const own = charges.filter(({ receipt }) => receipt === undefined)
    const decided = own.length === 0 ? [] : this.decide(shard, own, options, isUnknown)
    if (own.length === charges.length) return decided
    let next = 0
    return charges.map((charge) => (charge.receipt === undefined ? decided[next++] : this.local.done(charge)))
  }

  /** By receipts of the local tier. */
  byReceipt(charges: readonly Charge[], options: ConsumeOptions, shardOf: (charge: Charge) => Shard): Outcomes {
    const outcomes = this.local.consume(charges, options, this.share(), false)
    for (const [i, charge] of charges.entries()) {
      const outcome = outcomes[i] as Outcome
      if (outcome.granted < 0 && !isOfUnknown(charge.receipt)) this.owe(shardOf(charge), [charge], [outcome])
    }
    return outcomes
  }

  /** Units of this process's share that are missing now. */
  lacks(target: Target): number {
    return this.local.lacks(target, this.share())
  }

  reset(targets: readonly Target[]): void {
    this.local.reset(targets)
    for (const target of targets) this.lastSeen.forget(target)
  }

  /** This process is counted no longer. */
  async leave(): Promise<void> {
    await this.instanceCount?.close()
  }

  private decide(shard: Shard, charges: readonly Charge[], options: ConsumeOptions, isUnknown: boolean): readonly Outcome[] {
    const { failMode = 'local', how } = options
    if (failMode !== 'local') return this.local.without(charges, failMode)
    const share = this.share()
    const now = this.settings.clock.monotonic()
    for (const charge of charges) {
      const left = this.lastSeen.take(charge, shard.awaySince ?? now, now)
      if (left !== undefined) this.local.seed(charge, left, share)
    }
    if (shard.state !== 'closed') this.seeder?.ask(charges, now)
    const outcomes = this.local.consume(charges, options, share, isUnknown)
    // What the store may have charged itself is not owed to it.
    if (how !== 'peek' && !isUnknown) this.owe(shard, charges, outcomes)
    return outcomes
  }

  private owe(shard: Shard, charges: readonly Charge[], outcomes: readonly Outcome[]): void {
    if (this.settings.reconcile === 'forget') return
    for (const [i, charge] of charges.entries()) {
      if (!algorithmOf(charge.limit).holds) shard.ledger.add(charge, outcomes[i]?.granted ?? 0)
    }
  }

  /** The part of each limit that this process admits by itself. */
  private share(): number {
    const { share } = this.settings
    if (share !== 'equal') return share
    const count = this.instances
    if (count === undefined) this.uncounted()
    return 1 / (count ?? 1)
  }

  private uncounted(cause?: unknown): void {
    if (this.instances !== undefined) return
    // A store that is away is told of by its breaker; that it may not count is told at once.
    if (cause !== undefined && !(isStoreError(cause) && cause.refusal === 'forbidden')) return
    const why = cause === undefined ? '' : ` (${(cause as Error).message})`
    this.events.warning(
      'WARN_INSTANCES_UNKNOWN',
      `how many processes share the limits was never heard${why}: each counts as the only one while the store is away; set failover: { instances }`,
    )
  }
}
