import { createLimiter, fixedWindow, memoryStore, type RegionsHealth, type Store } from '@sluice/core'
import { createPipeline } from '@sluice/core/adapter-kit'
import { INSTRUMENTS } from '@sluice/telemetry'
import { prometheusMetrics } from '@sluice/telemetry/prometheus'
import { AggregatorRegistry, Registry } from 'prom-client'
import { expect, onTestFinished, test } from 'vitest'
import { heard, parts, scriptedRun } from './support.ts'

/** The lines of a scrape, by metric and labels in their order. */
async function scrape(registry: Registry): Promise<ReadonlyMap<string, number>> {
  const lines = (await registry.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]))
}

function measured(options?: Parameters<typeof prometheusMetrics>[1]) {
  const registry = new Registry()
  const metrics = prometheusMetrics(registry, options)
  onTestFinished(() => metrics.close())
  return { registry, metrics }
}

test('a run is counted by namespace, policy, limit, tier, mode, verdict and source', async () => {
  const { registry } = measured()
  const { limiters } = await scriptedRun()
  const values = await scrape(registry)
  const of = (name: string, labels: string): number | undefined => values.get(`${name}{${labels}}`)
  const free = 'namespace="api",policy="api",limit="minute",tier="free",mode="enforce"'
  expect(of('sluice_decisions_total', `${free},verdict="allowed",source="fragile"`)).toBe(3)
  expect(of('sluice_decisions_total', `${free},verdict="refused",source="fragile"`)).toBe(2)
  expect(of('sluice_decisions_total', `${free},verdict="allowed",source="open"`)).toBe(1)
  expect(of('rate_limit_exceeded_total', free)).toBe(2)
  expect(of('sluice_units_total', free)).toBe(3)
  expect(of('sluice_units_total', free.replace('minute', 'day'))).toBe(3)
  // A penalty takes units, and is no request. A peek is neither.
  const pro = free.replace('free', 'pro')
  expect(of('sluice_units_total', pro)).toBe(27)
  expect(of('sluice_decisions_total', `${pro},verdict="allowed",source="fragile"`)).toBe(1)
  // Shadow refuses nobody, and is counted by its mode.
  expect(of('rate_limit_exceeded_total', 'namespace="trial",policy="trial",limit="minute",tier="",mode="shadow"')).toBe(2)
  expect(of('sluice_limit_units', pro)).toBe(1_000)
  expect(of('sluice_instances', 'namespace="api"')).toBe(3)
  expect(of('sluice_lease_units', 'namespace="api"')).toBe(12)
  expect(of('sluice_breaker_state', 'namespace="api"')).toBe(0)
  expect(of('sluice_breaker_changes_total', 'store="fragile",shard="s1",state="open"')).toBe(1)
  expect(of('sluice_anomalies_total', 'code="ANOMALY_VERDICT"')).toBe(1)
  expect(of('sluice_store_command_errors_total', 'store="fragile",shard="s1"')).toBe(1)
  expect(of('sluice_store_command_duration_seconds_count', 'store="fragile",shard="s1"')).toBe(9)
  expect(values.get('sluice_series_folded_total')).toBe(0)
  const share = (le: string): number | undefined =>
    of('sluice_utilisation_ratio_bucket', `le="${le}",namespace="api",policy="api",limit="minute"`)
  // Free: 1/3, 2/3, and four times 1; the last decision was made without the store. Pro: 7 and 20 of 1,000.
  expect([share('0.25'), share('0.5'), share('0.75'), share('0.9'), share('1'), share('+Inf')]).toEqual([2, 3, 4, 4, 7, 7])
  expect(of('sluice_decision_duration_seconds_count', 'source="fragile"')).toBe(6)
  await Promise.all(limiters.map((limiter) => limiter.close()))
})

test('the counters of configured limits are at 0 before the first request', async () => {
  const early = createLimiter({ name: 'early', limits: [fixedWindow({ name: 'minute', limit: 3, window: '1m' })] })
  const { registry } = measured()
  const late = createLimiter({ name: 'late', limits: [fixedWindow({ name: 'minute', limit: 3, window: '1m' })] })
  const values = await scrape(registry)
  for (const name of ['early', 'late']) {
    const labels = `namespace="${name}",policy="${name}",limit="minute",tier="",mode="enforce"`
    expect(values.get(`rate_limit_exceeded_total{${labels}}`)).toBe(0)
    expect(values.get(`sluice_units_total{${labels}}`)).toBe(0)
    expect(values.get(`sluice_decisions_total{${labels},verdict="allowed",source="memory"}`)).toBe(0)
    expect(values.get(`sluice_decisions_total{${labels},verdict="refused",source="memory"}`)).toBe(0)
    expect(values.get(`sluice_limit_units{${labels}}`)).toBe(3)
  }
  await Promise.all([early.close(), late.close()])
  // A closed limiter has no gauges, and its counters stay.
  const after = await scrape(registry)
  expect([...after.keys()].filter((key) => key.startsWith('sluice_limit_units'))).toEqual([])
  expect([...after.keys()].filter((key) => key.startsWith('rate_limit_exceeded_total{namespace="early"'))).toHaveLength(1)
})

