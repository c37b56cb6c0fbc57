// One contender of metrics.ts: `metrics-process.ts <contender>`.
import { AggregationTemporality, InMemoryMetricExporter, MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics'
import { observe } from '@sluice/core'
import { redisAnalytics } from '@sluice/redis'
import { openTelemetryMetrics } from '@sluice/telemetry/opentelemetry'
import { prometheusMetrics } from '@sluice/telemetry/prometheus'
import { Registry } from 'prom-client'
import { namedContender } from '../measure/process.ts'
import { answerWithRequests } from './request-contenders.ts'

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

namedContender(CONTENDERS)()
answerWithRequests({ turn: 1_000 })
