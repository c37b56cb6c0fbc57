/**
 * One metric. Its name, labels and buckets are the same in OpenTelemetry and in Prometheus, so that one dashboard serves both.
 * Values of labels come from the configuration or from a short fixed list, never from a request.
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
  /** How the workers of one cluster of Node are joined into one process, by prom-client. Default: `sum`. */
  readonly workers?: 'sum' | 'min' | 'max' | undefined
}

/** What names a limit. */
const LIMIT = ['namespace', 'policy', 'limit', 'tier', 'mode'] as const

/** From 0.1 ms: Go writes smaller bounds as `1e-05`, so that a collector would not serve the series of prom-client. */
const DECISION_SECONDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1]
const COMMAND_SECONDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1]
const SHARES = [0.25, 0.5, 0.75, 0.9, 1]

/** What the code calls each metric. */
type Key =
  | 'exceeded'
  | 'decisions'
  | 'units'
  | 'limitUnits'
  | 'utilisation'
  | 'decisionSeconds'
  | 'commandSeconds'
  | 'commandErrors'
  | 'breakerState'
  | 'breakerChanges'
  | 'instances'
  | 'leaseUnits'
  | 'policyRevision'
  | 'policyAge'
  | 'policyLoads'
  | 'policyCacheRequests'
  | 'blocksActive'
  | 'blockChanges'
  | 'eventsDropped'
  | 'regionLag'
  | 'regionSilent'
  | 'regionUnapplied'
  | 'regionOver'
  | 'regionLate'
  | 'regionForgiven'
  | 'regionTransfers'
  | 'anomalies'
  | 'warnings'
  | 'folded'

