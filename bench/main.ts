// `npm run bench [-- --quick] [-- --write] [-- <group>…]`: Sluice beside its peers and the bare bounds, in one run. Prints the tables,
// keeps results and charts in bench/results; --write also keeps the tables in bench/README.md.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { draw } from './chart.ts'
import { bytes } from './groups/bytes.ts'
import { cluster } from './groups/cluster.ts'
import { http, httpRedis } from './groups/http.ts'
import { latency } from './groups/latency.ts'
import { memory } from './groups/memory.ts'
import { redisBytes } from './groups/redis-bytes.ts'
import { redis } from './groups/redis.ts'
import { subjects } from './groups/subjects.ts'
import { zipf } from './groups/zipf.ts'
import { type Group, isReached, type Report } from './report.ts'
import { markdown } from './table.ts'

const GROUPS: readonly Group[] = [memory, subjects, bytes, redis, cluster, zipf, latency, http, httpRedis, redisBytes]
const words = process.argv.slice(2)
const isQuick = words.includes('--quick')
const isWriting = words.includes('--write')
const wanted = words.filter((word) => !word.startsWith('--'))
const unknown = words.filter((word) =>
  word.startsWith('--') ? !['--quick', '--write'].includes(word) : !GROUPS.some(({ name }) => name === word),
)
if (unknown.length > 0) {
  console.error(`Unknown: ${unknown.join(' ')}. Usage: npm run bench -- [--quick] [--write] [${GROUPS.map(({ name }) => name).join('|')}]`)
  process.exit(1)
}
const machine = `Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown processor'}`
const results = new URL('results/', import.meta.url)
const readme = new URL('README.md', import.meta.url)
mkdirSync(results, { recursive: true })
console.log(machine)

let missed = 0
const start = performance.now()
for (const group of GROUPS) {
  if (wanted.length > 0 ? !wanted.includes(group.name) : isQuick && group.isLong === true) continue
  const [rounds, ms] = isQuick ? group.quick : group.full
  const began = performance.now()
  const load = loadavg()[0] ?? 0
  const report = await group.run({ isQuick, rounds, ms })
  const how = `${rounds} ${rounds === 1 ? 'round' : 'rounds'}${isQuick ? ', quick' : ''}; load ${load.toFixed(1)} at its start`
  const tables = `${group.about}\n\n${markdown(report)}\n\n${machine}; ${how}.`
  console.log(`\n## ${group.title} (${group.name}, ${((performance.now() - began) / 1_000).toFixed(1)} s)\n${tables}`)
  missed += report.bars.filter((bar) => !isReached(bar)).length
  keep(group, report, { machine, load, isQuick, rounds })
  if (isWriting) writeBetween(group.name, tables)
}
console.log(`\n${((performance.now() - start) / 1_000).toFixed(0)} s; ${missed === 0 ? 'every bar reached' : `${missed} bars missed`}`)

function keep({ name, title }: Group, { bars, charts = [], data }: Report, about: object): void {
  const kept = { title, ...about, at: new Date().toISOString(), bars: bars.map((bar) => ({ ...bar, isReached: isReached(bar) })), data }
  writeFileSync(new URL(`${name}.json`, results), `${JSON.stringify(kept, rounded, 1)}\n`)
  for (const chart of charts) writeFileSync(new URL(`${chart.file}.svg`, results), draw(chart))
}

function rounded(_: string, value: unknown): unknown {
  return typeof value === 'number' ? Number(value.toPrecision(5)) : value
}

/** Each group has its own place, so that one can be run again alone. */
function writeBetween(name: string, tables: string): void {
  const [from, to] = [`<!-- bench:${name} -->`, `<!-- /bench:${name} -->`]
  const page = readFileSync(readme, 'utf8')
  const [before, after] = [page.indexOf(from), page.indexOf(to)]
  if (before < 0 || after < 0) throw new Error(`bench/README.md has no ${from} … ${to}`)
  writeFileSync(readme, `${page.slice(0, before + from.length)}\n${tables}\n${page.slice(after)}`)
}
