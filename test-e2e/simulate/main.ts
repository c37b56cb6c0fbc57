// `npm run simulate`: fleets of 100 to 1,000 instances on one store, checked against the bounds; exit code 1 when one is broken.
// `-- --write` keeps the table in docs/scale.md; `-- Zipf` runs the scenarios with that word in their name.
import { simulate } from './fleet.ts'
import { scenarios } from './scenario.ts'
import { cellsOf, type Row, write, wrongOf } from './table.ts'

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
const wrong = rows.map(wrongOf).filter((text) => text !== undefined)
for (const text of wrong) console.error(`✗ ${text}`)
if (wrong.length === 0) console.log(`✓ ${rows.length} fleets within their bounds`)
if (process.argv.includes('--write') && word === '' && wrong.length === 0) write(rows, seed)
process.exitCode = wrong.length > 0 || rows.length === 0 ? 1 : 0