test('parts are read when metrics are collected, also those that are added later', async () => {
  const { registry, metrics } = measured()
  metrics.add(parts)
  const values = await scrape(registry)
  expect(values.get('sluice_policy_revision{namespace="shop"}')).toBe(7)
  expect(values.get('sluice_policy_age_seconds{namespace="shop"}')).toBeCloseTo(5, 0)
  expect(values.get('sluice_policy_loads_total{result="invalid"}')).toBe(1)
  expect(values.get('sluice_policy_loads_total{result="fork"}')).toBe(0)
  expect(values.get('sluice_policy_cache_requests_total{result="hit"}')).toBe(90)
  expect(values.get('sluice_blocks_active{action="refuse"}')).toBe(4)
  expect(values.get('sluice_block_changes_total{rule="default",action="block"}')).toBe(5)
  expect(values.get('sluice_events_dropped_total{reason="overflow"}')).toBe(3)
  // The same source twice is two sources.
  metrics.add({ events: parts.events })
  expect((await scrape(registry)).get('sluice_events_dropped_total{reason="overflow"}')).toBe(6)
})

test('regions are read once for each store, and their counters stay when the store ends', async () => {
  const { registry } = measured()
  const stores = ['one', 'two'].map((id, i) => {
    const regions: RegionsHealth = {
      id,
      self: 'eu',
      peers: { us: { heardAt: 5, lag: 150 * (i + 1), silent: i === 1 }, ap: { silent: false } },
      unpublished: 3,
      sent: 10,
      applied: 9,
      late: 2,
      over: 40,
      forgiven: 1,
      ...(i === 1 ? { transfers: 5 } : {}),
    }
    const health: Store['health'] = () => ({ tier: id, breaker: 'closed', regions })
    return Object.assign(memoryStore(), { health })
  })
  const limits = [fixedWindow({ name: 'minute', limit: 3, window: '1m' })]
  const limiters = [stores[0], stores[0], stores[1]].map((store, i) => createLimiter({ name: `regional-${i}`, limits, store: store! }))
  const values = await scrape(registry)
  // The worst of the stores.
  expect(values.get('sluice_region_lag_seconds{peer="us"}')).toBe(0.3)
  expect(values.has('sluice_region_lag_seconds{peer="ap"}')).toBe(false)
  expect(values.get('sluice_region_silent{peer="us"}')).toBe(1)
  expect(values.get('sluice_region_silent{peer="ap"}')).toBe(0)
  expect(values.get('sluice_region_unapplied_units')).toBe(6)
  expect(values.get('sluice_region_over_units_total')).toBe(80)
  expect(values.get('sluice_region_late_total')).toBe(4)
  expect(values.get('sluice_region_forgiven_units_total')).toBe(2)
  expect(values.get('sluice_region_transfers_total')).toBe(5)
  await Promise.all(limiters.map((limiter) => limiter.close()))
  const after = await scrape(registry)
  expect(after.get('sluice_region_over_units_total')).toBe(80)
  expect(after.has('sluice_region_unapplied_units')).toBe(false)
})

test('a process without regions has no metrics of them', async () => {
  const { registry } = measured()
  const limiter = createLimiter({ name: 'alone', limits: [fixedWindow({ name: 'minute', limit: 3, window: '1m' })] })
  onTestFinished(() => limiter.close())
  expect([...(await scrape(registry)).keys()].filter((key) => key.startsWith('sluice_region_'))).toEqual([])
})

test('a document that no source has ever confirmed ages from the start on', async () => {
  let now = 1_000
  const health = () => ({ namespaces: [{ namespace: 'shop', revision: 1, confirmedAt: undefined }], loads: {} })
  const { registry } = measured({ feeds: [{ health }], clock: { now: () => now } })
  now += 42_000
  expect((await scrape(registry)).get('sluice_policy_age_seconds{namespace="shop"}')).toBe(42)
})

