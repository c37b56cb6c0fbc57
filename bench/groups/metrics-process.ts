// One contender of metrics.ts: `metrics-process.ts <contender>` decides requests through the pipeline that all adapters use.
import { AggregationTemporality, InMemoryMetricExporter, MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics'
import { memoryStore, observe, slidingWindow } from '@sluice/core'
import { createPipeline, type Host } from '@sluice/core/adapter-kit'
import { redisAnalytics } from '@sluice/redis'
import { openTelemetryMetrics } from '@sluice/telemetry/opentelemetry'
import { prometheusMetrics } from '@sluice/telemetry/prometheus'
import { Registry } from 'prom-client'
import { answerParent, type Order } from '../measure/process.ts'
import { uniform } from '../measure/subjects.ts'
import { inTurns, type Run } from './memory-contenders.ts'

class Request {
  readonly client: string
  constructor(client: string) {
    this.client = client
  }
}

const host: Host<Request> = {
  id: (request) => request,
  method: () => 'GET',
  target: () => '/v1/orders/17?expand=items',
  address: () => '203.0.113.7',
  header: () => undefined,
  route: () => '/v1/orders/:id',
}

let micros = 0
const CONTENDERS: Readonly<Record<string, () => unknown>> = {
  off: () => undefined,
  observed: () => observe({ decision: (_, { latency }) => void (micros += latency) }),
  prometheus: () => prometheusMetrics(new Registry()),
  opentelemetry: () => openTelemetryMetrics(meter()),
  // No server is there: what is measured is what a request costs this process.
  analytics: () =>
    redisAnalytics(
      { url: 'redis://127.0.0.1:1' },
      { secret: 'only for this benchmark', interval: '60s', on: { warning: () => undefined } },
    ),
}

/** As an application has it. Nothing collects while the requests are measured. */
function meter() {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })
  return new MeterProvider({ readers: [reader] }).getMeter('sluice')
}

const [name = ''] = process.argv.slice(2)
const start = CONTENDERS[name]
if (start === undefined) throw new Error(`No contender is named "${name}".`)
start()
const limits = [slidingWindow({ name: 'a', limit: 100_000_000, window: '1h', key: ({ client }: Request) => client })]
const decide = createPipeline(host, { store: memoryStore({ maxSubjects: 1_000_000 }), trustProxy: 0, limits })
const run: Run = (subjects, from, count) => {
  for (let i = from; i < from + count; i++) {
    const outcome = decide(new Request(subjects.at(i)))
    if (outcome instanceof Promise || !outcome.pass) throw new Error('the limit was reached')
  }
}
const obey = inTurns(run, uniform(10_000))
answerParent((message) => obey(message as Order))
