// The metrics of Sluice in a registry of prom-client.
export { prometheusMetrics } from './prometheus-metrics.ts'
export type { Metrics, MetricsOptions } from '../metrics/options.ts'
export type { MetricSources, ObservedBlockList, ObservedClients, ObservedEvents, ObservedFeed } from '../metrics/sources.ts'
