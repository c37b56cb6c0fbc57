// Both bindings measure the same run, and say the same.
import { prometheusMetrics } from '@sluice/telemetry/prometheus'
import { openTelemetryMetrics } from '@sluice/telemetry/opentelemetry'
import { DataPointType, type ResourceMetrics } from '@opentelemetry/sdk-metrics'
import { Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { INSTRUMENTS } from '@sluice/telemetry'
import { openTelemetry, parts, scriptedRun, SECRETS } from './support.ts'

type Series = Record<string, unknown>

/** The same for labels in any order. */
function keyOf(name: string, labels: object): string {
  return `${name} ${JSON.stringify(Object.entries(labels).toSorted(([a], [b]) => a.localeCompare(b)))}`
}

/** By metric and labels. Durations are the same in both, since one event brings them. */
function ofOpenTelemetry({ scopeMetrics }: ResourceMetrics): Series {
  const series: Series = {}
  for (const { descriptor, dataPointType, dataPoints } of scopeMetrics.flatMap(({ metrics }) => metrics)) {
    for (const { attributes, value } of dataPoints) {
      if (dataPointType !== DataPointType.HISTOGRAM) series[keyOf(descriptor.name, attributes)] = value
      else {
        const { buckets, count, sum } = value as { buckets: { boundaries: number[]; counts: number[] }; count: number; sum?: number }
        series[keyOf(descriptor.name, attributes)] = { boundaries: buckets.boundaries, counts: buckets.counts, count, sum }
      }
    }
  }
  return series
}

async function ofPrometheus(registry: Registry): Promise<Series> {
  const series: Series = {}
  for (const metric of await registry.getMetricsAsJSON()) {
    const { name, type, values } = metric as unknown as {
      name: string
      type: string
      values: { labels: Record<string, string | number>; value: number; metricName?: string }[]
    }
    for (const { labels, value, metricName = name } of values) {
      const { le, ...own } = labels
      const key = keyOf(name, own)
      if (type !== 'histogram') {
        series[key] = value
        continue
      }
      const histogram = (series[key] ??= { boundaries: [], counts: [], count: 0, sum: 0 }) as {
        boundaries: number[]
        counts: number[]
        count: number
        sum: number
      }
      if (metricName.endsWith('_sum')) histogram.sum = value
      else if (metricName.endsWith('_count')) histogram.count = value
      else {
        histogram.counts.push(value - histogram.counts.reduce((a, b) => a + b, 0))
        if (le !== '+Inf') histogram.boundaries.push(Number(le))
      }
    }
  }
  return series
}

test('both bindings say the same on the same run, and no secret of a request', async () => {
  const registry = new Registry()
  const { meter, collect, shutdown } = openTelemetry()
  const clock = { now: () => 1_800_000_000_000 }
  const bindings = [prometheusMetrics(registry, { ...parts, clock }), openTelemetryMetrics(meter, { ...parts, clock })]
  const { limiters } = await scriptedRun()
  const [prometheus, otel] = [await ofPrometheus(registry), ofOpenTelemetry(await collect())]
  for (const series of [prometheus, otel])
    for (const key of Object.keys(series)) if (key.startsWith('sluice_policy_age')) series[key] = 'age'
  expect(otel).toEqual(prometheus)
  expect(Object.keys(otel).length).toBeGreaterThan(50)
  const names = new Set(Object.keys(prometheus).map((key) => key.split(' ')[0]))
  expect(INSTRUMENTS.map(({ name }) => name).filter((name) => !names.has(name))).toEqual([])
  for (const text of [JSON.stringify(otel), await registry.metrics()]) for (const secret of SECRETS) expect(text).not.toContain(secret)
  for (const binding of bindings) binding.close()
  await Promise.all(limiters.map((limiter) => limiter.close()))
  await shutdown()
})
