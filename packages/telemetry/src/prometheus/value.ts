/** One line of the text format, as a registry of prom-client takes it. */
export interface Value {
  readonly metricName?: string
  readonly labels: Readonly<Record<string, string | number>>
  readonly value: number
}
