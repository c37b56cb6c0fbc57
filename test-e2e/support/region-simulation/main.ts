// `npm run simulate:regions`: ten regions of 1,000 processes and a million subjects. Exits with 1 when a bound is exceeded.
// `-- --write` writes the tables of docs/scale.md. `-- Zipf` runs the scenarios with that word in their name. `-- --quick`: a hundredth of it.
import { regionScenarios } from './scenario.ts'
import { simulateRegions } from './simulate.ts'
import { costCells, errorCells, problemOf, type Row, write } from './table.ts'

const seed = Number(process.env['SLUICE_SEED'] ?? Date.now() % 2 ** 31)
const [word = ''] = process.argv.slice(2).filter((argument) => !argument.startsWith('--'))
const isQuick = process.argv.includes('--quick')
console.log(`SLUICE_SEED=${seed}`)
const rows: Row[] = []
for (const scenario of regionScenarios(isQuick ? 0.01 : 1)) {
  if (!scenario.name.includes(word)) continue
  const row = { scenario, result: await simulateRegions(scenario, seed) }
  rows.push(row)
  const cells = Object.entries({ ...costCells(row), ...errorCells(row) }).map(([name, text]) => `  ${name.padEnd(54)}${text}`)
  console.log([scenario.name, ...cells].join('\n'))
}
const problems = rows.map(problemOf).filter((text) => text !== undefined)
for (const text of problems) console.error(`✗ ${text}`)
if (problems.length === 0) console.log(`✓ ${rows.length} scenarios within their bounds`)
if (process.argv.includes('--write') && word === '' && !isQuick && problems.length === 0) write(rows, seed)
process.exitCode = problems.length > 0 || rows.length === 0 ? 1 : 0
