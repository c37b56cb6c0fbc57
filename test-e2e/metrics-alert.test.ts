// `npm run test:all` only, since Prometheus learns of its Alertmanager after 5 s. An alert of the rules that are shipped reaches a webhook.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { startAlertmanager } from '@sluice/testing/prometheus'
import { expect, onTestFinished, test } from 'vitest'
import { startMeasuredRun } from './support/metrics/measured-run.ts'

test('a store that is away is an alert at a webhook, by a real Prometheus and a real Alertmanager', async () => {
  const alerts: { readonly labels: Readonly<Record<string, string>> }[] = []
  const webhook = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (text: string) => (body += text))
    request.on('end', () => {
      alerts.push(...(JSON.parse(body) as { alerts: typeof alerts }).alerts)
      response.end()
    })
  }).listen(0, '127.0.0.1')
  await once(webhook, 'listening')
  const alertmanager = await startAlertmanager(`http://127.0.0.1:${(webhook.address() as AddressInfo).port}`)
  const run = await startMeasuredRun(alertmanager.address)
  onTestFinished(async () => {
    await Promise.all([run.stop(), alertmanager.stop()])
    webhook.close()
  })
  const degraded = () => alerts.filter(({ labels }) => labels['alertname'] === 'SluiceDegraded').map(({ labels }) => labels)
  await expect
    .poll(degraded, { timeout: 60_000 })
    .toEqual([{ alertname: 'SluiceDegraded', namespace: 'lost', source: 'local', severity: 'critical' }])
})
