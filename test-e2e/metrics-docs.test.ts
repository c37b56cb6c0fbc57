// What the pages, the rules and the dashboards name exists, and what exists is named.
import { globSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { parser } from '@prometheus-io/lezer-promql'
import { SERVER_INSTRUMENTS } from '@sluice/server'
import { INSTRUMENTS } from '@sluice/telemetry'
import { promtool } from '@sluice/testing/prometheus'
import { describe, expect, test } from 'vitest'
import { queriesOf } from './support/metrics/dashboards.ts'
import { ROOT } from './support/workspace.ts'

const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8')
const all = (text: string, pattern: RegExp): readonly string[] => [...new Set(Array.from(text.matchAll(pattern), ([, found]) => found!))]

const RULES = join(ROOT, 'deploy/prometheus')
const rules = read('deploy/prometheus/rules.yml')
const cases = read('deploy/prometheus/rules.test.yml') + read('deploy/prometheus/spike.test.yml')
const page = read('docs/telemetry.md')
const alerts = all(rules, /- alert: (\w+)/g)
const records = all(rules, /- record: ([\w:]+)/g)
const dashboards = globSync('deploy/grafana/*.json', { cwd: ROOT }).toSorted((a, b) => a.localeCompare(b))

/** The names that Prometheus has of all metrics. A histogram has three. */
const names = new Set(
  [...INSTRUMENTS, ...SERVER_INSTRUMENTS].flatMap(({ name, kind }) =>
    kind === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
  ),
)
const METRIC = /(?<![\w:])((?:sluice|rate_limit)_\w*[a-z])\b(?![:.])/g

describe('rules of Prometheus', () => {
  test('promtool accepts them, and the example of a configuration', () => {
    promtool(['check', 'config', 'prometheus.yml'], { cwd: RULES })
  })
  // The spike needs a week of data, which takes 5 s.
  const files = process.env['SLUICE_FAULTS'] === 'full' ? ['rules.test.yml', 'spike.test.yml'] : ['rules.test.yml']
  test.each(files)('every case of %s passes', (file) => {
    promtool(['test', 'rules', file], { cwd: RULES })
  })
  test.each(alerts)('%s has a case that fires, one that does not, and a row in docs/telemetry.md', (alert) => {
    const own = cases
      .split(/(?=alertname: )/)
      .filter((text) => text.startsWith(`alertname: ${alert}\n`) || text.startsWith(`alertname: ${alert},`))
    expect(own.some((text) => /^alertname: \w+,? *\n? *,? *exp_alerts: \[\]/.test(text))).toBe(true)
    expect(own.some((text) => text.includes('exp_labels'))).toBe(true)
    expect(page).toContain(`| \`${alert}\` |`)
  })
  test('docs/telemetry.md names every alert and record, and no other', () => {
    expect(all(page, /`(Sluice\w+)`/g).toSorted(byName)).toEqual(alerts.toSorted(byName))
    expect(all(page, /`(\w+:[\w:]+|policy_cache_hit_rate)`/g).toSorted(byName)).toEqual(records.toSorted(byName))
  })
  test('every metric in them exists', () => {
    expect(all(rules + cases, METRIC).filter((name) => !known(name))).toEqual([])
  })
})

describe('metrics in pages', () => {
  test('the pages name every metric, and only such that exist', () => {
    expect(INSTRUMENTS.map(({ name }) => name).filter((name) => !page.includes(`| \`${name}\` |`))).toEqual([])
    const service = read('docs/server.md')
    expect(SERVER_INSTRUMENTS.map(({ name }) => name).filter((name) => !service.includes(`| \`${name}\` |`))).toEqual([])
    const pages = [...globSync('docs/*.md', { cwd: ROOT }), ...globSync('{deploy,packages}/*/README.md', { cwd: ROOT })]
    const existing = [...INSTRUMENTS, ...SERVER_INSTRUMENTS].map(({ name }) => name)
    // The program of docs/operations.md shows counters of its own.
    const shown = pages.filter((file) => file !== 'docs/operations.md').map(read)
    expect(all(shown.join('\n'), METRIC).filter((name) => !known(name) && !existing.includes(name))).toEqual([])
  })
})

describe.each(dashboards)('%s', (file) => {
  const queries = queriesOf(read(file))

  test('is one of the dashboards of its README, and has queries', () => {
    expect(read('deploy/grafana/README.md')).toContain(`| \`${basename(file)}\` |`)
    expect(queries.length).toBeGreaterThan(5)
  })
  test('every query is PromQL, of metrics and records that exist', () => {
    for (const { title, runnable } of queries) {
      const errors: string[] = []
      parser.parse(runnable).iterate({ enter: (node) => void (node.type.isError && errors.push(runnable.slice(node.from, node.to))) })
      expect(errors, `${title}: ${runnable}`).toEqual([])
      const used = all(runnable, /([a-z_][\w:]*)(?=\s*(?:\{|\[|\)|$))/gi).filter((name) =>
        /^(?:sluice|rate_limit|redis|policy|namespace:|shard:)/.test(name),
      )
      expect(used.length, title).toBeGreaterThan(0)
      expect(
        used.filter((name) => !known(name)),
        title,
      ).toEqual([])
    }
  })
})

test('every metric is in a dashboard or in an alert', () => {
  const used = dashboards.map(read).join('\n') + rules
  const both = [...INSTRUMENTS, ...SERVER_INSTRUMENTS]
  expect(both.map(({ name }) => name).filter((name) => !used.includes(name))).toEqual([])
})

function known(name: string): boolean {
  return names.has(name) || records.includes(name)
}

function byName(a: string, b: string): number {
  return a.localeCompare(b)
}
