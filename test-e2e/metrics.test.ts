// A real Prometheus scrapes a real process over a real Redis, with the rules and the dashboards that are shipped.
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { INSTRUMENTS } from '@sluice/telemetry'
import { promtool } from '@sluice/testing/prometheus'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { queriesOf } from './support/metrics/dashboards.ts'
import { type MeasuredRun, startMeasuredRun } from './support/metrics/measured-run.ts'
import { ROOT } from './support/workspace.ts'

const SECRETS = ['user:', '203.0.113.', '/private/path', 'a secret']

let run: MeasuredRun
beforeAll(async () => {
  run = await startMeasuredRun()
})
afterAll(() => run?.stop())

test('promtool finds no fault in a scrape, and the scrape has no secret of a request', async () => {
  const text = await (await fetch(`http://${run.target}/metrics`)).text()
  expect(promtool(['check', 'metrics'], { input: text })).toBe('')
  for (const secret of SECRETS) expect(text).not.toContain(secret)
})

test('every query of every dashboard has an answer, and Prometheus has every metric and no other', async () => {
  const { prometheus } = run
  const unanswered = async (): Promise<readonly string[]> => {
    const found: string[] = []
    // server-metrics.test.ts has the one of the check service.
    for (const file of globSync('deploy/grafana/!(server).json', { cwd: ROOT })) {
      for (const { title, runnable } of queriesOf(readFileSync(join(ROOT, file), 'utf8'))) {
        if ((await prometheus.query(runnable)).length === 0) found.push(`${file}: ${title}: ${runnable}`)
      }
    }
    return found
  }
  // Rates need two scrapes, and records of records one more evaluation.
  await expect.poll(unanswered, { timeout: 30_000, interval: 500 }).toEqual([])
  const names = await prometheus.names()
  const expected = INSTRUMENTS.flatMap(({ name, kind }) =>
    kind === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
  )
  expect(names.filter((name) => /^(?:sluice|rate_limit)_/.test(name)).toSorted(byName)).toEqual(expected.toSorted(byName))
  expect(await prometheus.query('sluice_policy_revision')).toMatchObject([{ labels: { namespace: 'shop' }, value: 7 }])
})

test('Prometheus has exactly as many decisions as the callers saw', async () => {
  const seen = (await (await fetch(`http://${run.target}/end`)).json()) as Record<string, number>
  expect(Object.keys(seen).length).toBeGreaterThan(6)
  const counted = async (): Promise<Record<string, number>> => {
    const samples = await run.prometheus.query('sum by (namespace, verdict) (sluice_decisions_total{mode="enforce"}) > 0')
    return Object.fromEntries(samples.map(({ labels, value }) => [`${labels['namespace']} ${labels['verdict']}`, value]))
  }
  await expect.poll(counted, { timeout: 10_000, interval: 200 }).toEqual(seen)
})

function byName(a: string, b: string): number {
  return a.localeCompare(b)
}
