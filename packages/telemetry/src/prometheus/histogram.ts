import type { Instrument } from '../metrics/instruments.ts'
import type { Distribution, Labels } from '../metrics/series.ts'
import type { Value } from './value.ts'

/** One series of a histogram, in this process. */
export class Histogram implements Distribution {
  private readonly name: string
  private readonly labels: Labels
  private readonly bounds: readonly number[]
  /** How many values each bucket has, and the last one those above all bounds. */
  private readonly counts: number[]
  private sum = 0

  constructor({ name, buckets = [] }: Instrument, labels: Labels) {
    this.name = name
    this.labels = labels
    this.bounds = buckets
    this.counts = Array.from({ length: buckets.length + 1 }, () => 0)
  }

  record(value: number): void {
    const { bounds, counts } = this
    let i = 0
    while (i < bounds.length && value > (bounds[i] as number)) i++
    counts[i] = (counts[i] as number) + 1
    this.sum += value
  }

  /** As Prometheus has them: each bucket contains those below it. None before the first value, as OpenTelemetry does. */
  values(): readonly Value[] {
    const { name, labels, bounds, counts, sum } = this
    let count = 0
    if (counts.every((each) => each === 0)) return []
    const buckets = counts.map((each, i) => {
      count += each
      return { metricName: `${name}_bucket`, labels: { le: bounds[i] ?? '+Inf', ...labels }, value: count }
    })
    return [...buckets, { metricName: `${name}_sum`, labels, value: sum }, { metricName: `${name}_count`, labels, value: count }]
  }
}
