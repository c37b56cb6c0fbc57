// `npm run test:all` only, since Go compiles the collector for minutes. A real collector takes the metrics by OTLP, and serves them to
// Prometheus under the same names as prom-client does.
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-http'
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics'
import { INSTRUMENTS } from '@sluice/telemetry'
import { openTelemetryMetrics } from '@sluice/telemetry/opentelemetry'
import { prometheusMetrics } from '@sluice/telemetry/prometheus'
import { startCollector } from '@sluice/testing/prometheus'
import { Registry } from 'prom-client'
import { expect, onTestFinished, test } from 'vitest'
import { parts, scriptedRun, SECRETS } from './support.ts'

/** The lines of a scrape with the labels in order, without those that the collector adds for the scope. */
function seriesOf(text: string): ReadonlyMap<string, number> {
  const lines = text.split('\n').filter((line) => /^(?:sluice|rate_limit)_/.test(line))
  return new Map(
    lines.map((line) => {
      const [, name = '', labels = '', value = ''] = /^(\w+)(?:\{(.*)\})? (\S+)/.exec(line) ?? []
      const own = labels.split(/,(?=\w+=")/).filter((label) => label !== '' && !/^(?:otel_scope_\w+|job|instance)=/.test(label))
      // The collector leaves out labels that are empty, which Prometheus reads as the same.
      const kept = own.filter((label) => !label.endsWith('=""'))
      return [`${name}{${kept.toSorted((a, b) => a.localeCompare(b)).join(',')}}`, Number(value)] as const
    }),
  )
}

test('a collector serves the same series as prom-client', async () => {
  const collector = await startCollector()
  onTestFinished(() => collector.stop())
  const registry = new Registry()
  const reader = new PeriodicExportingMetricReader({
    exporter: new OTLPMetricExporter({ url: collector.otlp }),
    exportIntervalMillis: 3_600_000,
  })
  const provider = new MeterProvider({ readers: [reader] })
  const clock = { now: () => 1_800_000_000_000 }
  const bindings = [
    prometheusMetrics(registry, { ...parts, clock }),
    openTelemetryMetrics(provider.getMeter('sluice'), { ...parts, clock }),
  ]
  const { limiters } = await scriptedRun()
  await reader.forceFlush()
  const [served, text] = [await collector.scrape(), await registry.metrics()]
  const [ours, theirs] = [seriesOf(text), seriesOf(served)]
  const isSteady = ([name]: readonly [string, number]): boolean => !name.startsWith('sluice_policy_age')
  expect(Object.fromEntries([...theirs].filter(isSteady))).toEqual(Object.fromEntries([...ours].filter(isSteady)))
  expect(theirs.size).toBeGreaterThan(50)
  for (const { name, kind } of INSTRUMENTS) expect(served).toContain(`# TYPE ${name} ${kind}`)
  for (const secret of SECRETS) expect(served).not.toContain(secret)
  for (const binding of bindings) binding.close()
  await provider.shutdown()
  await Promise.all(limiters.map((limiter) => limiter.close()))
})
