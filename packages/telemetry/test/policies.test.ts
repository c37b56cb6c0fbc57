// Policies that are data: labels of their limits, revisions, loads and the table of clients, as the product itself has them.
import { writeFileSync } from 'node:fs'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { clientDirectory, fileSource, policyFeed } from '@sluice/policies'
import { prometheusMetrics } from '@sluice/telemetry/prometheus'
import { Registry } from 'prom-client'
import { expect, onTestFinished, test } from 'vitest'
import { heard, SECRETS } from './support.ts'

const document = (revision: number, limit: number): string => `
apiVersion: sluice/v1
namespace: shop
revision: ${revision}
subjects: { client: { parts: [{ attribute: client }] } }
tier: { attribute: plan, default: free }
policies:
  - name: api
    rules:
      - name: all
        tiers:
          free: [{ name: minute, algorithm: slidingWindow, limit: ${limit}, window: 1m, subject: client }]
          pro: [{ name: minute, algorithm: slidingWindow, limit: 100, window: 1m, subject: client }]
  - name: trial
    mode: shadow
    rules: [{ name: all, limits: [{ name: hour, algorithm: fixedWindow, limit: 1, window: 1h, subject: client }] }]
`

test('decisions by a document are labelled by its policies, and its feed by its revision', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-telemetry-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'sluice.yaml')
  writeFileSync(file, document(1, 2))
  const registry = new Registry()
  const metrics = prometheusMetrics(registry)
  const clients = clientDirectory({ table: { name: 'memory', load: () => Promise.resolve([{ client_id: 'user:4711', tier: 'pro' }]) } })
  const feed = await policyFeed({ source: fileSource(file), on: { warning: () => undefined } })
  metrics.add({ feeds: [feed], clients: [clients] })
  const scrape = () => registry.metrics()
  const line = (policy: string, limit: string, tier: string, mode: string): string =>
    `{namespace="shop",policy="${policy}",limit="${limit}",tier="${tier}",mode="${mode}"`
  // Before any request.
  expect(await scrape()).toContain(`rate_limit_exceeded_total${line('api', 'minute', 'free', 'enforce')}} 0`)
  expect(await scrape()).toContain(`rate_limit_exceeded_total${line('trial', 'hour', 'free', 'shadow')}} 0`)
  for (let i = 0; i < 3; i += 1)
    await feed.check({ method: 'GET', path: '/private/path', attributes: { client: 'user:4711', plan: 'free' } })
  await feed.check({ method: 'GET', path: '/private/path', attributes: { client: '203.0.113.7', plan: 'made-up' } })
  await clients.rowOf('user:4711')
  await clients.rowOf('user:4711')
  await heard()
  const text = await scrape()
  expect(text).toContain(`sluice_decisions_total${line('api', 'minute', 'free', 'enforce')},verdict="allowed",source="memory"} 2`)
  expect(text).toContain(`rate_limit_exceeded_total${line('api', 'minute', 'free', 'enforce')}} 1`)
  expect(text).toContain(`rate_limit_exceeded_total${line('trial', 'hour', 'free', 'shadow')}} 1`)
  expect(text).toContain(`sluice_limit_units${line('api', 'minute', 'pro', 'enforce')}} 100`)
  expect(text).toContain('sluice_policy_revision{namespace="shop"} 1')
  expect(text).toContain('sluice_policy_loads_total{result="accepted"} 1')
  expect(text).toContain('sluice_policy_cache_requests_total{result="hit"} 1')
  expect(text).toContain('sluice_policy_cache_requests_total{result="miss"} 1')
  for (const secret of [...SECRETS, 'made-up']) expect(text).not.toContain(secret)
  // A revision changes the number at once, and a file that is not valid changes nothing.
  writeFileSync(file, document(2, 50))
  await feed.refresh()
  expect(await scrape()).toContain(`sluice_limit_units${line('api', 'minute', 'free', 'enforce')}} 50`)
  writeFileSync(file, 'apiVersion: sluice/v2')
  await feed.refresh()
  const after = await scrape()
  expect(after).toContain('sluice_policy_revision{namespace="shop"} 2')
  expect(after).toMatch(/sluice_policy_loads_total\{result="invalid"\} [1-9]/)
  metrics.close()
  await feed.close()
  await clients.close()
})
