// The metrics of Sluice. The bindings are apart, in ./opentelemetry and ./prometheus, so that neither library is needed for the other.
export { INSTRUMENTS } from './metrics/instruments.ts'
export type { Instrument } from './metrics/instruments.ts'
