import type { Clock } from '@sluice/core'

/** The options of `prometheusMetrics` and `openTelemetryMetrics`. */
export interface MetricsOptions {
  /**
   * How many series this process may have, from 100. Each bucket of a histogram is one. Beyond it, names of namespaces, policies, limits and
   * tiers become `__other__`, and `sluice_series_folded_total` counts what was folded. Default: 2,000.
   */
  readonly maxSeries?: number | undefined
  /** Where time comes from, for tests. Default: the clock of the system. */
  readonly clock?: Clock | undefined
}
