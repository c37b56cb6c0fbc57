import type { CommandEvent, Decision, DecisionFacts, ObservedLimiter, ProcessEvent, ProcessObservers } from '@sluice/core'
import { OTHER } from '@sluice/core/store-kit'
import { TABLE } from './instruments.ts'
import type { LimitSeries } from './limit-series.ts'
import { labelled, NamespaceSeries } from './namespace-series.ts'
import type { Count, Distribution, SeriesTable } from './series.ts'

/** A store on Redis Cluster has 16 by default, and at most 1,024. */
const MAX_SHARDS = 32

const STATES = ['closed', 'half-open', 'open'] as const

interface ShardSeries {
  readonly seconds: Distribution
  readonly errors: Count
  readonly changes: Readonly<Record<(typeof STATES)[number], Count>>
}

/** Records what happens in this process. It is called for each decision, so it allocates nothing for one whose series exist. */
export class Recorder {
  private readonly table: SeriesTable
  private readonly namespaces = new Map<string, NamespaceSeries>()
  private readonly seconds = new Map<string, Distribution>()
  private readonly shards = new Map<string, Map<string, ShardSeries>>()
  /** The limiters that exist, for gauges. They are weak references. */
  readonly limiters: Set<ObservedLimiter> = new Set()

  constructor(table: SeriesTable) {
    this.table = table
  }

  observers(): ProcessObservers {
    return {
      decision: (decision, facts) => this.decision(decision, facts),
      limiter: (limiter) => this.limiter(limiter),
      command: (event) => this.command(event),
      breaker: (event) => this.breaker(event),
      anomaly: ({ code }) => this.table.count(TABLE.anomalies, [code]).add(1),
      warning: ({ code }) => this.table.count(TABLE.warnings, [code]).add(1),
    }
  }

  private decision(decision: Decision, { how, latency }: DecisionFacts): void {
    if (how === 'peek' || how === 'credit') return
    const { policy, binding, tier, mode, verdict, source, charges, outcomes } = decision
    const namespace = this.namespace(policy)
    let bound: LimitSeries | undefined
    for (let i = 0; i < outcomes.length; i++) {
      const outcome = outcomes[i]
      // While the store is away, open and closed count nothing.
      if (outcome === undefined || outcome.source === 'open' || outcome.source === 'closed') continue
      const limit = (charges[i] as Decision['charges'][number]).limit
      const named = namespace.limit(limit.name)
      named.used(outcome, limit)
      const series = named.of(tier, mode)
      if (outcome.granted > 0) series.took(outcome.granted)
      if (limit === binding) bound = series
    }
    // A penalty takes units, but it answers no request.
    if (how === 'force') return
    bound ??= (binding === undefined ? namespace.unlimited : namespace.limit(binding.name)).of(tier, mode)
    bound.decided(verdict, source)
    this.secondsOf(source).record(latency / 1_000_000)
  }

  private limiter(limiter: ObservedLimiter): void {
    this.limiters.add(limiter)
    const configured = limiter.limits()
    const source = limiter.health()?.tier ?? 'memory'
    // Before the series of limits, which may take all the room.
    this.secondsOf(source)
    this.namespace(limiter.name).configure(configured, source)
    for (const each of configured) if (each.units !== undefined) this.table.gauge(TABLE.limitUnits, labelled(limiter.name, each))
  }

  private command({ store, shard, milliseconds, ok }: CommandEvent): void {
    const series = this.shard(store, shard)
    series.seconds.record(milliseconds / 1000)
    if (!ok) series.errors.add(1)
  }

  private breaker({ store = '', shard, to }: ProcessEvent<'breaker'>): void {
    this.shard(store, shard).changes[to].add(1)
  }

  private namespace(name: string): NamespaceSeries {
    let found = this.namespaces.get(name)
    if (found === undefined) this.namespaces.set(name, (found = new NamespaceSeries(this.table, name)))
    return found
  }

  private secondsOf(source: string): Distribution {
    let found = this.seconds.get(source)
    if (found === undefined) this.seconds.set(source, (found = this.table.distribution(TABLE.decisionSeconds, [source])))
    return found
  }

  private shard(store: string, name: string): ShardSeries {
    let known = this.shards.get(store)
    if (known === undefined) this.shards.set(store, (known = new Map()))
    const found = known.get(name)
    if (found !== undefined) return found
    if (known.size >= MAX_SHARDS && name !== OTHER) return this.shard(store, OTHER)
    const changes = STATES.map((state) => [state, this.table.count(TABLE.breakerChanges, [store, name, state])] as const)
    const made: ShardSeries = {
      seconds: this.table.distribution(TABLE.commandSeconds, [store, name]),
      errors: this.table.count(TABLE.commandErrors, [store, name]),
      changes: Object.fromEntries(changes) as ShardSeries['changes'],
    }
    known.set(name, made)
    return made
  }
}
