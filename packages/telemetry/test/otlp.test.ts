// The bytes that reach a collector: OTLP by the real exporter, to an HTTP receiver of our own.
import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-http'
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics'
import { INSTRUMENTS } from '@sluice/telemetry'
import { openTelemetryMetrics } from '@sluice/telemetry/opentelemetry'
import { expect, test } from 'vitest'
import { parts, scriptedRun, SECRETS } from './support.ts'

interface Metric {
  readonly name: string
  readonly description: string
  readonly unit: string
  readonly sum?: { readonly isMonotonic: boolean; readonly dataPoints: readonly Point[] }
  readonly gauge?: { readonly dataPoints: readonly Point[] }
  readonly histogram?: { readonly dataPoints: readonly (Point & { readonly explicitBounds: readonly number[] })[] }
}
interface Point {
  readonly attributes: readonly { readonly key: string; readonly value: { readonly stringValue?: string } }[]
  readonly asDouble?: number
}

test('OTLP has each metric with its kind, unit, help and buckets, and no secret', async () => {
  const bodies: string[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(chunks)
      bodies.push(String(request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body))
      response.setHeader('content-type', 'application/json').end('{}')
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/metrics`
  const exporter = new OTLPMetricExporter({ url })
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })
  const provider = new MeterProvider({ readers: [reader] })
  const metrics = openTelemetryMetrics(provider.getMeter('sluice'), parts)
  const { limiters } = await scriptedRun()
  await reader.forceFlush()
  expect(bodies).toHaveLength(1)
  const [body = ''] = bodies
  const { resourceMetrics } = JSON.parse(body) as { resourceMetrics: { scopeMetrics: { scope: { name: string }; metrics: Metric[] }[] }[] }
  const sent = new Map(
    resourceMetrics.flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics)).map((metric) => [metric.name, metric]),
  )
  for (const { name, kind, unit, help, buckets } of INSTRUMENTS) {
    const metric = sent.get(name)
    expect(metric, name).toMatchObject({ description: help, unit })
    expect(metric?.sum?.isMonotonic, name).toBe(kind === 'counter' ? true : undefined)
    expect(metric?.gauge !== undefined, name).toBe(kind === 'gauge')
    expect(metric?.histogram?.dataPoints[0]?.explicitBounds, name).toEqual(buckets)
  }
  const exceeded = sent.get('rate_limit_exceeded_total')?.sum?.dataPoints.map(({ attributes, asDouble }) => {
    return [attributes.map(({ key, value }) => `${key}=${value.stringValue}`).join(' '), asDouble]
  })
  expect(exceeded).toContainEqual(['namespace=api policy=api limit=minute tier=free mode=enforce', 2])
  for (const secret of SECRETS) expect(body).not.toContain(secret)
  metrics.close()
  await provider.shutdown()
  server.close()
  await Promise.all(limiters.map((limiter) => limiter.close()))
})
