import type { Clock } from '@sluice/core'
import type { MetricSources } from './sources.ts'

/** The options of `prometheusMetrics` and `openTelemetryMetrics`. */
export interface MetricsOptions extends MetricSources {
  /**
   * How many series this process may have, from 100. Each bucket of a histogram is one. Beyond it, names of namespaces, policies, limits,
   * tiers, stores and shards become `__other__`, and `sluice_series_folded_total` counts what was recorded there. Default: 2,000.
   */
  readonly maxSeries?: number | undefined
  /** Where time comes from, for tests. Default: the clock of the system. */
  readonly clock?: Clock | undefined
}

/** The metrics of one binding. */
export interface Metrics {
  /** Reads these parts as well from now on, such as a feed that was made later. */
  add(sources: MetricSources): void
  /** Ends observing, and removes the metrics from the registry or the meter. */
  close(): void
}
