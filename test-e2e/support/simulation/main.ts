// `npm run simulate`: 100 to 1,000 processes on one store, checked against the bounds. Exits with 1 when a bound is exceeded.
// `-- --write` writes the table of docs/scale.md. `-- Zipf` runs the scenarios with that word in their name.
import { simulate } from './simulate.ts'
import { scenarios } from './scenario.ts'
import { cellsOf, type Row, write, problemOf } from './table.ts'

const seed = Number(process.env['SLUICE_SEED'] ?? Date.now() % 2 ** 31)
const [word = ''] = process.argv.slice(2).filter((argument) => argument !== '--write')
console.log(`SLUICE_SEED=${seed}`)
const rows: Row[] = []
for (const scenario of scenarios()) {
  if (!scenario.name.includes(word)) continue
  const row = { scenario, result: await simulate(scenario, seed) }
  rows.push(row)
  const cells = Object.entries(cellsOf(row)).map(([name, text]) => `  ${name.padEnd(24)}${text}`)
  console.log([scenario.name, ...cells].join('\n'))
}
const problems = rows.map(problemOf).filter((text) => text !== undefined)
for (const text of problems) console.error(`✗ ${text}`)
if (problems.length === 0) console.log(`✓ ${rows.length} scenarios within their bounds`)
if (process.argv.includes('--write') && word === '' && problems.length === 0) write(rows, seed)
process.exitCode = problems.length > 0 || rows.length === 0 ? 1 : 0
