import { createLimiter, fixedWindow } from '@sluice/core'
import { openTelemetryMetrics } from '@sluice/telemetry/opentelemetry'
import { prometheusMetrics } from '@sluice/telemetry/prometheus'
import { Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { heard, openTelemetry } from './support.ts'

/** Every line of a scrape is one series. */
const lines = async (registry: Registry): Promise<readonly string[]> =>
  (await registry.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#'))

const sumOf = (all: readonly string[], name: string): number =>
  all.filter((line) => line.startsWith(`${name}{`)).reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0)

const LIMITS = 10_000

test.each([2_000, 150])('10,000 names of limits make at most %i series, and no request is lost', async (maxSeries) => {
  const registry = new Registry()
  const { meter, collect, shutdown } = openTelemetry()
  const bindings = [prometheusMetrics(registry, { maxSeries }), openTelemetryMetrics(meter, { maxSeries })]
  const limiters = Array.from({ length: LIMITS / 100 }, (_, i) =>
    createLimiter({
      name: `bound-${i}`,
      tiers: Object.fromEntries(
        Array.from({ length: 100 }, (_, j) => [`tier-${j}`, [fixedWindow({ name: `limit-${j}`, limit: 1, window: '1m' })]]),
      ),
    }),
  )
  for (const limiter of limiters) {
    for (let j = 0; j < 100; j += 1) {
      const tier = `tier-${j}`
      await limiter.consume('x', { tier })
      await limiter.consume('x', { tier })
    }
  }
  await heard()
  const all = await lines(registry)
  expect(all.length).toBeLessThanOrEqual(maxSeries)
  expect(all.length).toBeGreaterThan(maxSeries * 0.85)
  expect(sumOf(all, 'sluice_decisions_total')).toBe(2 * LIMITS)
  expect(sumOf(all, 'rate_limit_exceeded_total')).toBe(LIMITS)
  expect(sumOf(all, 'sluice_units_total')).toBe(LIMITS)
  expect(sumOf(all, 'sluice_utilisation_ratio_count')).toBe(2 * LIMITS)
  expect(sumOf(all, 'sluice_decision_duration_seconds_count')).toBe(2 * LIMITS)
  expect(all.some((line) => line.startsWith('rate_limit_exceeded_total{namespace="__other__",policy="__other__",limit="__other__"'))).toBe(
    true,
  )
  const folded = all.find((line) => line.startsWith('sluice_series_folded_total '))
  expect(Number(folded?.split(' ')[1])).toBeGreaterThan(LIMITS)
  const metrics = (await collect()).scopeMetrics.flatMap((scope) => scope.metrics)
  const points = metrics.flatMap(({ dataPoints }) => dataPoints.map(({ value }) => (typeof value === 'number' ? 1 : 8)))
  expect(points.reduce((a, b) => a + b, 0)).toBeLessThanOrEqual(maxSeries)
  for (const binding of bindings) binding.close()
  await Promise.all(limiters.map((limiter) => limiter.close()))
  await shutdown()
})

test('a tier that a client makes up is no label', async () => {
  const registry = new Registry()
  const metrics = prometheusMetrics(registry)
  const limits = [fixedWindow({ name: 'minute', limit: 100, window: '1m' })]
  const limiter = createLimiter({ name: 'tiers', on: { warning: () => undefined }, tiers: { free: limits, pro: limits } })
  for (let i = 0; i < 50; i += 1) await limiter.consume('x', { tier: `made-up-${i}` as 'free' })
  await heard()
  expect(await registry.metrics()).not.toContain('made-up')
  metrics.close()
  await limiter.close()
})
