import { consumePartitions, groupByPartition } from '../../consume-across.ts'
import type { Clock } from '../../clock.ts'
import { Events } from '../../events.ts'
import { chain, isPromise, type MaybePromise } from '../../runtime.ts'
import type { BlockChange, Charge, ConsumeOptions, Outcome, Store, StoreEvent, StoreHealth } from '../../store.ts'
import { requireWaitUntil } from '../background.ts'
import type { StateId } from '../state-map.ts'
import { Deadlines } from './deadlines.ts'
import { LocalFallback } from './local-fallback.ts'
import { isLocalReceipt } from './local-receipt.ts'
import { type FailoverOptions, type FailoverParts, type FailoverSettings, failoverSettings } from './options.ts'
import { type Shard, Shards } from './shards.ts'
import { isStoreError } from './store-error.ts'

type Outcomes = readonly (Outcome | undefined)[]

/** Where a charge is decided: at a shard of the store, or in this process, if its receipt is of the local share. */
type Route = Shard | 'local'

/**
 * A store that also decides while the wrapped store is unreachable, slow or refusing writes. It then admits this process's share of
 * each limit, or does what the policy's `failMode` says. A request waits for the wrapped store no longer than the deadline, and not
 * at all while the breaker is open. Of all decisions, only a credit rejects because the wrapped store failed.
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN; ERR_OPTION_CONFLICT on Cloudflare Workers without `waitUntil`
 */
export function failover(inner: Store, options: FailoverOptions = {}, parts: FailoverParts = {}): Store {
  requireWaitUntil('failover', parts.waitUntil)
  return new Failover(inner, failoverSettings(options, parts), parts)
}

class Failover implements Store {
  readonly name: string
  readonly clock: Clock | undefined
  readonly block?: NonNullable<Store['block']>
  readonly resetAll?: NonNullable<Store['resetAll']>
  readonly generationOf?: NonNullable<Store['generationOf']>
  private readonly inner: Store
  private readonly settings: FailoverSettings
  /** Whether timers and I/O end with the request that began them. */
  private readonly isPerRequest: boolean
  private readonly events = new Events()
  private readonly fallback: LocalFallback
  private readonly shards: Shards
  private readonly deadlines: Deadlines
  private isClosed = false

  constructor(inner: Store, settings: FailoverSettings, { presence, reach }: FailoverParts) {
    this.name = inner.name
    this.clock = inner.clock
    this.inner = inner
    this.settings = settings
    const context = { store: inner, settings, events: this.events }
    this.isPerRequest = settings.waitUntil !== undefined
    this.fallback = new LocalFallback(context, this.isPerRequest ? undefined : presence)
    this.shards = new Shards(context, this.fallback.localShare)
    this.deadlines = new Deadlines(settings.deadline, settings.clock, this.isPerRequest)
    if (inner.resetAll !== undefined) this.resetAll = inner.resetAll.bind(inner)
    if (inner.generationOf !== undefined) this.generationOf = inner.generationOf.bind(inner)
    if (inner.block !== undefined) this.block = (targets, ms) => this.blockAll(targets, ms)
    if (reach !== undefined && !this.isPerRequest) void this.shards.watchStart(reach)
  }

  // A request goes through the methods from here to `decideLocally`, in their order.

  consume(charges: readonly Charge[], options: ConsumeOptions = NO_OPTIONS): MaybePromise<Outcomes> {
    const [first] = charges
    // Only the store knows what it counts: nothing is given back later, or by this process. So a credit is not decided while it is away.
    if (first === undefined || options.how === 'credit') return this.inner.consume(charges, options)
    const route = this.routeOf(first)
    for (let i = 1; i < charges.length; i++) {
      if (this.routeOf(charges[i] as Charge) !== route) return this.consumeAcross(charges, options)
    }
    return this.consumeAt(route, charges, options, undefined)
  }

  private routeOf(charge: Charge): Route {
    return charge.receipt !== undefined && isLocalReceipt(charge.receipt) ? 'local' : this.shards.of(charge)
  }

  /** Decides all or nothing over several routes, some of which may fail. All share one deadline. */
  private consumeAcross(charges: readonly Charge[], options: ConsumeOptions): MaybePromise<Outcomes> {
    const due = this.settings.clock.monotonic() + this.settings.deadline
    const groups = groupByPartition(charges, (charge) => {
      const route = this.routeOf(charge)
      return route === 'local' ? route : `shard ${route.name}`
    })
    // The route is read again for a give-back: its receipt may be of the local share.
    return consumePartitions(groups, (_, some, how) => this.consumeAt(this.routeOf(some[0] as Charge), some, how, due), options)
  }

  /** `due`: the decision's own deadline, if it has one, in ms of the monotonic clock. */
  private consumeAt(route: Route, charges: readonly Charge[], options: ConsumeOptions, due: number | undefined): MaybePromise<Outcomes> {
    if (route === 'local') return this.consumeLocalReceipts(charges, options)
    if (this.isPerRequest) {
      const probe = route.breaker.poll()
      if (probe !== undefined) return this.consumeAfter(probe, route, charges, options, due)
    }
    const isLate = due !== undefined && this.settings.clock.monotonic() >= due
    if (isLate || this.isClosed || !route.breaker.admits(charges, options)) return this.decideLocally(route, charges, options, false)
    try {
      const answer = this.inner.consume(charges, options)
      return isPromise(answer) ? this.awaitAnswer(route, charges, options, due, answer) : this.accept(route, charges, options, answer)
    } catch (error) {
      if (!isStoreError(error)) {
        route.breaker.recordTrial([])
        throw error
      }
      route.breaker.sample = charges[0]
      route.breaker.recordFailure(error)
      return this.decideLocally(route, charges, options, error.unknown)
    }
  }

