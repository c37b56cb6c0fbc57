// Writes deploy/grafana/*.json from the dashboards in scripts/grafana. `npm run generate` writes. `--check` writes nothing and fails where a
// file differs.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import abuse from './grafana/abuse.ts'
import fleet from './grafana/fleet.ts'
import policy from './grafana/policy.ts'
import server from './grafana/server.ts'
import store from './grafana/store.ts'

const FOLDER = join(import.meta.dirname, '../deploy/grafana')
const COMMAND = 'npm run generate'

mkdirSync(FOLDER, { recursive: true })
for (const [name, dashboard] of Object.entries({ fleet, policy, store, abuse, server })) {
  const file = join(FOLDER, `${name}.json`)
  const text = `${JSON.stringify(dashboard, null, 2)}\n`
  if (existsSync(file) && readFileSync(file, 'utf8') === text) continue
  if (process.argv.includes('--check')) {
    console.error(`deploy/grafana/${name}.json is not what scripts/grafana.ts writes. Run  ${COMMAND}`)
    process.exitCode = 1
  } else writeFileSync(file, text)
}
