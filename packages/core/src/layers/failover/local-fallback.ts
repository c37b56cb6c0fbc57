import { microsOf } from '../../clock.ts'
import type { Charge, ConsumeOptions, Outcome } from '../../store.ts'
import type { StateId } from '../state-map.ts'
import type { CircuitBreaker } from './circuit-breaker.ts'
import { outcomesOf, presumedDone } from './fixed-outcomes.ts'
import { InstanceCount } from './instance-count.ts'
import { LastSeen } from './last-seen.ts'
import { LocalShare } from './local-share.ts'
import type { FailoverContext, FailoverSettings, Presence } from './options.ts'
import { ReplicaSeeder } from './replica-seeder.ts'

type Outcomes = readonly (Outcome | undefined)[]

/** Decides at once while the store is unavailable: admits this process's share of each limit, or does what `failMode` says. */
export class LocalFallback {
  readonly localShare: LocalShare
  readonly instanceCount: InstanceCount
  private readonly settings: FailoverSettings
  private readonly lastSeen = new LastSeen()
  private seeder: ReplicaSeeder | undefined

  constructor(context: FailoverContext, presence: Presence | undefined) {
    const { store, settings } = context
    this.settings = settings
    this.instanceCount = new InstanceCount(context, presence)
    this.localShare = new LocalShare(settings, () => (settings.share === 'equal' ? 1 / this.instanceCount.assume() : settings.share))
    if (store.peekReplica !== undefined && settings.waitUntil === undefined)
      this.seeder = new ReplicaSeeder(store, settings.clock, this.localShare)
  }

  /** Remembers the store's answers, so that the local share can start from them. */
  observe(charges: readonly Charge[], outcomes: Outcomes, { how }: ConsumeOptions): void {
    const { monotonic } = this.settings.clock
    const { localShare } = this
    // A store refuses no forced charge and no credit of a blocked subject.
    const endsBlocks = how !== 'force' && how !== 'credit' && localShare.hasBlocks
    for (let i = 0; i < outcomes.length; i++) {
      const outcome = outcomes[i]
      if (outcome === undefined) continue
      const charge = charges[i] as Charge
      if (outcome.blocked === true) localShare.block([charge], outcome.retryAfter)
      else this.lastSeen.observe(charge, outcome, monotonic)
      // Another process has ended a block. Give-backs and renewals say nothing of it.
      if (endsBlocks && outcome.blocked !== true && charge.cost >= 0 && charge.receipt === undefined) localShare.block([charge], 0)
    }
  }

  /** `inDoubt`: the store may have made the same charges. */
  consume(charges: readonly Charge[], options: ConsumeOptions, breaker: CircuitBreaker, inDoubt: boolean): Outcomes {
    const own = charges.filter(({ receipt }) => receipt === undefined)
    const decided = own.length === 0 ? [] : this.decide(own, options, breaker, inDoubt)
    if (own.length === charges.length) return decided
    const at = microsOf(this.settings.clock)
    let next = 0
    return charges.map((charge) => (charge.receipt === undefined ? decided[next++] : presumedDone(charge, at)))
  }

  /** Returns whether the local share had counted anything. */
  reset(ids: readonly StateId[]): boolean {
    for (const id of ids) this.lastSeen.forget(id)
    return this.localShare.memory.reset(ids) as boolean
  }

  /** Afterwards nothing is read from the replica. */
  close(): void {
    this.seeder = undefined
  }

  private decide(charges: readonly Charge[], options: ConsumeOptions, breaker: CircuitBreaker, inDoubt: boolean): Outcomes {
    const { failMode = 'local' } = options
    const { clock } = this.settings
    if (failMode !== 'local') return outcomesOf(failMode, charges, microsOf(clock))
    const now = clock.monotonic()
    for (const charge of charges) {
      const left = this.lastSeen.take(charge, breaker.openSince ?? now, now)
      if (left !== undefined) this.localShare.seed(charge, left)
    }
    if (breaker.state !== 'closed') this.seeder?.request(charges, now)
    return this.localShare.consume(charges, options, inDoubt)
  }
}