/** The one table of all metrics. The bindings, the documentation and the tests read it. */
export const TABLE: Readonly<Record<Key, Instrument>> = {
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
    help: 'Units that the configuration allows of a limit. Absent where requests have different numbers.',
    workers: 'max',
  },
  utilisation: {
    name: 'sluice_utilisation_ratio',
    kind: 'histogram',
    unit: '1',
    labels: ['namespace', 'policy', 'limit'],
    buckets: SHARES,
    help: 'Used units as a share of the limit, after each decision and for each of its limits.',
  },
  decisionSeconds: {
    name: 'sluice_decision_duration_seconds',
    kind: 'histogram',
    unit: 's',
    labels: ['source'],
    buckets: DECISION_SECONDS,
    help: 'Time from the call of the store, or of what decides for it, to its answer.',
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
  breakerState: {
    name: 'sluice_breaker_state',
    kind: 'gauge',
    unit: '',
    labels: ['namespace'],
    help: 'Circuit breaker of the store of a limiter, the worst of its shards: 0 closed, 1 half-open, 2 open.',
    workers: 'max',
  },
  breakerChanges: {
    name: 'sluice_breaker_changes_total',
    kind: 'counter',
    unit: '{change}',
    labels: ['store', 'shard', 'state'],
    help: 'Times that the circuit breaker of a shard came into a state: closed, half-open or open.',
  },
  instances: {
    name: 'sluice_instances',
    kind: 'gauge',
    unit: '{process}',
    labels: ['namespace'],
    help: 'Processes that share the limits, as this process knows. Absent where the store does not count them.',
    workers: 'max',
  },
  leaseUnits: {
    name: 'sluice_lease_units',
    kind: 'gauge',
    unit: '{unit}',
    labels: ['namespace'],
    help: 'Units that this process has leased and not spent yet, of the store of the limiter. Limiters on one store show the same. Absent without leases.',
  },
  policyRevision: {
    name: 'sluice_policy_revision',
    kind: 'gauge',
    unit: '',
    labels: ['namespace'],
    help: 'Revision of the policy document in force.',
    workers: 'min',
  },
  policyAge: {
    name: 'sluice_policy_age_seconds',
    kind: 'gauge',
    unit: 's',
    labels: ['namespace'],
    help: 'Time since the source last confirmed the document in force. A source that is quiet confirms too.',
    workers: 'max',
  },
  policyLoads: {
    name: 'sluice_policy_loads_total',
    kind: 'counter',
    unit: '{document}',
    labels: ['result'],
    help: 'Documents that came from a source: accepted, confirmed, stale, forked, invalid, or held back by ceilings.',
  },
  policyCacheRequests: {
    name: 'sluice_policy_cache_requests_total',
    kind: 'counter',
    unit: '{request}',
    labels: ['result'],
    help: 'Look-ups of a client in the table of clients: hit, stale (used past its time), or miss.',
  },
  blocksActive: {
    name: 'sluice_blocks_active',
    kind: 'gauge',
    unit: '{block}',
    labels: ['action'],
    help: 'Entries of the block list that hold now, as this process knows.',
    workers: 'max',
  },
  blockChanges: {
    name: 'sluice_block_changes_total',
    kind: 'counter',
    unit: '{change}',
    labels: ['rule', 'action'],
    help: 'Changes of the block list that this process made, by the rule that asked for them.',
  },
  eventsDropped: {
    name: 'sluice_events_dropped_total',
    kind: 'counter',
    unit: '{event}',
    labels: ['reason'],
    help: 'Decision events that were not sent.',
  },
  regionLag: {
    name: 'sluice_region_lag_seconds',
    kind: 'gauge',
    unit: 's',
    labels: ['peer'],
    help: 'Time from the sending of the last message of another region to its application. Absent before the first.',
    workers: 'max',
  },
  regionSilent: {
    name: 'sluice_region_silent',
    kind: 'gauge',
    unit: '',
    labels: ['peer'],
    help: 'Whether nothing was heard of another region for the option `silence`: 1, else 0.',
    workers: 'max',
  },
  regionUnapplied: {
    name: 'sluice_region_unapplied_units',
    kind: 'gauge',
    unit: '{unit}',
    labels: [],
    help: 'Units that this process has decided on and not published to other regions yet.',
  },
  regionOver: {
    name: 'sluice_region_over_units_total',
    kind: 'counter',
    unit: '{unit}',
    labels: [],
    help: 'Units above a limit after counts of another region were applied: the measured error.',
  },
  regionLate: {
    name: 'sluice_region_late_total',
    kind: 'counter',
    unit: '{count}',
    labels: [],
    help: 'Counts of other regions that came after their window had ended.',
  },
  regionForgiven: {
    name: 'sluice_region_forgiven_units_total',
    kind: 'counter',
    unit: '{unit}',
    labels: [],
    help: 'Units of other regions for which no bucket had room.',
  },
  regionTransfers: {
    name: 'sluice_region_transfers_total',
    kind: 'counter',
    unit: '{transfer}',
    labels: [],
    help: 'Offers of rights that came from other regions, for policies of mode strict.',
  },
  anomalies: {
    name: 'sluice_anomalies_total',
    kind: 'counter',
    unit: '{anomaly}',
    labels: ['code'],
    help: 'Times that Sluice went on after an unexpected failure.',
  },
  warnings: {
    name: 'sluice_warnings_total',
    kind: 'counter',
    unit: '{warning}',
    labels: ['code'],
    help: 'Warnings of a likely mistake in the set-up, or of a store or a source that is away.',
  },
  folded: {
    name: 'sluice_series_folded_total',
    kind: 'counter',
    unit: '{value}',
    labels: [],
    help: 'Values that were recorded under the name `__other__`, since the process has as many series as it may.',
  },
}

/**
 * All metrics of Sluice, in the order of the documentation. For dashboards and rules that are made by a program.
 * @example
 * ```ts
 * import { INSTRUMENTS } from '@sluice/telemetry'
 *
 * for (const { name, kind, labels } of INSTRUMENTS) console.log(kind, name, labels.join(', '))
 * ```
 */
export const INSTRUMENTS: readonly Instrument[] = Object.values(TABLE)
