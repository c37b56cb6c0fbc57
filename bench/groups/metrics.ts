// What metrics and analytics cost a request.
import { MeasuredProcess, runProcesses } from '../measure/process.ts'
import { quantile } from '../measure/rounds.ts'
import type { Group } from '../report/report.ts'

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
    const start = (id: string) => new MeasuredProcess('groups/metrics-process.ts', [id])
    const rounds = await runProcesses(new Map(Object.entries(CONTENDERS).map(([name, id]) => [name, start(id)])), settings)
    // The lower quartile, since a difference of 0.1 µs is less than what other programs add.
    const cpu = (name: string) =>
      quantile(
        rounds.of(name).map((sample) => sample.cpu),
        0.25,
      )
    return {
      tables: [
        {
          columns: ['contender', 'requests/s', 'of nobody', 'lower quartile', 'CPU µs, lower quartile'],
          rows: rounds.names.map((name) => [
            name,
            Math.round(rounds.median(name)),
            rounds.ratio(name, OFF),
            rounds.lowerQuartile(name, OFF),
            cpu(name),
          ]),
        },
      ],
      targets: [
        {
          what: 'metrics of Prometheus: µs of CPU more than an observer that does nothing',
          must: 'at most',
          target: 0.3,
          measured: cpu(PROMETHEUS) - cpu(OBSERVED),
        },
      ],
      data: rounds.toJSON(),
    }
  },
}
