// The metrics of Sluice. The bindings are apart, in ./opentelemetry and ./prometheus, so that neither library is needed for the other.
export { INSTRUMENTS } from './metrics/instruments.ts'
export type { Instrument } from './metrics/instruments.ts'

// Events of decisions and exact counts of usage, and where they go.
export { decisionEvents } from './events/decision-events.ts'
export type { DecisionEvents, EventsHealth } from './events/decision-events.ts'
export type { DecisionEventsOptions } from './events/options.ts'
export type { DecisionEvent, EventBatch, EventSink, SinkRefusal, UsageRow } from './events/events.ts'
export { EVENT_CODES } from './events/warnings.ts'
export type { EventWarning } from './events/warnings.ts'
export { httpSink } from './events/sinks/http-sink.ts'
export type { HttpSinkOptions } from './events/sinks/http-sink.ts'
export { jsonLines } from './events/sinks/json-lines.ts'
export type { LineStream } from './events/sinks/json-lines.ts'
