// `npm run measure:regions`: two and three regions on real servers, with three intervals and three ways between them. Exits with 1 when a
// measured error is above its bound. `-- --write` writes the table of docs/regions.md.
import { randomOf } from '../simulation/random.ts'
import { measureErrors, type Measured } from './measure.ts'
import { GROUPS } from './setting.ts'
import { cellsOf, problemsOf, tableOf, write } from './table.ts'

const seed = Number(process.env['SLUICE_SEED'] ?? Date.now() % 2 ** 31)
console.log(`SLUICE_SEED=${seed}`)
const random = randomOf(seed)
const rows: Measured[] = []
for (const settings of GROUPS) {
  for (const row of await measureErrors(settings, { limit: 200, window: 30_000, random })) {
    rows.push(row)
    console.log(
      Object.entries(cellsOf(row))
        .map(([name, text]) => `${name} ${text}`)
        .join('  '),
    )
  }
}
const problems = rows.flatMap(problemsOf)
console.log(`\n${tableOf(rows)}`)
for (const text of problems) console.error(`✗ ${text}`)
if (problems.length === 0) console.log(`✓ ${rows.length} settings within their bounds`)
if (process.argv.includes('--write') && problems.length === 0) write(rows)
process.exitCode = problems.length > 0 ? 1 : 0