test('OpenMetrics, default labels, JSON and merged registries show the same', async () => {
  const registry = new Registry<'application/openmetrics-text; version=1.0.0; charset=utf-8'>()
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE)
  registry.setDefaultLabels({ pod: 'p1' })
  const metrics = prometheusMetrics(registry)
  onTestFinished(() => metrics.close())
  const limiter = createLimiter({ name: 'open', limits: [fixedWindow({ name: 'minute', limit: 1, window: '1m' })] })
  await limiter.consume('x')
  await limiter.consume('x')
  await heard()
  const text = await registry.metrics()
  expect(text).toContain('rate_limit_exceeded_total{namespace="open",policy="open",limit="minute",tier="",mode="enforce",pod="p1"} 1')
  expect(text).toContain('# TYPE rate_limit_exceeded counter')
  expect(text.endsWith('# EOF\n')).toBe(true)
  const merged = Registry.merge([registry as unknown as Registry])
  expect(await merged.metrics()).toContain('rate_limit_exceeded')
  expect((await registry.getMetricsAsJSON()).map(({ name }) => name)).toHaveLength(INSTRUMENTS.length)
  registry.resetMetrics()
  await limiter.close()
})

test('workers of one cluster are joined: counters add up, the lowest revision and the greatest age stand', async () => {
  const scrapes = [7, 8].map(async (revision, i) => {
    const namespaces = [{ namespace: 'shop', revision, confirmedAt: 1_000_000 - i * 1_000 }]
    const { registry } = measured({
      feeds: [{ health: () => ({ namespaces, loads: { accepted: 2 } }) }],
      clock: { now: () => 1_010_000 },
    })
    return await registry.getMetricsAsJSON()
  })
  const joined = AggregatorRegistry.aggregate(await Promise.all(scrapes))
  const text = await joined.metrics()
  expect(text).toContain('sluice_policy_loads_total{result="accepted"} 4')
  expect(text).toContain('sluice_policy_revision{namespace="shop"} 7')
  expect(text).toContain('sluice_policy_age_seconds{namespace="shop"} 11')
})

test('after close, the registry has none of them, and takes them again', async () => {
  const registry = new Registry()
  const first = prometheusMetrics(registry)
  expect(() => prometheusMetrics(registry)).toThrow(/registry without metrics of Sluice/)
  first.close()
  expect(await registry.metrics()).toBe('\n')
  prometheusMetrics(registry).close()
})

test.each([
  ['no registry', () => prometheusMetrics({} as never), /a registry of prom-client/],
  ['too few series', () => prometheusMetrics(new Registry(), { maxSeries: 10 }), /maxSeries: expected a whole number from 100/],
  ['an option of another name', () => prometheusMetrics(new Registry(), { maxSerie: 500 } as never), /use maxSeries/],
  ['one feed that is no list', () => prometheusMetrics(new Registry(), { feeds: {} } as never), /feeds: expected a list/],
  ['what is no feed', () => prometheusMetrics(new Registry(), { feeds: [{}] } as never), /feeds: expected objects with health\(\)/],
])('%s is refused', (_, make, message) => {
  expect(make).toThrow(message)
})

test('requests that no limit binds have an empty policy and limit', async () => {
  const { registry } = measured()
  const limits = [fixedWindow({ name: 'minute', limit: 1, window: '1m' })]
  const limiter = createLimiter({ name: 'plans', tiers: { free: limits, unlimited: [] } })
  await limiter.consume('x', { tier: 'unlimited' })
  await heard()
  const labels = 'namespace="plans",policy="",limit="",tier="",mode="enforce"'
  expect((await scrape(registry)).get(`sluice_decisions_total{${labels},verdict="allowed",source="none"}`)).toBe(1)
  await limiter.close()
})

test('a client on the block list is counted as blocked, of its namespace', async () => {
  const { registry } = measured()
  const host = { id: () => 'x', method: () => 'GET', target: () => '/', address: () => '203.0.113.7', header: () => undefined } as never
  const blockList = { check: () => ({ until: Date.now() + 60_000, rule: 'default', action: 'refuse' as const }) }
  const decide = createPipeline(host, { name: 'gate', limit: 5, window: '1m', blockList })
  await decide({})
  await heard()
  const text = await registry.metrics()
  expect(text).toContain(
    'sluice_decisions_total{namespace="gate",policy="",limit="",tier="",mode="enforce",verdict="blocked",source="block"} 1',
  )
  expect(text).toContain('sluice_decision_duration_seconds_bucket{le="0.001",source="block"} 1')
  expect(text).not.toContain('203.0.113.7')
})
