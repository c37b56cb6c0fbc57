// The metrics of Sluice in a registry of prom-client.
export type { MetricsOptions } from '../metrics/options.ts'
