// `npm test`: every check, one line each, and at the end the count. A failing check does not hide the ones after it.
import { spawnSync, type SpawnSyncReturns } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { audit } from './audit.ts'
import { ensureRedis } from './redis.ts'
import { stripVTControlCharacters } from 'node:util'

/** The part of vitest's JSON report that is read here. */
interface Report {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly numPendingTests: number
  readonly testResults: readonly { readonly name: string; readonly status: string; readonly assertionResults: readonly unknown[] }[]
}

const CHECKS: readonly (readonly [name: string, ...command: string[]])[] = [
  ['lint', 'oxlint', '.'],
  ['format', 'oxfmt', '--check', '.'],
  ['build and types', 'tsc', '-b'],
  ['unused code', 'knip'],
  ['embedded Lua', 'node', 'scripts/embed-lua.ts', '--check'],
  ['Lua', 'node', 'scripts/lint-lua.ts'],
]

let passed = 0
let failed = 0
let skipped = 0

for (const [name, command, ...args] of CHECKS) {
  const start = performance.now()
  const { status, error, stdout, stderr } = run(command!, args, 'pipe')
  const ok = status === 0
  console.log(`${ok ? '✓' : '✗'} ${name} (${seconds(start)})`)
  if (ok) passed += 1
  else {
    failed += 1
    // Some of the tools colour whatever CI is to read.
    console.log(stripVTControlCharacters(`${[stdout, stderr, error?.message].filter(Boolean).join('\n')}\n`))
  }
}
audited()
await ensureRedis()
tests()
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`)
process.exitCode = failed > 0 ? 1 : 0

/** What the registry knows of the dependencies; not asked is not passed, and not failed. */
function audited(): void {
  const start = performance.now()
  const { result, said } = audit()
  const mark = { clean: '✓', found: '✗', unknown: '–' }[result]
  console.log(
    `${mark} dependency audit (${seconds(start)})${result === 'unknown' ? ': not asked, the registry does not answer audits here' : ''}`,
  )
  if (result === 'clean') passed += 1
  if (result !== 'found') return
  failed += 1
  console.log(stripVTControlCharacters(said))
}

function tests(): void {
  const start = performance.now()
  const folder = mkdtempSync(join(tmpdir(), 'sluice-test-'))
  const file = join(folder, 'report.json')
  const { status } = run('vitest', ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${file}`], 'inherit')
  const report = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Report) : undefined
  rmSync(folder, { recursive: true })
  // A file that could not be loaded has no tests to count, and an error outside every test fails none: each counts as one.
  const broken = report?.testResults.filter((result) => result.status === 'failed' && result.assertionResults.length === 0).length ?? 0
  const failures = (report?.numFailedTests ?? 0) + broken
  const unexplained = failures === 0 && (status !== 0 || !report?.numPassedTests)
  passed += report?.numPassedTests ?? 0
  failed += failures + (unexplained ? 1 : 0)
  skipped += report?.numPendingTests ?? 0
  console.log(
    `${failures === 0 && !unexplained ? '✓' : '✗'} tests (${seconds(start)})${unexplained ? ': an error outside the tests, or none ran' : ''}`,
  )
}

/** Tools come from the path that the bootstrap set; on Windows they are scripts, which need a shell. */
function run(command: string, args: readonly string[], stdio: 'inherit' | 'pipe'): SpawnSyncReturns<string> {
  const env = process.stdout.isTTY ? process.env : { ...process.env, NO_COLOR: '1' }
  return spawnSync(command, args, { stdio, env, shell: process.platform === 'win32', encoding: 'utf8', maxBuffer: 2 ** 26 })
}

function seconds(start: number): string {
  return `${((performance.now() - start) / 1000).toFixed(1)} s`
}
