import { CHOSEN, dashboard, number, series } from './panels.ts'

export default dashboard('sluice-abuse', 'Sluice: abuse', 'Who goes on in spite of refusals, and what the block list does about it.', [
  number({
    title: 'Blocked now',
    description: 'Entries of the block list that hold, by what they do.',
    unit: 'short',
    span: 12,
    queries: [['max by (action) (sluice_blocks_active)', '{{action}}']],
  }),
  number({
    title: 'Refused by block',
    description: 'Requests a second that the limits never saw, or that a block by hand refused.',
    unit: 'reqps',
    span: 12,
    queries: [[`sum(rate(sluice_decisions_total{${CHOSEN},verdict="blocked"}[$__rate_interval]))`, 'blocked']],
  }),
  series({
    title: 'Entries of the block list',
    description: 'A rule in shadow mode blocks nobody: watch what it would do before you enforce it.',
    unit: 'short',
    queries: [['max by (action) (sluice_blocks_active)', '{{action}}']],
  }),
  series({
    title: 'Changes by rule',
    description: 'manual is a hand. over-budget: the rule wanted more blocks than its budget allows. Alert SluiceBlocksOverBudget.',
    unit: 'short',
    queries: [['sum by (rule, action) (increase(sluice_block_changes_total[$__rate_interval]))', '{{rule}} {{action}}']],
  }),
  series({
    title: 'Blocked requests by namespace',
    description: 'Falls when a client gives up, and when its block ends.',
    unit: 'reqps',
    queries: [[`sum by (namespace) (rate(sluice_decisions_total{${CHOSEN},verdict="blocked"}[$__rate_interval]))`, '{{namespace}}']],
  }),
  series({
    title: 'Limits that refuse most',
    description: 'Where clients that go on would show first.',
    unit: 'reqps',
    queries: [
      [
        `topk(10, sum by (namespace, policy, limit) (rate(rate_limit_exceeded_total{${CHOSEN},mode="enforce"}[$__rate_interval])))`,
        '{{policy}} {{limit}}',
      ],
    ],
  }),
])
