import { CHOSEN, dashboard, number, series } from './panels.ts'

export default dashboard('sluice-fleet', 'Sluice: fleet', 'Is it limiting, whom, and is everything well? Start here.', [
  number({
    title: 'Decisions',
    description: 'Decisions a second, of all processes.',
    unit: 'reqps',
    queries: [[`sum(rate(sluice_decisions_total{${CHOSEN}}[$__rate_interval]))`, 'decisions']],
  }),
  number({
    title: 'Refused',
    description: 'Share of requests that were refused, of 5 minutes. Shadow decisions are not counted.',
    unit: 'percentunit',
    queries: [[`sum(namespace:rate_limit_exceeded:rate5m{${CHOSEN}}) / sum(namespace:sluice_decisions:rate5m{${CHOSEN}})`, 'refused']],
  }),
  number({
    title: 'Processes',
    description: 'Processes that share the limits, as they count each other in the store.',
    unit: 'short',
    queries: [[`max by (namespace) (sluice_instances{${CHOSEN}})`, '{{namespace}}']],
  }),
  number({
    title: 'Breaker',
    description: 'The worst circuit breaker of any process: 0 closed, 1 half-open, 2 open.',
    unit: 'short',
    queries: [[`max by (namespace) (sluice_breaker_state{${CHOSEN}})`, '{{namespace}}']],
  }),
  series({
    title: 'Decisions by verdict',
    description: 'What the limits said. A refusal in shadow mode is one here too, though the request went on.',
    unit: 'reqps',
    queries: [[`sum by (mode, verdict) (rate(sluice_decisions_total{${CHOSEN}}[$__rate_interval]))`, '{{verdict}} ({{mode}})']],
  }),
  series({
    title: 'Share refused by namespace',
    description: 'Alert SluiceRefusalSpike compares it with the same hour of last week.',
    unit: 'percentunit',
    queries: [[`namespace:rate_limit_exceeded:ratio5m{${CHOSEN}}`, '{{namespace}}']],
  }),
  series({
    title: 'What decided',
    description: 'The store, or a layer before it. local, open and closed decide while the store is away.',
    unit: 'reqps',
    queries: [[`sum by (source) (rate(sluice_decisions_total{${CHOSEN}}[$__rate_interval]))`, '{{source}}']],
  }),
  series({
    title: 'Time of a decision',
    description: 'p50 and p99 by what decided. In memory it is microseconds; over Redis it is a round trip.',
    unit: 's',
    queries: [
      ['histogram_quantile(0.99, sum by (source, le) (rate(sluice_decision_duration_seconds_bucket[$__rate_interval])))', 'p99 {{source}}'],
      ['histogram_quantile(0.5, sum by (source, le) (rate(sluice_decision_duration_seconds_bucket[$__rate_interval])))', 'p50 {{source}}'],
    ],
  }),
  series({
    title: 'Revisions in force',
    description: 'The lowest and the highest revision of any process. They differ for a moment after each publication.',
    unit: 'short',
    queries: [
      [`min by (namespace) (sluice_policy_revision{${CHOSEN}})`, 'lowest {{namespace}}'],
      [`max by (namespace) (sluice_policy_revision{${CHOSEN}})`, 'highest {{namespace}}'],
    ],
  }),
  series({
    title: 'Clients found in memory',
    description: 'Share of look-ups of a client that did not wait for the table of clients.',
    unit: 'percentunit',
    queries: [['policy_cache_hit_rate', 'hit rate']],
  }),
  series({
    title: 'Warnings and anomalies',
    description: 'By code. Each code has a section in docs/errors.md.',
    unit: 'short',
    queries: [
      ['sum by (code) (increase(sluice_warnings_total[$__rate_interval]))', '{{code}}'],
      ['sum by (code) (increase(sluice_anomalies_total[$__rate_interval]))', '{{code}}'],
    ],
  }),
  series({
    title: 'Lost to telemetry itself',
    description: 'Decision events that were not sent, and values that were folded into __other__. Both should be 0.',
    unit: 'short',
    queries: [
      ['sum by (reason) (increase(sluice_events_dropped_total[$__rate_interval]))', 'events: {{reason}}'],
      ['sum(increase(sluice_series_folded_total[$__rate_interval]))', 'folded values'],
    ],
  }),
])
