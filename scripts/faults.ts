// `npm run test:faults`: the fault suite, with faults that last longer than in `npm test`.
// `-- --write` writes the table of docs/reliability.md. Other arguments go to vitest, such as `-- -t 'Redis is killed'`.
import { spawnSync } from 'node:child_process'
import { ensureRedis } from './redis.ts'

const isWriting = process.argv.includes('--write')
const others = process.argv.slice(2).filter((argument) => argument !== '--write')
await ensureRedis()
const { status } = spawnSync('vitest', ['run', '--project', 'faults', ...others], {
  stdio: 'inherit',
  env: { ...process.env, SLUICE_FAULTS: 'full', ...(isWriting ? { SLUICE_FAULTS_WRITE: '1' } : {}) },
  shell: process.platform === 'win32',
})
process.exitCode = status ?? 1
