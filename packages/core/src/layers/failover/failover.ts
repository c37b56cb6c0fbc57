import { consumePartitions, groupByPartition } from '../../consume-across.ts'
import { Events } from '../../events.ts'
import { isPromise, type MaybePromise } from '../../runtime.ts'
import type { Charge, ConsumeOptions, Outcome, Store, StoreEvent, StoreHealth } from '../../store.ts'
import type { StateId } from '../state-map.ts'
import { Deadlines } from './deadlines.ts'
import { LocalFallback } from './local-fallback.ts'
import { isLocalReceipt } from './local-receipt.ts'
import { type FailoverOptions, type FailoverParts, type FailoverSettings, failoverSettings } from './options.ts'
import { type Shard, Shards } from './shards.ts'
import { isStoreError } from './store-error.ts'

type Outcomes = readonly (Outcome | undefined)[]

/** Where a charge is decided: at a shard of the store; or here, by a receipt of the local share. */
type Route = Shard | 'here'

/**
 * Decides for a store that is unreachable, slow or refusing writes: at this process's share of each limit, or as the policy's
 * `failMode` says. A request waits for the store no longer than the deadline, and while the breaker is open not at all. No decision
 * rejects because the store failed.
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN
 */
export function failover(inner: Store, options: FailoverOptions = {}, parts: FailoverParts = {}): Store {
  return new Failover(inner, failoverSettings(options, parts), parts)
}

class Failover implements Store {
  readonly name: string
  private readonly inner: Store
  private readonly settings: FailoverSettings
  private readonly events = new Events()
  private readonly fallback: LocalFallback
  private readonly shards: Shards
  private readonly deadlines: Deadlines
  private isClosed = false

  constructor(inner: Store, settings: FailoverSettings, { presence }: FailoverParts) {
    this.name = inner.name
    this.inner = inner
    this.settings = settings
    const context = { store: inner, settings, events: this.events }
    this.fallback = new LocalFallback(context, presence)
    this.shards = new Shards(context, this.fallback.tier)
    this.deadlines = new Deadlines(settings.deadline, settings.clock)
  }

  // A request goes through the methods from here to `decideHere`, in their order.

  consume(charges: readonly Charge[], options: ConsumeOptions = NO_OPTIONS): MaybePromise<Outcomes> {
    const [first] = charges
    if (first === undefined || this.isClosed) return this.inner.consume(charges, options)
    const route = this.routeOf(first)
    for (let i = 1; i < charges.length; i++) {
      if (this.routeOf(charges[i] as Charge) !== route) return this.consumeAcross(charges, options)
    }
    return this.consumeAt(route, charges, options, undefined)
  }

  private routeOf(charge: Charge): Route {
    return charge.receipt !== undefined && isLocalReceipt(charge.receipt) ? 'here' : this.shards.of(charge)
  }

  /** All or nothing over several routes, of which some may be away. One deadline for all of it. */
  private consumeAcross(charges: readonly Charge[], options: ConsumeOptions): MaybePromise<Outcomes> {
    const due = this.settings.clock.monotonic() + this.settings.deadline
    const groups = groupByPartition(charges, (charge) => {
      const route = this.routeOf(charge)
      return route === 'here' ? route : `shard ${route.name}`
    })
    // What one part took is given back by its receipt, so the route is read again.
    return consumePartitions(groups, (_, part, how) => this.consumeAt(this.routeOf(part[0] as Charge), part, how, due), options)
  }

  /** `due`: ms, monotonic, where the decision has a deadline of its own. */
  private consumeAt(route: Route, charges: readonly Charge[], options: ConsumeOptions, due: number | undefined): MaybePromise<Outcomes> {
    if (route === 'here') return this.consumeReceipts(charges, options)
    const isLate = due !== undefined && this.settings.clock.monotonic() >= due
    if (isLate || !route.breaker.admits(charges, options)) return this.decideHere(route, charges, options, false)
    try {
      const answer = this.inner.consume(charges, options)
      return isPromise(answer) ? this.awaitAnswer(route, charges, options, due, answer) : this.accept(route, charges, answer)
    } catch (error) {
      if (!isStoreError(error)) {
        route.breaker.recordTrial([])
        throw error
      }
      route.breaker.sample = charges[0]
      route.breaker.recordFailure(error)
      return this.decideHere(route, charges, options, error.unknown)
    }
  }

