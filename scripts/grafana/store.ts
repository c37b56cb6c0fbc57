import { CHOSEN, dashboard, series } from './panels.ts'

export default dashboard('sluice-store', 'Sluice: store', 'Is the store fast and there, and what decides while it is not?', [
  series({
    title: 'Time of a command',
    description: 'Over all shards, of 5 minutes. Alert SluiceStoreSlow: p99 above 10 ms.',
    unit: 's',
    queries: [
      ['redis_latency_seconds:p99', 'p99'],
      ['redis_latency_seconds:p50', 'p50'],
    ],
  }),
  series({
    title: 'Time of a command by shard',
    description: 'p99 of 5 minutes. One slow shard is a busy server, or a long way to it.',
    unit: 's',
    queries: [['shard:redis_latency_seconds:p99', '{{shard}}']],
  }),
  series({
    title: 'Commands',
    description: 'Commands a second. One command carries all decisions of one turn of the event loop.',
    unit: 'ops',
    queries: [['sum by (store, shard) (rate(sluice_store_command_duration_seconds_count[$__rate_interval]))', '{{store}} {{shard}}']],
  }),
  series({
    title: 'Decisions per command',
    description: 'The more, the less each decision costs the store.',
    unit: 'short',
    queries: [
      [
        'sum(rate(sluice_decision_duration_seconds_count{source=~"redis|dynamodb|durable-objects"}[$__rate_interval])) / sum(rate(sluice_store_command_duration_seconds_count[$__rate_interval]))',
        'decisions',
      ],
    ],
  }),
  series({
    title: 'Commands that failed',
    description: 'Errors, and commands that were not answered in time.',
    unit: 'ops',
    queries: [['sum by (store, shard) (rate(sluice_store_command_errors_total[$__rate_interval]))', '{{store}} {{shard}}']],
  }),
  series({
    title: 'Breakers',
    description: '0 closed, 1 half-open, 2 open: the worst of any process.',
    unit: 'short',
    queries: [[`max by (namespace) (sluice_breaker_state{${CHOSEN}})`, '{{namespace}}']],
  }),
  series({
    title: 'Changes of breakers',
    description: 'By the state that a breaker came into. Alert SluiceBreakerFlapping: a process opened one over 3 times in 10 minutes.',
    unit: 'short',
    queries: [['sum by (shard, state) (increase(sluice_breaker_changes_total[$__rate_interval]))', '{{shard}} {{state}}']],
  }),
  series({
    title: 'Decided without the store',
    description: 'local: by the share of this process. open: all admitted. closed: all refused. Alert SluiceDegraded: for a minute.',
    unit: 'reqps',
    queries: [
      [
        `sum by (namespace, source) (rate(sluice_decisions_total{${CHOSEN},source=~"local|open|closed"}[$__rate_interval]))`,
        '{{namespace}} {{source}}',
      ],
    ],
  }),
  series({
    title: 'Decided before the store',
    description: 'By the deny cache and by leases: decisions that cost the store nothing.',
    unit: 'reqps',
    queries: [[`sum by (source) (rate(sluice_decisions_total{${CHOSEN},source=~"deny-cache|lease"}[$__rate_interval]))`, '{{source}}']],
  }),
  series({
    title: 'Units on lease',
    description: 'Units that processes hold ahead and have not spent. Those of a process that is killed are lost until their lease ends.',
    unit: 'short',
    queries: [[`sum by (namespace) (sluice_lease_units{${CHOSEN}})`, '{{namespace}}']],
  }),
  series({
    title: 'Way of messages between regions',
    description:
      'From sending to application, by the region that sent: the median of the processes. Alert SluiceRegionLag: over 5 s for 5 minutes.',
    unit: 's',
    queries: [['quantile by (peer) (0.5, sluice_region_lag_seconds)', '{{peer}}']],
  }),
  series({
    title: 'Silent regions',
    description: '1: nothing was heard of the region for the option silence. Alert SluiceRegionSilent: for a minute.',
    unit: 'short',
    queries: [['max by (peer) (sluice_region_silent)', '{{peer}}']],
  }),
  series({
    title: 'Above the limit because of regions',
    description: 'Units a second that were above a limit when counts of another region came: the measured error.',
    unit: 'short',
    queries: [['sum(rate(sluice_region_over_units_total[$__rate_interval]))', 'units']],
  }),
  series({
    title: 'Between regions',
    description:
      'Units that wait to be published; counts a second that came too late; units a second that no bucket had room for; offers of rights a second.',
    unit: 'short',
    queries: [
      ['sum(sluice_region_unapplied_units)', 'not published'],
      ['sum(rate(sluice_region_late_total[$__rate_interval]))', 'late'],
      ['sum(rate(sluice_region_forgiven_units_total[$__rate_interval]))', 'forgiven'],
      ['sum(rate(sluice_region_transfers_total[$__rate_interval]))', 'offers of rights'],
    ],
  }),
  series({
    title: 'Processes',
    description: 'Processes that share the limits, as each of them counts. Without the store each decides by its share.',
    unit: 'short',
    queries: [[`max by (namespace) (sluice_instances{${CHOSEN}})`, '{{namespace}}']],
  }),
])
