// `npm run bench -- [--quick] [--write] [--gate] [<group>…]`: Sluice beside other rate limiters, measured in one run. Prints the tables.
// `--write` also writes them to bench/README.md, and the samples and charts to bench/results. With `--gate`, the status is 1 where a target for CI is
// missed.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { blockList } from './groups/block-list.ts'
import { bytes } from './groups/bytes.ts'
import { cluster } from './groups/cluster.ts'
import { events } from './groups/events.ts'
import { http, httpRedis } from './groups/http.ts'
import { latency } from './groups/latency.ts'
import { memory } from './groups/memory.ts'
import { metrics } from './groups/metrics.ts'
import { observed } from './groups/observed.ts'
import { policies } from './groups/policies.ts'
import { redisBytes } from './groups/redis-bytes.ts'
import { redis } from './groups/redis.ts'
import { regions } from './groups/regions.ts'
import { replay } from './groups/replay.ts'
import { rls } from './groups/rls.ts'
import { subjects } from './groups/subjects.ts'
import { zipf } from './groups/zipf.ts'
import { draw } from './report/chart.ts'
import { type Group, isReached, type Report } from './report/report.ts'
import { markdown } from './report/table.ts'

const GROUPS: readonly Group[] = [
  memory,
  subjects,
  bytes,
  redis,
  cluster,
  regions,
  zipf,
  policies,
  metrics,
  observed,
  events,
  blockList,
  latency,
  http,
  httpRedis,
  redisBytes,
  replay,
  rls,
]
const OPTIONS = ['--quick', '--write', '--gate']
const RESULTS = new URL('results/', import.meta.url)
const README = new URL('README.md', import.meta.url)

const words = process.argv.slice(2)
const unknown = words.filter((word) => !OPTIONS.includes(word) && !GROUPS.some(({ name }) => name === word))
if (unknown.length > 0) {
  const groups = GROUPS.map(({ name }) => name).join('|')
  console.error(`Unknown: ${unknown.join(' ')}. Usage: npm run bench -- [--quick] [--write] [--gate] [${groups}]`)
  process.exit(1)
}
const isQuick = words.includes('--quick')
const isWriting = words.includes('--write')
const named = GROUPS.filter(({ name }) => words.includes(name))
const chosen = named.length > 0 ? named : GROUPS.filter(({ isLong }) => !isQuick || isLong !== true)

const machine = `Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown processor'}`
console.log(machine)
let missed = 0
const start = performance.now()
for (const group of chosen) {
  const [rounds, ms] = isQuick ? group.quick : group.full
  const groupStart = performance.now()
  const load = loadavg()[0] ?? 0
  const report = await group.run({ isQuick, rounds, ms })
  const conditions = `${rounds} ${rounds === 1 ? 'round' : 'rounds'}${isQuick ? ', quick' : ''}; load ${load.toFixed(1)} at its start`
  const tables = `${group.about}\n\n${markdown(report)}\n\n${machine}; ${conditions}.`
  console.log(`\n## ${group.title} (${group.name}, ${seconds(groupStart).toFixed(1)} s)\n${tables}`)
  if (words.includes('--gate') && report.targets.some((target) => target.isGate === true && !isReached(target))) process.exitCode = 1
  missed += report.targets.filter((target) => !isReached(target)).length
  if (isWriting) {
    writeResults(group, report, { machine, load, isQuick, rounds })
    writeTables(group.name, tables)
  }
}
console.log(`\n${seconds(start).toFixed(0)} s; ${missed === 0 ? 'every target reached' : `${missed} targets missed`}`)

function seconds(since: number): number {
  return (performance.now() - since) / 1_000
}

function writeResults({ name, title }: Group, { targets, charts = [], data }: Report, conditions: object): void {
  const reached = targets.map((target) => ({ ...target, isReached: isReached(target) }))
  const results = { title, ...conditions, at: new Date().toISOString(), targets: reached, data }
  mkdirSync(RESULTS, { recursive: true })
  writeFileSync(new URL(`${name}.json`, RESULTS), `${JSON.stringify(results, rounded, 1)}\n`)
  for (const chart of charts) writeFileSync(new URL(`${chart.file}.svg`, RESULTS), draw(chart))
}

function rounded(_: string, value: unknown): unknown {
  return typeof value === 'number' ? Number(value.toPrecision(5)) : value
}

/** Replaces the tables of one group, so that a group can be measured again by itself. */
function writeTables(name: string, tables: string): void {
  const [opening, closing] = [`<!-- bench:${name} -->`, `<!-- /bench:${name} -->`]
  const page = readFileSync(README, 'utf8')
  const [from, to] = [page.indexOf(opening), page.indexOf(closing)]
  if (from < 0 || to < 0) throw new Error(`bench/README.md has no ${opening} … ${closing}`)
  writeFileSync(README, `${page.slice(0, from + opening.length)}\n${tables}\n${page.slice(to)}`)
}
