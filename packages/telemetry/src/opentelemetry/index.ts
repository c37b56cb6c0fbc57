// The metrics of Sluice by a meter of OpenTelemetry.
export type { MetricsOptions } from '../metrics/options.ts'
