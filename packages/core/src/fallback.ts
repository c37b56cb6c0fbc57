import { microsOf, systemClock } from './clock.ts'
import type { Decision } from './decision.ts'
import { isSluiceError } from './errors.ts'
import { Events } from './events.ts'
import { isOutdated } from './generations.ts'
import { outcomesOf } from './layers/failover/fixed-outcomes.ts'
import { LocalShare } from './layers/failover/local-share.ts'
import { failoverSettings } from './layers/failover/options.ts'
import { Outage, reasonOf } from './layers/failover/outage.ts'
import { isStoreError } from './layers/failover/store-error.ts'
import type { ObserverHub } from './observers.ts'
import { isPromise, type MaybePromise } from './runtime.ts'
import type { Charge, ConsumeOptions, FailMode, Outcome, Source, Store, StoreHealth } from './store.ts'
import type { Target } from './subject-values.ts'

type Outcomes = readonly (Outcome | undefined)[]

/**
 * Applies the `failMode` of a policy when its store throws or rejects. A store with the failover layer never does: the layer decides first. So
 * this is for all other stores. It has no breaker, no deadline and no reconciliation: each request asks the store again.
 */
export class Fallback {
  private isAway = false
  private readonly store: Store
  private readonly failMode: FailMode
  private readonly observers: ObserverHub
  private readonly events = new Events()
  private readonly outage: Outage
  /** The outcomes that were decided here, by failure mode: what they took is given back here. */
  private readonly own = new WeakMap<Outcomes, FailMode>()
  private local: LocalShare | undefined

  constructor(store: Store, failMode: FailMode, observers: ObserverHub) {
    this.store = store
    this.failMode = failMode
    this.observers = observers
    this.outage = new Outage({ store, settings: SETTINGS, events: this.events })
    this.events.subscribe((event) => observers.pass(event, store.name))
  }

  /** Decides in place of the store, which threw `error`. @throws `error` if it is the mistake of the caller */
  decide(charges: readonly Charge[], options: ConsumeOptions, error: unknown): Outcomes {
    this.begin(error)
    const { failMode = this.failMode } = options
    const outcomes =
      failMode === 'local' ? this.localShare().consume(charges, options, false) : outcomesOf(failMode, charges, microsOf(systemClock))
    this.own.set(outcomes, failMode)
    return outcomes
  }

  /** The store has decided again. */
  end(): void {
    if (!this.isAway) return
    this.isAway = false
    this.outage.end()
    this.events.emit({ type: 'tier', from: this.failMode, to: this.store.name })
  }

  /**
   * Settles, releases or renews what a decision took: here if it was made here. Otherwise by `ask`; what the store then fails is lost.
   * Returns no outcomes where nothing decided.
   */
  change(
    decision: Decision,
    charges: readonly Charge[],
    options: ConsumeOptions,
    ask: () => MaybePromise<Outcomes>,
  ): MaybePromise<Outcomes> {
    // What `open` admits is counted nowhere.
    const failMode = this.own.get(decision.outcomes)
    if (failMode !== undefined) return failMode === 'local' ? this.localShare().consume(charges, options, false) : []
    try {
      const done = ask()
      return isPromise(done) ? done.catch((error: unknown) => this.lose(error)) : done
    } catch (error) {
      return this.lose(error)
    }
  }

  /** Blocks subjects here too, so that they stay blocked while the store is away. `ms` 0 ends that. */
  block(targets: readonly Target[], ms: number): void {
    if (this.failMode === 'local') this.localShare().block(targets, ms)
  }

  health(health: StoreHealth): StoreHealth {
    return this.isAway ? { ...health, tier: this.failMode, cause: this.outage.cause } : health
  }

  private begin(error: unknown): void {
    if (isSluiceError(error) && !isStoreError(error)) throw error
    const cause = causeOf(error)
    this.outage.record(cause)
    if (this.isAway) return
    this.isAway = true
    this.events.emit({ type: 'tier', from: this.store.name, to: this.failMode, cause })
  }

  private lose(error: unknown): Outcomes {
    if (isOutdated(error)) throw error
    this.begin(error)
    this.observers.warn(
      'WARN_SETTLE_FAILED',
      `units or concurrency could not be given back, since the store failed: ${causeOf(error)}; a window forgets them at its end, a holder ends with its ttl`,
    )
    return []
  }

  private localShare(): LocalShare {
    return (this.local ??= new LocalShare(SETTINGS, () => 1))
  }
}

/** A store always reports its fallback as `local`. A policy with another failure mode reports that mode. */
export function tiersOf(failMode: FailMode | undefined): (tier: Source) => Source {
  return (tier) => (tier === 'local' && failMode !== undefined ? failMode : tier)
}

/** Nothing counts the processes over such a store, so each admits the whole limit. */
const SETTINGS = failoverSettings({ share: 1 }, {})

function causeOf(error: unknown): string {
  return isStoreError(error) ? reasonOf(error) : reasonOf({ message: String(error) } as never)
}
