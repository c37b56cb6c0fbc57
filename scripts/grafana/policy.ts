import { CHOSEN, dashboard, series } from './panels.ts'

export default dashboard(
  'sluice-policy',
  'Sluice: policies',
  'Which limit binds, how far from it clients are, and what a shadow policy would do.',
  [
    series({
      title: 'Refused by limit',
      description: 'Refusals a second by the limit that binds. Only enforced limits.',
      unit: 'reqps',
      queries: [
        [
          `sum by (namespace, policy, limit) (rate(rate_limit_exceeded_total{${CHOSEN},mode="enforce"}[$__rate_interval]))`,
          '{{policy}} {{limit}}',
        ],
      ],
    }),
    series({
      title: 'Refused by tier',
      description: 'A tier whose clients are refused much more than others may have limits that are too low.',
      unit: 'reqps',
      queries: [[`sum by (tier) (rate(rate_limit_exceeded_total{${CHOSEN},mode="enforce"}[$__rate_interval]))`, '{{tier}}']],
    }),
    series({
      title: 'What shadow policies would refuse',
      description: 'Compare with the decisions of the same policy before you enforce it.',
      unit: 'reqps',
      queries: [
        [
          `sum by (namespace, policy, limit) (rate(rate_limit_exceeded_total{${CHOSEN},mode="shadow"}[$__rate_interval]))`,
          '{{policy}} {{limit}}',
        ],
      ],
    }),
    series({
      title: 'How far limits are used',
      description: 'p50 and p95 of used units as a share of the limit, over all subjects. Values are rounded up to the next bucket.',
      unit: 'percentunit',
      queries: [
        [
          `histogram_quantile(0.95, sum by (policy, limit, le) (rate(sluice_utilisation_ratio_bucket{${CHOSEN}}[$__rate_interval])))`,
          'p95 {{policy}} {{limit}}',
        ],
        [
          `histogram_quantile(0.5, sum by (policy, limit, le) (rate(sluice_utilisation_ratio_bucket{${CHOSEN}}[$__rate_interval])))`,
          'p50 {{policy}} {{limit}}',
        ],
      ],
    }),
    series({
      title: 'Decisions above 90 % of the limit',
      description: 'Share of decisions after which a subject had used more than 90 % of a limit: the next to be refused.',
      unit: 'percentunit',
      queries: [
        [
          `1 - sum by (policy, limit) (rate(sluice_utilisation_ratio_bucket{${CHOSEN},le="0.9"}[$__rate_interval])) / sum by (policy, limit) (rate(sluice_utilisation_ratio_count{${CHOSEN}}[$__rate_interval]))`,
          '{{policy}} {{limit}}',
        ],
      ],
    }),
    series({
      title: 'Units taken',
      description: 'Units a second by limit, before refunds. A request may cost more than one.',
      unit: 'short',
      queries: [[`sum by (policy, limit) (rate(sluice_units_total{${CHOSEN}}[$__rate_interval]))`, '{{policy}} {{limit}}']],
    }),
    series({
      title: 'Units allowed',
      description: 'The number of each limit as it is configured. A step is a new revision.',
      unit: 'short',
      queries: [[`max by (policy, limit, tier) (sluice_limit_units{${CHOSEN}})`, '{{policy}} {{limit}} {{tier}}']],
    }),
    series({
      title: 'Age of the policies',
      description:
        'Time since a source last confirmed the document in force, of the process that waits longest. Alert SluicePolicyStale: 5 minutes.',
      unit: 's',
      queries: [[`max by (namespace) (sluice_policy_age_seconds{${CHOSEN}})`, '{{namespace}}']],
    }),
    series({
      title: 'Documents from sources',
      description: 'By what became of them. invalid, held and fork need somebody: the document before them stays in force.',
      unit: 'short',
      queries: [['sum by (result) (increase(sluice_policy_loads_total[$__rate_interval]))', '{{result}}']],
    }),
    series({
      title: 'Look-ups of clients',
      description: 'hit: in memory. stale: in memory, past its time. miss: the request waited for the table, up to its deadline.',
      unit: 'reqps',
      queries: [['sum by (result) (rate(sluice_policy_cache_requests_total[$__rate_interval]))', '{{result}}']],
    }),
  ],
)
