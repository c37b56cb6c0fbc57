// Whether a dependency has a known weakness, as the registry says it. `node scripts/audit.ts` fails where it can not be asked;
// `npm test` says so and goes on: it works offline.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

export interface Audit {
  readonly result: 'clean' | 'found' | 'unknown'
  readonly said: string
}

/** ms: a registry that is away must not hold the tests up. */
const TIMEOUT = 20_000

export function audit(): Audit {
  const pnpm = join(import.meta.dirname, '..', '.tools', 'node_modules', 'pnpm', 'bin', 'pnpm.mjs')
  const { status, stdout, stderr, error } = spawnSync(process.execPath, [pnpm, 'audit'], { encoding: 'utf8', timeout: TIMEOUT })
  const said = `${stdout ?? ''}${stderr ?? ''}${error?.message ?? ''}`.trim()
  if (status === 0 && said.includes('No known vulnerabilities')) return { result: 'clean', said }
  return {
    result: /\b(low|moderate|high|critical)\b/.test(said) && /vulnerabilities found|Severity:/.test(said) ? 'found' : 'unknown',
    said,
  }
}

if (import.meta.main) {
  const { result, said } = audit()
  console.log(said)
  process.exitCode = result === 'clean' ? 0 : 1
}
