import { consumePartitions, groupByPartition } from '../../across.ts'
import { algorithmOf } from '../../algorithms/registry.ts'
import { Events } from '../../events.ts'
import { isPromise, type MaybePromise } from '../../runtime.ts'
import type { Charge, ConsumeOptions, Outcome, Store, StoreEvent, StoreHealth } from '../../store.ts'
import { Deadlines } from './deadlines.ts'
import { type FailoverOptions, type FailoverParts, type FailoverSettings, failoverSettings } from './options.ts'
import { LocalFallback } from './local-fallback.ts'
import { isLocal } from './local-tier.ts'
import { Shard, type ShardHost } from './shard.ts'
import { isStoreError } from './store-error.ts'

type Outcomes = readonly (Outcome | undefined)[]
type Target = Pick<Charge, 'limit' | 'scope' | 'subject'>
/** Where a charge is decided: at a shard of the store, or, for what this process took itself, here. */
type Route = Shard | 'here'

/**
 * Decides for a store that is away, slow or refusing: at this process's share of each limit (`local`), or as the policy's
 * `failMode` says, `open` or `closed`. A request waits for the store no longer than the deadline, and while a breaker is open
 * not at all. It never rejects for a failure of the store.
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
  private readonly others: LocalFallback
  private readonly deadlines: Deadlines
  private readonly host: ShardHost
  private readonly shards = new Map<string, Shard>()
  /** Shards whose breaker is not closed. */
  private away = 0
  private isClosed = false

  constructor(inner: Store, settings: FailoverSettings, parts: FailoverParts) {
    this.name = inner.name
    this.inner = inner
    this.settings = settings
    this.others = new LocalFallback(inner, settings, parts, this.events)
    this.deadlines = new Deadlines(settings.deadline, settings.clock)
    this.host = this.hostOf()
  }

  consume(charges: readonly Charge[], options: ConsumeOptions = NO_OPTIONS): MaybePromise<Outcomes> {
    const [first] = charges
    if (first === undefined || this.isClosed) return this.inner.consume(charges, options)
    const route = this.routeOf(first)
    for (let i = 1; i < charges.length; i++) {
      if (this.routeOf(charges[i] as Charge) !== route) return this.across(charges, options)
    }
    return this.ask(route, charges, options, undefined)
  }

  /** Forgets here in any case; rejects where the store could not. */
  reset(targets: readonly Target[]): MaybePromise<void> {
    this.others.reset(targets)
    for (const target of targets) this.shardFor({ ...target, cost: 0 }).ledger.forget(target)
    return this.inner.reset(targets)
  }

  shardOf(charge: Charge): string {
    return this.inner.shardOf?.(charge) ?? this.name
  }

  health(): StoreHealth {
    const { instances } = this.others
    if (this.away === 0) return { tier: this.name, breaker: 'closed', instances }
    const isOpen = [...this.shards.values()].some(({ state }) => state === 'open')
    return { tier: 'local', breaker: isOpen ? 'open' : 'half-open', instances }
  }

  subscribe(listener: (event: StoreEvent) => void): () => void {
    const ends = [this.events, this.inner, this.others.local].map((source) => source.subscribe?.(listener))
    return () => {
      for (const end of ends) end?.()
    }
  }

  /** What is owed to a store that is there is charged; this process is counted no longer; then the store is closed. */
  async close(): Promise<void> {
    const isFirst = !this.isClosed
    this.isClosed = true
    if (isFirst) {
      for (const shard of this.shards.values()) shard.close()
      await Promise.all(Array.from(this.shards.values(), (shard) => shard.state === 'closed' && shard.settle()))
      await this.others.leave()
    }
    await this.inner.close?.()
    this.others.local.close()
  }

  private routeOf(charge: Charge): Route {
    return charge.receipt !== undefined && isLocal(charge.receipt) ? 'here' : this.shardFor(charge)
  }

  private shardFor(charge: Charge): Shard {
    const name = this.shardOf(charge)
    let shard = this.shards.get(name)
    if (shard === undefined) this.shards.set(name, (shard = new Shard(name, this.host)))
    return shard
  }

  /** Over several shards, or tiers: all or nothing all the same, each part by whoever can decide it. One deadline for all of it. */
  private across(charges: readonly Charge[], options: ConsumeOptions): MaybePromise<Outcomes> {
    const due = this.settings.clock.monotonic() + this.settings.deadline
    const groups = groupByPartition(charges, (charge) => {
      const route = this.routeOf(charge)
      return route === 'here' ? route : `shard ${route.name}`
    })
    // What one part took is given back by its receipt, wherever that leads.
    return consumePartitions(groups, (_, part, how) => this.ask(this.routeOf(part[0] as Charge), part, how, due), options)
  }

  private ask(route: Route, charges: readonly Charge[], options: ConsumeOptions, due: number | undefined): MaybePromise<Outcomes> {
    const [first] = charges
    if (route === 'here') return this.others.byReceipt(charges, options, (charge) => this.shardFor(charge))
    const isTooLate = due !== undefined && this.settings.clock.monotonic() >= due
    if (isTooLate || !route.admits(charges, options.how)) return this.others.consume(route, charges, options, false)
    try {
      const answer = this.inner.consume(charges, options)
      return isPromise(answer) ? this.attempt(route, charges, options, due, answer) : this.heard(route, charges, answer)
    } catch (error) {
      if (!isStoreError(error)) {
        route.tried([])
        throw error
      }
      route.sample = first
      route.failed(error.batch)
      route.refused(error.refusal)
      return this.others.consume(route, charges, options, error.unknown)
    }
  }

  /** What the store answers within the deadline; else what another tier does, once and for all. */
  private attempt(
    shard: Shard,
    charges: readonly Charge[],
    options: ConsumeOptions,
    due: number | undefined,
    answer: Promise<Outcomes>,
  ): Promise<Outcomes> {
    const command = this.deadlines.join(shard, due)
    return new Promise((resolve, reject) => {
      let decided: Outcomes | undefined
      let isOver = false
      const decide = (isUnknown: boolean): void => {
        isOver = true
        try {
          resolve((decided = this.others.consume(shard, charges, options, isUnknown)))
        } catch (error) {
          reject(error)
        }
      }
      command.add({
        late: () => {
          shard.sample = charges[0]
          decide(true)
        },
      })
      answer.then(
        (outcomes) => {
          if (isOver) return this.heardLate(charges, options, outcomes, decided)
          isOver = true
          command.answered()
          resolve(outcomes)
          this.heard(shard, charges, outcomes)
        },
        (error: unknown) => {
          if (isOver) return
          isOver = true
          if (!isStoreError(error)) {
            command.answered()
            shard.tried([])
            reject(error)
            return
          }
          shard.sample = charges[0]
          command.failed(error.batch)
          shard.refused(error.refusal)
          decide(error.unknown)
        },
      )
    })
  }

  private heard(shard: Shard, charges: readonly Charge[], outcomes: Outcomes): Outcomes {
    this.others.see(charges, outcomes)
    if (shard.state !== 'closed') shard.tried(outcomes)
    return outcomes
  }

  /** It has charged after all. That stands for what was admitted meanwhile; what nobody uses, and nobody else will release, goes back. */
  private heardLate(charges: readonly Charge[], { how }: ConsumeOptions, outcomes: Outcomes, decided: Outcomes | undefined): void {
    if (how === 'peek') return
    const back = charges.flatMap((charge, i): Charge[] => {
      const outcome = outcomes[i]
      if (outcome === undefined || charge.receipt !== undefined || outcome.receipt === undefined || outcome.granted <= 0) return []
      if (decided?.every((other) => other?.allowed === true) === true && !algorithmOf(charge.limit).holds) return []
      return [{ ...charge, cost: -outcome.granted, receipt: outcome.receipt }]
    })
    if (back.length > 0) void giveBack(this.inner, back)
  }

  private hostOf(): ShardHost {
    const { clock, deadline, maxSubjects } = this.settings
    return {
      store: this.inner,
      clock,
      deadline,
      maxSubjects,
      isClosed: () => this.isClosed,
      lacks: (of) => this.others.lacks(of),
      changed: ({ name }, from, to) => {
        this.events.tell({ type: 'breaker', shard: name, from, to })
        if (from === 'closed' && ++this.away === 1) this.events.tell({ type: 'tier', from: this.name, to: 'local' })
        if (to === 'closed' && --this.away === 0) this.events.tell({ type: 'tier', from: 'local', to: this.name })
      },
      lost: (subjects, { message }) =>
        this.events.anomaly(
          'ANOMALY_UNRECONCILED',
          `what ${subjects} subjects used while the store was away may or may not be charged there now: ${message}`,
        ),
    }
  }
}

const NO_OPTIONS: ConsumeOptions = Object.freeze({})

async function giveBack(store: Store, charges: readonly Charge[]): Promise<void> {
  try {
    await store.consume(charges)
  } catch {
    // Not tried again: too much stays taken, never too little.
  }
}
