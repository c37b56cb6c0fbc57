// A real Prometheus scrapes a real process over a real Redis, with the rules and the dashboards that are shipped. A real Alertmanager sends an
// alert to a webhook.
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { INSTRUMENTS } from '@sluice/telemetry'
import { waitUntil } from '@sluice/testing/processes'
import { type Alertmanager, type Prometheus, promtool, startAlertmanager, startPrometheus } from '@sluice/testing/prometheus'
import { type RedisServer, startRedis } from '@sluice/testing/redis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { queriesOf } from './support/metrics/dashboards.ts'
import { nodeProgram, runProgram, type RunningProgram } from './support/running-program.ts'
import { ROOT } from './support/workspace.ts'

const SECRETS = ['user:', '203.0.113.7', '/private/path', 'a secret']
const POLICIES = `
apiVersion: sluice/v1
namespace: shop
revision: 7
subjects: { client: { parts: [{ attribute: client }] } }
policies:
  - name: orders
    rules: [{ name: all, limits: [{ name: minute, algorithm: slidingWindow, limit: 50, window: 1m, subject: client }] }]
  - name: trial
    mode: shadow
    rules: [{ name: all, limits: [{ name: hour, algorithm: fixedWindow, limit: 1, window: 1h, subject: client }] }]
`

let redis: RedisServer
let program: RunningProgram
let prometheus: Prometheus
let alertmanager: Alertmanager
let target: string
const alerts: { readonly labels: Readonly<Record<string, string>> }[] = []
const folder = mkdtempSync(join(tmpdir(), 'sluice-metrics-'))
const webhook = createServer((request, response) => {
  let body = ''
  request.setEncoding('utf8').on('data', (text: string) => (body += text))
  request.on('end', () => {
    alerts.push(...(JSON.parse(body) as { alerts: typeof alerts }).alerts)
    response.end()
  })
})

beforeAll(async () => {
  const file = join(folder, 'policies.yaml')
  writeFileSync(file, POLICIES)
  webhook.listen(0, '127.0.0.1')
  await once(webhook, 'listening')
  ;[redis, alertmanager] = await Promise.all([
    startRedis(),
    startAlertmanager(`http://127.0.0.1:${(webhook.address() as AddressInfo).port}`),
  ])
  program = runProgram([...nodeProgram('test-e2e/support/metrics/measured-process.ts'), redis.url, file])
  const [, port] = await program.waitFor(/listening on (\d+)/)
  target = `127.0.0.1:${port}`
  // As they are shipped, but for the times of the alert that this test waits for.
  const rules = readFileSync(join(ROOT, 'deploy/prometheus/rules.yml'), 'utf8')
  writeFileSync(join(folder, 'rules.yml'), rules.replace(/(alert: SluiceDegraded\n[^]*?for: )1m/, '$10s'))
  prometheus = await startPrometheus({ targets: [target], rules: join(folder, 'rules.yml'), alertmanager: alertmanager.address })
})
afterAll(async () => {
  program?.stop()
  await Promise.all([prometheus?.stop(), alertmanager?.stop(), redis?.stop()])
  webhook.close()
  rmSync(folder, { recursive: true })
})

test('promtool finds no fault in a scrape, and the scrape has no secret of a request', async () => {
  const text = await (await fetch(`http://${target}/metrics`)).text()
  expect(promtool(['check', 'metrics'], { input: text })).toBe('')
  for (const secret of SECRETS) expect(text).not.toContain(secret)
})

test('a store that is away is an alert at the webhook', async () => {
  await waitUntil('the alert', () => alerts.some(({ labels }) => labels['alertname'] === 'SluiceDegraded'))
  const [alert] = alerts.filter(({ labels }) => labels['alertname'] === 'SluiceDegraded')
  expect(alert?.labels).toEqual({ alertname: 'SluiceDegraded', namespace: 'lost', source: 'local', severity: 'critical' })
})

test('every query of every dashboard has an answer, and Prometheus has every metric and no other', async () => {
  const unanswered = async (): Promise<readonly string[]> => {
    const found: string[] = []
    for (const file of globSync('deploy/grafana/*.json', { cwd: ROOT })) {
      for (const { title, runnable } of queriesOf(readFileSync(join(ROOT, file), 'utf8'))) {
        if ((await prometheus.query(runnable)).length === 0) found.push(`${file}: ${title}: ${runnable}`)
      }
    }
    return found
  }
  // Rates need two scrapes, and records of records one more evaluation.
  await expect.poll(unanswered, { timeout: 20_000, interval: 500 }).toEqual([])
  const names = await prometheus.names()
  const expected = INSTRUMENTS.flatMap(({ name, kind }) =>
    kind === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
  )
  expect(names.filter((name) => /^(?:sluice|rate_limit)_/.test(name)).toSorted(byName)).toEqual(expected.toSorted(byName))
  expect(await prometheus.query('sluice_policy_revision')).toMatchObject([{ labels: { namespace: 'shop' }, value: 7 }])
})

function byName(a: string, b: string): number {
  return a.localeCompare(b)
}
