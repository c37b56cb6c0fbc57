// `npm run test:faults`: the fault suite, each fault for longer. `-- --write` keeps its table in docs/reliability.md.
import { spawnSync } from 'node:child_process'
import { ensureRedis } from './redis.ts'

await ensureRedis()
const env = { ...process.env, SLUICE_FAULTS: 'full', ...(process.argv.includes('--write') ? { SLUICE_FAULTS_WRITE: '1' } : {}) }
const filter = process.argv.slice(2).filter((word) => word !== '--write')
const { status } = spawnSync('vitest', ['run', '--project', 'faults', ...filter], {
  stdio: 'inherit',
  env,
  shell: process.platform === 'win32',
})
process.exitCode = status ?? 1
