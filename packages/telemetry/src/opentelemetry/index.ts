// The metrics of Sluice by a meter of OpenTelemetry, and attributes for its spans.
export { openTelemetryMetrics } from './open-telemetry-metrics.ts'
export { annotateSpans } from './annotate-spans.ts'
export type { Metrics, MetricsOptions } from '../metrics/options.ts'
export type { MetricSources, ObservedBlockList, ObservedClients, ObservedEvents, ObservedFeed } from '../metrics/sources.ts'
