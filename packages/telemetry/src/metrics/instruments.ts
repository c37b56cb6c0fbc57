/**
 * One metric. Its name, labels and buckets are the same in OpenTelemetry and in Prometheus, so that one dashboard serves both.
 * All of its labels come from configuration, never from a request.
 */
export interface Instrument {
  readonly name: string
  /** A counter only grows. A gauge is read when metrics are collected. */
  readonly kind: 'counter' | 'gauge' | 'histogram'
  /** In UCUM, as OpenTelemetry writes it: `s` for seconds, `{request}` for a count of requests. */
  readonly unit: string
  readonly labels: readonly string[]
  /** What it counts or measures: one sentence. */
  readonly help: string
  /** Upper bounds of the buckets of a histogram, without `+Inf`. */
  readonly buckets?: readonly number[] | undefined
}

/** What names a limit. */
const LIMIT = ['namespace', 'policy', 'limit', 'tier', 'mode'] as const

/** A decision in this process takes microseconds, one over the network milliseconds. */
const DECISION_SECONDS = [0.00001, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1]
const COMMAND_SECONDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1]
const SHARES = [0.25, 0.5, 0.75, 0.9, 1]

const TABLE = {
  exceeded: {
    name: 'rate_limit_exceeded_total',
    kind: 'counter',
    unit: '{request}',
    labels: LIMIT,
    help: 'Requests that a limit refused, or would have refused in shadow mode, by the limit that binds.',
  },
  decisions: {
    name: 'sluice_decisions_total',
    kind: 'counter',
    unit: '{request}',
    labels: [...LIMIT, 'verdict', 'source'],
    help: 'Decisions, by the limit that binds, by what the limits said, and by what decided.',
  },
  units: {
    name: 'sluice_units_total',
    kind: 'counter',
    unit: '{unit}',
    labels: LIMIT,
    help: 'Units that decisions took of a limit, before refunds.',
  },
  limitUnits: {
    name: 'sluice_limit_units',
    kind: 'gauge',
    unit: '{unit}',
    labels: LIMIT,
    help: 'Units that the configuration allows of a limit. Absent where a function of the request sets the number.',
  },
  utilisation: {
    name: 'sluice_utilisation_ratio',
    kind: 'histogram',
    unit: '1',
    labels: ['namespace', 'policy', 'limit'],
    buckets: SHARES,
    help: 'Used units as a share of the limit, of each limit of each decision.',
  },
  decisionSeconds: {
    name: 'sluice_decision_duration_seconds',
    kind: 'histogram',
    unit: 's',
    labels: ['source'],
    buckets: DECISION_SECONDS,
    help: 'Time from the start of a decision to its end, by what decided.',
  },
  commandSeconds: {
    name: 'sluice_store_command_duration_seconds',
    kind: 'histogram',
    unit: 's',
    labels: ['store', 'shard'],
    buckets: COMMAND_SECONDS,
    help: 'Time from sending a command to a store until its reply. One command may decide many requests.',
  },
  commandErrors: {
    name: 'sluice_store_command_errors_total',
    kind: 'counter',
    unit: '{command}',
    labels: ['store', 'shard'],
    help: 'Commands to a store that failed, or were not answered in time.',
  },
} as const satisfies Readonly<Record<string, Instrument>>

/** All metrics of Sluice, in the order of the documentation. */
export const INSTRUMENTS: readonly Instrument[] = Object.values(TABLE)
