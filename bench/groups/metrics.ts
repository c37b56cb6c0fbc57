// What metrics and analytics cost a request.
import { runContenders } from '../measure/process.ts'
import type { Group } from '../report/report.ts'
import { requestTable } from '../report/request-table.ts'

const OFF = 'nobody listens'
const OBSERVED = 'an observer that does nothing'
const PROMETHEUS = '`prometheusMetrics`'
const CONTENDERS: Readonly<Record<string, string>> = {
  [OFF]: 'off',
  [OBSERVED]: 'observed',
  [PROMETHEUS]: 'prometheus',
  '`openTelemetryMetrics`': 'opentelemetry',
  '`redisAnalytics`': 'analytics',
}

export const metrics: Group = {
  name: 'metrics',
  title: 'Metrics',
  about:
    'One sliding window on the memory store, decided by the pipeline that all adapters use, with headers and without a framework. 10,000 clients. Nothing collects meanwhile. Each contender has a process of its own.',
  full: [60, 100],
  quick: [10, 60],
  async run(settings) {
    const rounds = await runContenders('groups/metrics-process.ts', CONTENDERS, settings)
    return {
      tables: [requestTable(rounds, () => OFF)],
      targets: [
        {
          what: 'metrics of Prometheus: µs of CPU more than an observer that does nothing',
          must: 'at most',
          target: 0.3,
          measured: rounds.lowerCpu(PROMETHEUS) - rounds.lowerCpu(OBSERVED),
        },
      ],
      data: rounds.toJSON(),
    }
  },
}
