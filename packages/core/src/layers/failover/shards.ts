import type { Charge, StoreHealth } from '../../store.ts'
import { type BreakerState, CircuitBreaker } from './circuit-breaker.ts'
import type { LocalShare } from './local-share.ts'
import type { FailoverContext } from './options.ts'
import { Outage, reasonOf } from './outage.ts'
import { Reconciliation } from './reconciliation.ts'
import { isStoreError } from './store-error.ts'

/** ms between two attempts to reach a store that was away at the start. */
const WATCH_EVERY = 500

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
  private readonly outage: Outage
  private isClosed = false
  private cancelWatch: () => void = () => undefined

  constructor(context: FailoverContext, localShare: LocalShare) {
    this.context = context
    this.localShare = localShare
    this.outage = new Outage(context)
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
      const breaker: CircuitBreaker = new CircuitBreaker(this.context, reconciliation, (from, to) =>
        this.report(name, from, to, breaker.cause),
      )
      this.shards.set(name, (shard = { name, breaker, reconciliation }))
    }
    return shard
  }

  /** The state of the breaker that is furthest from closed. */
  health(): Pick<StoreHealth, 'tier' | 'breaker' | 'cause'> {
    const { cause } = this.outage
    if (this.unavailable === 0) return { tier: this.context.store.name, breaker: 'closed', cause }
    const isOpen = [...this.shards.values()].some(({ breaker }) => breaker.state === 'open')
    return { tier: 'local', breaker: isOpen ? 'open' : 'half-open', cause }
  }

  /** Whether a breaker keeps requests from the store. */
  get areBlocked(): boolean {
    return this.unavailable > 0 && [...this.shards.values()].some(({ breaker }) => breaker.isBlocking)
  }

  /** Probes each shard whose breaker is open, without waiting for its timer. */
  async probe(): Promise<void> {
    await Promise.all(Array.from(this.shards.values(), ({ breaker }) => breaker.probeNow()))
  }

  /** Charges the deficits of the shards that are reachable. */
  async close(): Promise<void> {
    const shards = [...this.shards.values()]
    this.isClosed = true
    this.cancelWatch()
    for (const { breaker } of shards) breaker.stop()
    await Promise.all(shards.map(({ breaker, reconciliation }) => breaker.state === 'closed' && reconciliation.settle()))
  }

  /** The tier changes when the first shard becomes unavailable, and when the last one is back. */
  private report(shard: string, from: BreakerState, to: BreakerState, cause: string | undefined): void {
    const { store, events } = this.context
    events.emit(cause === undefined ? { type: 'breaker', shard, from, to } : { type: 'breaker', shard, from, to, cause })
    if (from === 'closed' && ++this.unavailable === 1) events.emit({ type: 'tier', from: store.name, to: 'local', cause })
    if (to === 'open' && cause !== undefined) this.outage.record(cause)
    if (to !== 'closed' || --this.unavailable > 0) return
    events.emit({ type: 'tier', from: 'local', to: store.name })
    this.outage.end()
  }

  /** Reports a store that cannot be reached at the start, before any request. Tries again until it can be. */
  async watchStart(reach: () => Promise<void>): Promise<void> {
    try {
      await reach()
      if (this.unavailable === 0) this.outage.end()
    } catch (error) {
      // Any other error is the answer to each request.
      if (this.isClosed || !isStoreError(error)) return
      this.outage.record(reasonOf(error))
      this.cancelWatch = this.context.settings.clock.after(WATCH_EVERY, () => void this.watchStart(reach))
    }
  }
}
