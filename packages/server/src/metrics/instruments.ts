import type { Instrument } from '@sluice/telemetry'

/** Seconds. Most decisions in memory take less than 1 ms, and those with Redis less than 5 ms. */
const REQUEST_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1]

export const REQUESTS: Instrument = {
  name: 'sluice_server_requests_total',
  kind: 'counter',
  unit: '{request}',
  labels: ['protocol', 'endpoint', 'status'],
  help: 'Requests that the service answered. Of gRPC, the status is that of the call.',
}
export const SECONDS: Instrument = {
  name: 'sluice_server_request_duration_seconds',
  kind: 'histogram',
  unit: 's',
  labels: ['protocol', 'endpoint'],
  buckets: REQUEST_SECONDS,
  help: 'Time from the headers of a request until its answer was handed to the connection.',
}
export const IN_FLIGHT: Instrument = {
  name: 'sluice_server_requests_in_flight',
  kind: 'gauge',
  unit: '{request}',
  labels: ['protocol'],
  help: 'Requests that the service has not answered yet.',
}
export const CONNECTIONS: Instrument = {
  name: 'sluice_server_connections',
  kind: 'gauge',
  unit: '{connection}',
  labels: ['protocol'],
  help: 'Connections that are open.',
}
export const REFUSED_CONNECTIONS: Instrument = {
  name: 'sluice_server_connections_refused_total',
  kind: 'counter',
  unit: '{connection}',
  labels: ['protocol'],
  help: 'Connections that were closed at once, since there were as many as there may be.',
}
export const SKIPPED: Instrument = {
  name: 'sluice_server_limits_skipped_total',
  kind: 'counter',
  unit: '{decision}',
  labels: ['namespace', 'limit'],
  help: "Limits that Envoy's rate limit service did not ask, since only the end of a request could correct or free them.",
}
export const WORKERS: Instrument = {
  name: 'sluice_server_workers',
  kind: 'gauge',
  unit: '{process}',
  labels: [],
  help: 'Processes of this service that answered the scrape.',
}

/** The metrics of the service itself, in the order of the documentation. Those of limiters are in `INSTRUMENTS` of `@sluice/telemetry`. */
export const SERVER_INSTRUMENTS: readonly Instrument[] = [REQUESTS, SECONDS, IN_FLIGHT, CONNECTIONS, REFUSED_CONNECTIONS, SKIPPED, WORKERS]