  /** Waits for an overdue probe, for at most the deadline of the decision: the store may have been back for long. */
  private async consumeAfter(
    probe: Promise<unknown>,
    shard: Shard,
    charges: readonly Charge[],
    options: ConsumeOptions,
    due: number | undefined,
  ): Promise<Outcomes> {
    const { clock, deadline } = this.settings
    const wait = due === undefined ? deadline : Math.max(0, due - clock.monotonic())
    const end = clock.monotonic() + wait
    await Promise.race([probe, new Promise<void>((resolve) => void clock.after(wait, resolve))])
    return this.consumeAt(shard, charges, options, end)
  }

  /** Resolves to the store's answer if it arrives before the deadline. Otherwise the fallback's decision is final. */
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
      let localOutcomes: Outcomes | undefined
      const fallBack = (inDoubt: boolean): void => {
        isDecided = true
        breaker.sample = charges[0]
        try {
          resolve((localOutcomes = this.decideLocally(shard, charges, options, inDoubt)))
        } catch (error) {
          reject(error)
        }
      }
      batch.add(() => {
        // The rest of the batch is late. A request with an answer must not be charged to the local share as well.
        if (isDecided) return
        fallBack(true)
        this.settings.waitUntil?.(settled)
      })
      const settled = answer.then(
        (outcomes): Promise<void> | undefined => {
          if (isDecided) return reconciliation.settleLate(charges, outcomes, options, localOutcomes)
          isDecided = true
          batch.answer()
          resolve(outcomes)
          this.accept(shard, charges, options, outcomes)
          return undefined
        },
        (error: unknown) => {
          if (isDecided) return undefined
          if (isStoreError(error)) {
            batch.fail(error)
            fallBack(error.unknown)
            return undefined
          }
          // The caller made a mistake, so the store works.
          isDecided = true
          batch.answer()
          breaker.recordTrial([])
          reject(error)
          return undefined
        },
      )
    })
  }

  private accept({ breaker }: Shard, charges: readonly Charge[], options: ConsumeOptions, outcomes: Outcomes): Outcomes {
    this.fallback.observe(charges, outcomes, options)
    if (breaker.state !== 'closed') breaker.recordTrial(outcomes)
    return outcomes
  }

  private consumeLocalReceipts(charges: readonly Charge[], options: ConsumeOptions): Outcomes {
    const outcomes = this.fallback.localShare.consume(charges, options, false)
    for (const [i, charge] of charges.entries()) this.shards.of(charge).reconciliation.record([charge], [outcomes[i]], options, false)
    return outcomes
  }

  /** `inDoubt`: the store may have made the same charges. */
  private decideLocally(
    { breaker, reconciliation }: Shard,
    charges: readonly Charge[],
    options: ConsumeOptions,
    inDoubt: boolean,
  ): Outcomes {
    const outcomes = this.fallback.consume(charges, options, breaker, inDoubt)
    // After `close()` nothing is charged any more.
    if (!this.isClosed) {
      reconciliation.record(charges, outcomes, options, inDoubt)
      reconciliation.owe(charges, options, inDoubt)
      breaker.settleSoon()
    }
    return outcomes
  }

  /** Always deletes the local state. Rejects if the store cannot delete its state. */
  reset(targets: readonly StateId[]): MaybePromise<boolean | void> {
    const wasLocal = this.fallback.reset(targets)
    for (const target of targets) this.shards.of({ ...target, cost: 0 }).reconciliation.forget(target)
    return chain(this.inner.reset(targets), (found) => (found === false ? wasLocal : found))
  }

  /** Always blocks, or ends the block, in this process. Rejects if the store cannot do it. */
  private blockAll(targets: readonly StateId[], ms: number): MaybePromise<BlockChange> {
    this.fallback.localShare.block(targets, ms)
    return this.inner.block?.(targets, ms) as MaybePromise<BlockChange>
  }

  /** Resolves when the store can decide, and no breaker keeps requests from it. */
  async ready(ms: number = READY_WITHIN): Promise<void> {
    const { clock } = this.settings
    const due = clock.monotonic() + ms
    for (;;) {
      await this.inner.ready?.(Math.max(0, due - clock.monotonic()))
      await this.shards.probe()
      if (!this.shards.areBlocked || clock.monotonic() >= due) return
      await new Promise<void>((resolve) => void clock.after(PROBE_AGAIN, resolve))
    }
  }

  shardOf(charge: Charge): string {
    return this.shards.nameOf(charge)
  }

  health(): StoreHealth {
    if (this.isClosed) return { tier: 'local', breaker: 'open', instances: this.fallback.instanceCount.known, cause: 'the store is closed' }
    const regions = this.inner.health?.().regions
    const health = { ...this.shards.health(), instances: this.fallback.instanceCount.known }
    return regions === undefined ? health : { ...health, regions }
  }

  subscribe(listener: (event: StoreEvent) => void): () => void {
    const ends = [this.events, this.inner, this.fallback.localShare.memory].map((source) => source.subscribe?.(listener))
    return () => {
      for (const end of ends) end?.()
    }
  }

  /**
   * Charges what can be charged, leaves the instance count, and closes the store. Requests of a server that is still shutting down are
   * then decided as while the store is unavailable, without I/O.
   */
  async close(): Promise<void> {
    const isFirst = !this.isClosed
    this.isClosed = true
    if (isFirst) {
      this.fallback.close()
      await this.shards.close()
      await this.fallback.instanceCount.leave()
    }
    await this.inner.close?.()
  }
}

/** ms that `ready()` waits by default. */
const READY_WITHIN = 10_000
/** ms between two probes of a caller that waits until the store is ready. */
const PROBE_AGAIN = 50
const NO_OPTIONS: ConsumeOptions = Object.freeze({})
