// The steps of `npm test` and `npm run check`. Each step prints one line and is counted. After a failed step the next ones still run.
import { spawnSync, type SpawnSyncReturns } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'

export const ROOT: string = join(import.meta.dirname, '..')

/** The part of vitest's JSON report that is read here. */
interface Report {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly numPendingTests: number
  readonly testResults: readonly { readonly status: string; readonly assertionResults: readonly unknown[] }[]
}

type Command = readonly [name: string, command: string, ...args: string[]]

export const LINT: readonly Command[] = [
  ['lint', 'oxlint', '.'],
  ['format', 'oxfmt', '--check', '.'],
  ['unused code', 'knip'],
  ['embedded Lua', 'node', 'scripts/embed-lua.ts', '--check'],
  ['Lua', 'node', 'scripts/lint-lua.ts'],
  ['size budget', 'node', 'scripts/size.ts'],
  ['policy reference', 'node', 'scripts/policy-reference.ts', '--check'],
  ['commands of sluice', 'node', 'scripts/cli-reference.ts', '--check'],
  ['table of metrics', 'node', 'scripts/metrics-reference.ts', '--check'],
  ['tables of the service', 'node', 'scripts/server-reference.ts', '--check'],
  ['dashboards', 'node', 'scripts/grafana.ts', '--check'],
  ['package fields', 'node', 'scripts/package-fields.ts', '--check'],
]
export const TYPES: Command = ['types', 'tsc', '-b']

export class Steps {
  private passed = 0
  private failed = 0
  private skipped = 0

  /** A command that passes with exit code 0. Shows its output only if it fails. */
  command([name, command, ...args]: Command): void {
    const start = performance.now()
    const { status, error, stdout, stderr } = run(command, args, 'pipe')
    this.report(name, start, status === 0 ? 'passed' : 'failed')
    // Some tools colour their output although it goes to a pipe.
    if (status !== 0) console.log(stripVTControlCharacters(`${[stdout, stderr, error?.message].filter(Boolean).join('\n')}\n`))
  }

  /** Prints and counts a step that has run. A skipped step counts as neither. */
  report(name: string, start: number, result: 'passed' | 'failed' | 'skipped', note = ''): void {
    const mark = { passed: '✓', failed: '✗', skipped: '–' }[result]
    console.log(`${mark} ${name} (${((performance.now() - start) / 1000).toFixed(1)} s)${note === '' ? '' : `: ${note}`}`)
    if (result === 'passed') this.passed += 1
    if (result === 'failed') this.failed += 1
  }

  /** Runs vitest, and counts its tests instead of the step. */
  tests(args: readonly string[] = [], environment: NodeJS.ProcessEnv = {}, name = 'tests'): void {
    const start = performance.now()
    const folder = mkdtempSync(join(tmpdir(), 'sluice-test-'))
    const file = join(folder, 'report.json')
    // Hundreds of tests start programs, which load the same sources: what Node compiled for one, it need not compile for the next.
    const compiled = { NODE_COMPILE_CACHE: join(folder, 'compiled') }
    const reporters = ['default', 'json', './scripts/stuck-files.ts'].map((name) => `--reporter=${name}`)
    const { status } = run('vitest', ['run', ...reporters, `--outputFile.json=${file}`, ...args], 'inherit', {
      ...compiled,
      ...environment,
    })
    const report = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Report) : undefined
    rmSync(folder, { recursive: true })
    // A file that could not be loaded has no tests, and an error outside all tests fails none of them. Each counts as one failure.
    const broken = report?.testResults.filter((result) => result.status === 'failed' && result.assertionResults.length === 0).length ?? 0
    const failures = (report?.numFailedTests ?? 0) + broken
    const isUnexplained = failures === 0 && (status !== 0 || !report?.numPassedTests)
    this.passed += report?.numPassedTests ?? 0
    this.failed += failures + (isUnexplained ? 1 : 0)
    this.skipped += report?.numPendingTests ?? 0
    const mark = failures === 0 && !isUnexplained ? '✓' : '✗'
    const note = isUnexplained ? ': an error outside the tests, or no test ran' : ''
    console.log(`${mark} ${name} (${((performance.now() - start) / 1000).toFixed(1)} s)${note}`)
  }

  /** Prints the count, and sets the exit code. CI reads this line. */
  finish(): void {
    console.log(`${this.passed} passed, ${this.failed} failed${this.skipped > 0 ? `, ${this.skipped} skipped` : ''}`)
    process.exitCode = this.failed > 0 ? 1 : 0
  }
}

/** Runs a tool from the PATH that bootstrap.mjs set. On Windows the tools are scripts, which need a shell. */
function run(
  command: string,
  args: readonly string[],
  stdio: 'inherit' | 'pipe',
  environment: NodeJS.ProcessEnv = {},
): SpawnSyncReturns<string> {
  const env = { ...process.env, ...(process.stdout.isTTY ? {} : { NO_COLOR: '1' }), ...environment }
  return spawnSync(command, args, { cwd: ROOT, stdio, env, shell: process.platform === 'win32', encoding: 'utf8', maxBuffer: 2 ** 26 })
}