  /** The store's answer if it comes within the deadline, else the fallback's, which then is final. */
  private awaitAnswer(
    shard: Shard,
    charges: readonly Charge[],
    options: ConsumeOptions,
    due: number | undefined,
    answer: Promise<Outcomes>,
  ): Promise<Outcomes> {
    const { breaker, reconciliation } = shard
    const batch = this.deadlines.batchFor(breaker, due)
    return new Promise((resolve, reject) => {
      let isDecided = false
      let decidedHere: Outcomes | undefined
      const decideHere = (inDoubt: boolean): void => {
        isDecided = true
        breaker.sample = charges[0]
        try {
          resolve((decidedHere = this.decideHere(shard, charges, options, inDoubt)))
        } catch (error) {
          reject(error)
        }
      }
      batch.add(() => decideHere(true))
      answer.then(
        (outcomes) => {
          if (isDecided) {
            if (options.how !== 'peek') void reconciliation.settleLate(charges, outcomes, decidedHere)
            return
          }
          isDecided = true
          batch.answer()
          resolve(outcomes)
          this.accept(shard, charges, outcomes)
        },
        (error: unknown) => {
          if (isDecided) return
          if (isStoreError(error)) {
            batch.fail(error)
            decideHere(error.unknown)
            return
          }
          // The caller's error is an answer of the store.
          isDecided = true
          batch.answer()
          breaker.recordTrial([])
          reject(error)
        },
      )
    })
  }

  private accept({ breaker }: Shard, charges: readonly Charge[], outcomes: Outcomes): Outcomes {
    this.fallback.observe(charges, outcomes)
    if (breaker.state !== 'closed') breaker.recordTrial(outcomes)
    return outcomes
  }

  private consumeReceipts(charges: readonly Charge[], options: ConsumeOptions): Outcomes {
    const outcomes = this.fallback.tier.consume(charges, options, false)
    for (const [i, charge] of charges.entries()) this.shards.of(charge).reconciliation.record([charge], [outcomes[i]], options, false)
    return outcomes
  }

  /** `inDoubt`: the store may have made the same charges. */
  private decideHere({ breaker, reconciliation }: Shard, charges: readonly Charge[], options: ConsumeOptions, inDoubt: boolean): Outcomes {
    const outcomes = this.fallback.consume(charges, options, breaker, inDoubt)
    reconciliation.record(charges, outcomes, options, inDoubt)
    return outcomes
  }

  /** Forgets the local state in any case. Rejects if the store cannot forget its own. */
  reset(targets: readonly StateId[]): MaybePromise<void> {
    this.fallback.reset(targets)
    for (const target of targets) this.shards.of({ ...target, cost: 0 }).reconciliation.forget(target)
    return this.inner.reset(targets)
  }

  shardOf(charge: Charge): string {
    return this.shards.nameOf(charge)
  }

  health(): StoreHealth {
    return { ...this.shards.health(), instances: this.fallback.instanceCount.known }
  }

  subscribe(listener: (event: StoreEvent) => void): () => void {
    const ends = [this.events, this.inner, this.fallback.tier.memory].map((source) => source.subscribe?.(listener))
    return () => {
      for (const end of ends) end?.()
    }
  }

  /** Charges what can be charged, leaves the instance count, and closes the store. */
  async close(): Promise<void> {
    const isFirst = !this.isClosed
    this.isClosed = true
    if (isFirst) {
      await this.shards.close()
      await this.fallback.instanceCount.leave()
    }
    await this.inner.close?.()
    await this.fallback.tier.memory.close?.()
  }
}

const NO_OPTIONS: ConsumeOptions = Object.freeze({})
