// Asks the npm registry whether a dependency has a known vulnerability. `node scripts/audit.ts` fails if it has one, and if the registry
// does not answer. `npm test` only skips the audit then, since the tests must pass without a network.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'

export interface Audit {
  readonly result: 'clean' | 'vulnerable' | 'unknown'
  /** What pnpm printed. */
  readonly output: string
}

/** ms. Without it, a registry that does not answer would delay the tests by minutes. */
const TIMEOUT = 20_000

export function audit(): Audit {
  const pnpm = join(import.meta.dirname, '..', '.tools', 'node_modules', 'pnpm', 'bin', 'pnpm.mjs')
  const { status, stdout, stderr, error } = spawnSync(process.execPath, [pnpm, 'audit'], { encoding: 'utf8', timeout: TIMEOUT })
  const output = stripVTControlCharacters(`${stdout ?? ''}${stderr ?? ''}${error?.message ?? ''}`.trim())
  if (status === 0 && output.includes('No known vulnerabilities')) return { result: 'clean', output }
  const isVulnerable = /\b(low|moderate|high|critical)\b/.test(output) && /vulnerabilities found|Severity:/.test(output)
  return { result: isVulnerable ? 'vulnerable' : 'unknown', output }
}

if (import.meta.main) {
  const { result, output } = audit()
  console.log(output)
  process.exitCode = result === 'clean' ? 0 : 1
}
