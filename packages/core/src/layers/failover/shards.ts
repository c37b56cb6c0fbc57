import type { Charge, StoreHealth } from '../../store.ts'
import { type BreakerState, CircuitBreaker } from './circuit-breaker.ts'
import type { LocalShare } from './local-share.ts'
import type { FailoverContext } from './options.ts'
import { Reconciliation } from './reconciliation.ts'

/** What fails together: a server, or in a cluster a partition. */
export interface Shard {
  readonly name: string
  readonly breaker: CircuitBreaker
  readonly reconciliation: Reconciliation
}

/** The shards that have had a request, and how many of them are unavailable. */
export class Shards {
  private readonly context: FailoverContext
  private readonly localShare: LocalShare
  private readonly shards = new Map<string, Shard>()
  /** Shards whose breaker is not closed. */
  private unavailable = 0

  constructor(context: FailoverContext, localShare: LocalShare) {
    this.context = context
    this.localShare = localShare
  }

  nameOf(charge: Charge): string {
    const { store } = this.context
    return store.shardOf?.(charge) ?? store.name
  }

  of(charge: Charge): Shard {
    const name = this.nameOf(charge)
    let shard = this.shards.get(name)
    if (shard === undefined) {
      const reconciliation = new Reconciliation(this.context, this.localShare)
      const breaker = new CircuitBreaker(this.context, reconciliation, (from, to) => this.report(name, from, to))
      this.shards.set(name, (shard = { name, breaker, reconciliation }))
    }
    return shard
  }

  /** The state of the breaker that is furthest from closed. */
  health(): Pick<StoreHealth, 'tier' | 'breaker'> {
    if (this.unavailable === 0) return { tier: this.context.store.name, breaker: 'closed' }
    const isOpen = [...this.shards.values()].some(({ breaker }) => breaker.state === 'open')
    return { tier: 'local', breaker: isOpen ? 'open' : 'half-open' }
  }

  /** Charges the deficits of the shards that are reachable. */
  async close(): Promise<void> {
    const shards = [...this.shards.values()]
    for (const { breaker } of shards) breaker.stop()
    await Promise.all(shards.map(({ breaker, reconciliation }) => breaker.state === 'closed' && reconciliation.settle()))
  }

  /** The tier changes when the first shard becomes unavailable, and when the last one is back. */
  private report(shard: string, from: BreakerState, to: BreakerState): void {
    const { store, events } = this.context
    events.emit({ type: 'breaker', shard, from, to })
    if (from === 'closed' && ++this.unavailable === 1) events.emit({ type: 'tier', from: store.name, to: 'local' })
    if (to === 'closed' && --this.unavailable === 0) events.emit({ type: 'tier', from: 'local', to: store.name })
  }
}
