import { OTHER } from '@sluice/core/store-kit'
import type { Instrument } from './instruments.ts'
import { TABLE } from './instruments.ts'

export type Labels = Readonly<Record<string, string>>

/** Names of the configuration, of which there may be any number. The values of other labels are few, and stay. */
const NAMES = new Set(['namespace', 'policy', 'limit', 'tier', 'store', 'shard', 'rule', 'code'])

/** One series of a counter. */
export class Count {
  value = 0
  readonly labels: Labels
  /** Counts what is recorded here, if this series stands for names that are beyond the bound. */
  private readonly folded: Count | undefined

  constructor(labels: Labels, folded?: Count) {
    this.labels = labels
    this.folded = folded
  }

  add(value: number): void {
    this.value += value
    if (this.folded !== undefined) this.folded.value += 1
  }
}

/** One series of a histogram. */
export interface Distribution {
  record(value: number): void
}

/** Makes the series of a histogram: in this process, or of a meter. */
export type DistributionFactory = (instrument: Instrument, labels: Labels) => Distribution

/** All series of one binding, and the bound of their number. */
export class SeriesTable {
  /** Counts the values that were recorded under `__other__`. */
  readonly folded: Count
  private readonly distributionOf: DistributionFactory
  private readonly counts = new Map<Instrument, Map<string, Count>>()
  private readonly distributions = new Map<Instrument, Map<string, Distribution>>()
  private readonly gauges = new Map<Instrument, Map<string, Labels | undefined>>()
  private readonly max: number
  /** Names get no more than this, so that each `__other__` has room. */
  private readonly maxNamed: number
  private size = 0

  constructor(max: number, distributionOf: DistributionFactory) {
    this.max = max
    this.maxNamed = Math.floor(max * 0.9)
    this.distributionOf = distributionOf
    this.folded = this.count(TABLE.folded, [])
  }

  /** How many series there are. */
  get used(): number {
    return this.size
  }

  /** @param values of the labels, in the order of the instrument */
  count(instrument: Instrument, values: readonly string[]): Count {
    return this.find(this.counts, instrument, values, (labels, isFolded) => new Count(labels, isFolded ? this.folded : undefined))
  }

  distribution(instrument: Instrument, values: readonly string[]): Distribution {
    return this.find(this.distributions, instrument, values, (labels, isFolded) => {
      if (labels === NOWHERE) return new Folded(undefined, this.folded)
      const own = this.distributionOf(instrument, labels)
      return isFolded ? new Folded(own, this.folded) : own
    })
  }

  /** The labels of a gauge; `undefined` if it is beyond the bound: the values of several gauges make no value of one. */
  gauge(instrument: Instrument, values: readonly string[]): Labels | undefined {
    const known = within(this.gauges, instrument)
    const key = JSON.stringify(values)
    if (!known.has(key)) known.set(key, this.take(1, this.maxNamed) ? labelsOf(instrument, values) : undefined)
    return known.get(key)
  }

  /** The series of a counter, without those that have no room. */
  countsOf(instrument: Instrument): Iterable<Count> {
    return Array.from(within(this.counts, instrument).values()).filter(({ labels }) => labels !== NOWHERE)
  }

  private find<S>(
    all: Map<Instrument, Map<string, S>>,
    instrument: Instrument,
    values: readonly string[],
    make: (labels: Labels, isFolded: boolean) => S,
  ): S {
    const known = within(all, instrument)
    const key = JSON.stringify(values)
    const found = known.get(key)
    if (found !== undefined) return found
    const size = sizeOf(instrument)
    const hasName = instrument.labels.some((label) => NAMES.has(label))
    if (this.take(size, hasName ? this.maxNamed : this.max)) return put(known, key, make(labelsOf(instrument, values), false))
    // Not put under its own key: names may come and go, and what refers to a series keeps it.
    const folded = values.map((value, i) => (NAMES.has(instrument.labels[i] as string) ? OTHER : value))
    const foldedKey = JSON.stringify(folded)
    const other = known.get(foldedKey)
    if (other !== undefined) return other
    if (this.take(size, this.max)) return put(known, foldedKey, make(labelsOf(instrument, folded), true))
    return put(known, foldedKey, make(NOWHERE, true))
  }

  private take(size: number, max: number): boolean {
    if (this.size + size > max) return false
    this.size += size
    return true
  }
}

/** The labels of a series that has no room: it is not shown, only counted. */
const NOWHERE: Labels = {}

class Folded implements Distribution {
  private readonly own: Distribution | undefined
  private readonly folded: Count

  constructor(own: Distribution | undefined, folded: Count) {
    this.own = own
    this.folded = folded
  }

  record(value: number): void {
    this.own?.record(value)
    this.folded.add(1)
  }
}

/** Series as Prometheus counts them: a histogram has one for each bucket, `+Inf`, the sum and the count. */
function sizeOf({ buckets }: Instrument): number {
  return buckets === undefined ? 1 : buckets.length + 3
}

function labelsOf({ labels }: Instrument, values: readonly string[]): Labels {
  return Object.freeze(Object.fromEntries(labels.map((label, i) => [label, values[i] ?? ''])))
}

function within<K, V>(all: Map<K, Map<string, V>>, key: K): Map<string, V> {
  let known = all.get(key)
  if (known === undefined) all.set(key, (known = new Map()))
  return known
}

function put<V>(known: Map<string, V>, key: string, value: V): V {
  known.set(key, value)
  return value
}
