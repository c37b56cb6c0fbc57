import { SECONDS } from './instruments.ts'

const BOUNDS = SECONDS.buckets ?? []

/** One value of a metric, as a registry of prom-client takes it. */
export interface Value {
  readonly metricName?: string
  readonly labels: Readonly<Record<string, string | number>>
  readonly value: number
}

/** What is counted of one endpoint. The classes of prom-client find a series by a text of its labels, which takes longer than a decision. */
export class EndpointMetrics {
  private readonly labels: { readonly protocol: string; readonly endpoint: string }
  private readonly byStatus = new Map<string | number, number>()
  private readonly buckets: number[] = Array.from({ length: BOUNDS.length + 1 }, () => 0)
  private sum = 0

  constructor(protocol: string, endpoint: string) {
    this.labels = { protocol, endpoint }
  }

  /** @param status of HTTP, or the name of that of gRPC @param ms how long the request took */
  answered(status: string | number, ms: number): void {
    this.byStatus.set(status, (this.byStatus.get(status) ?? 0) + 1)
    const seconds = ms / 1_000
    let i = 0
    while (i < BOUNDS.length && seconds > (BOUNDS[i] as number)) i++
    this.buckets[i] = (this.buckets[i] as number) + 1
    this.sum += seconds
  }

  requests(): readonly Value[] {
    return Array.from(this.byStatus, ([status, value]) => ({ labels: { ...this.labels, status: String(status) }, value }))
  }

  seconds(): readonly Value[] {
    let count = 0
    const { labels } = this
    const buckets = this.buckets.map((each, i) => {
      count += each
      return { metricName: `${SECONDS.name}_bucket`, labels: { le: BOUNDS[i] ?? '+Inf', ...labels }, value: count }
    })
    if (count === 0) return []
    return [
      ...buckets,
      { metricName: `${SECONDS.name}_sum`, labels, value: this.sum },
      { metricName: `${SECONDS.name}_count`, labels, value: count },
    ]
  }
}
