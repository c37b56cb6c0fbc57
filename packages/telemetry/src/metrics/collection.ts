import { type Clock, observe, systemClock } from '@sluice/core'
import { invalid, knownOptions } from '@sluice/core/adapter-kit'
import { type Instrument, TABLE } from './instruments.ts'
import { labelled } from './namespace-series.ts'
import type { MetricsOptions } from './options.ts'
import { Recorder } from './recorder.ts'
import { RegionSeries } from './region-series.ts'
import { type Count, type DistributionFactory, type Labels, SeriesTable } from './series.ts'
import type { MetricSources, ObservedBlockList, ObservedClients, ObservedEvents, ObservedFeed } from './sources.ts'

const SOURCES = ['feeds', 'clients', 'blockLists', 'events'] as const
const KNOWN = ['maxSeries', 'clock', ...SOURCES] as const
const BREAKERS = { closed: 0, 'half-open': 1, open: 2 } as const

type Read = readonly (readonly [values: readonly string[], value: number | undefined])[]

/** All metrics of this process, for one binding, which reads them when they are collected. */
export class Collection {
  private readonly table: SeriesTable
  private readonly recorder: Recorder
  private readonly regions = new RegionSeries()
  private readonly clock: Clock
  private readonly since: number
  private readonly feeds: ObservedFeed[] = []
  private readonly clients: ObservedClients[] = []
  private readonly blockLists: ObservedBlockList[] = []
  private readonly events: ObservedEvents[] = []
  readonly stop: () => void

  /** @param what names the binding in messages */
  constructor(what: string, options: MetricsOptions, distributionOf: DistributionFactory) {
    knownOptions(what, options, KNOWN)
    const { maxSeries = 2_000, clock = systemClock } = options
    if (!Number.isSafeInteger(maxSeries) || maxSeries < 100) throw invalid(`${what}: maxSeries`, 'a whole number from 100', maxSeries)
    this.clock = clock
    this.since = clock.now()
    this.table = new SeriesTable(maxSeries, distributionOf)
    this.recorder = new Recorder(this.table)
    this.include(what, options)
    this.stop = observe(this.recorder.observers())
  }

  add(what: string, sources: MetricSources): void {
    knownOptions(what, sources, SOURCES)
    this.include(what, sources)
  }

  /** The series of a counter or a gauge, as they are now. */
  read(instrument: Instrument): readonly (readonly [labels: Labels, value: number])[] {
    if (instrument.kind === 'gauge') return this.gauge(instrument)
    this.pull(instrument)
    return Array.from(this.table.countsOf(instrument), ({ labels, value }) => [labels, value] as const)
  }

  private include(what: string, sources: MetricSources): void {
    for (const name of SOURCES) {
      const given: unknown = sources[name] ?? []
      if (!Array.isArray(given)) throw invalid(`${what}: ${name}`, 'a list', given)
      const method = name === 'events' ? 'dropped' : 'health'
      for (const each of given as readonly unknown[]) {
        if (typeof (each as Record<string, unknown> | undefined)?.[method] !== 'function')
          throw invalid(`${what}: ${name}`, `objects with ${method}()`, each)
        ;(this[name] as unknown[]).push(each)
      }
    }
  }

  /** Brings the counters up to date that other parts count. */
  private pull(instrument: Instrument): void {
    const sums = new Map<Count, number>()
    for (const [values, value = 0] of this.countsOf(instrument)) {
      const count = this.table.count(instrument, values)
      sums.set(count, (sums.get(count) ?? 0) + value)
    }
    for (const [count, sum] of sums) count.value = sum
  }

  private countsOf(instrument: Instrument): Read {
    switch (instrument) {
      case TABLE.policyLoads:
        return this.feeds.flatMap((feed) => byName(feed.health().loads))
      case TABLE.policyCacheRequests:
        return this.clients.flatMap((directory) => {
          const { hits, stale, misses } = directory.health()
          return byName({ hit: hits, stale, miss: misses })
        })
      case TABLE.blockChanges:
        return this.blockLists.flatMap((list) => list.health().changes.map(({ rule, action, count }) => [[rule, action], count] as const))
      case TABLE.eventsDropped:
        return this.events.flatMap((each) => byName(each.dropped()))
      default:
        return this.regions.counts(instrument, this.health())
    }
  }

  private gauge(instrument: Instrument): readonly (readonly [Labels, number])[] {
    const read = new Map<Labels, number>()
    for (const [values, value] of this.gaugesOf(instrument)) {
      if (value === undefined) continue
      const labels = this.table.gauge(instrument, values)
      if (labels === undefined) continue
      // Two of one name: limiters on different stores, or feeds with a common namespace.
      const other = read.get(labels)
      read.set(labels, other === undefined ? value : instrument.workers === 'min' ? Math.min(other, value) : Math.max(other, value))
    }
    return [...read]
  }

  private gaugesOf(instrument: Instrument): Read {
    switch (instrument) {
      case TABLE.limitUnits:
        return this.limiters().flatMap(({ limiter }) =>
          limiter.limits().map((limit) => [labelled(limiter.name, limit), limit.units] as const),
        )
      case TABLE.breakerState:
        return this.limiters().map(({ limiter, health }) => [[limiter.name], BREAKERS[health.breaker]] as const)
      case TABLE.instances:
        return this.limiters().map(({ limiter, health }) => [[limiter.name], health.instances] as const)
      case TABLE.leaseUnits:
        return this.limiters().map(({ limiter, health }) => [[limiter.name], health.leased] as const)
      case TABLE.policyRevision:
        return this.namespaces().map(({ namespace, revision }) => [[namespace], revision] as const)
      case TABLE.policyAge:
        return this.namespaces().map(({ namespace, confirmedAt = this.since }) => [[namespace], this.secondsSince(confirmedAt)] as const)
      case TABLE.blocksActive:
        return this.blockLists.flatMap((list) => byName(list.health().active))
      default:
        return this.regions.gauges(instrument, this.health())
    }
  }

  private limiters() {
    return [...this.recorder.limiters].flatMap((limiter) => {
      const health = limiter.health()
      if (health === undefined) this.recorder.limiters.delete(limiter)
      return health === undefined ? [] : [{ limiter, health }]
    })
  }

  private health() {
    return this.limiters().map(({ health }) => health)
  }

  private namespaces() {
    return this.feeds.flatMap((feed) => feed.health().namespaces)
  }

  private secondsSince(at: number): number {
    return Math.max(0, this.clock.now() - at) / 1000
  }
}

function byName(counts: Readonly<Record<string, number>>): Read {
  return Object.entries(counts).map(([name, count]) => [[name], count] as const)
}
