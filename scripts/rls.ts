// Builds the rate limit services that tests and benchmarks run beside ours: `node scripts/rls.ts [ratelimit|gubernator|throttlecrab…]`. Each is made
// once, into .tools, by Go or Rust. By default the first one, which `npm run test:all` needs; the benchmark `rls` needs all.
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

/** ms. One core compiles for up to 8 minutes, and on a busy machine for longer. */
const TIMEOUT = 3_600_000
/** Without it, throttlecrab fails at the very end. */
const PROTOC = 'protoc of the package protobuf-compiler'

/** As in packages/testing/src/rls/programs.ts, which the compiler sees as another project. */
interface Program {
  readonly name: string
  readonly version: string
  readonly needs: 'go' | 'cargo'
  readonly source: string
  readonly binary: string
  readonly minutes: number
}

/** Builds those that are not there. Returns for each that cannot be built what is missing. */
export async function ensureRls(...names: readonly string[]): Promise<readonly string[]> {
  const { href } = new URL('../packages/testing/src/rls/programs.ts', import.meta.url)
  const { RLS_PROGRAMS, rlsProgramPath } = (await import(href)) as {
    readonly RLS_PROGRAMS: readonly Program[]
    readonly rlsProgramPath: (program: Program) => string
  }
  const missing: string[] = []
  for (const program of RLS_PROGRAMS) {
    const path = rlsProgramPath(program)
    if (!names.includes(program.name) || existsSync(path)) continue
    const problem = build(program, path)
    if (problem !== undefined) missing.push(problem)
  }
  return missing
}

function build(program: Program, path: string): string | undefined {
  const { name, version, needs, source, binary, minutes } = program
  if (needs === 'cargo' && spawnSync('protoc', ['--version']).status !== 0) return `${name} needs ${PROTOC}`
  console.log(`Building ${name} ${version} (once, about ${minutes} minutes)…`)
  const folder = mkdtempSync(join(tmpdir(), 'sluice-rls-'))
  try {
    const [command, ...args] =
      needs === 'go'
        ? ['go', 'install', '-trimpath', '-ldflags=-s -w', `${source}@${version}`]
        : ['cargo', 'install', '--locked', '--root', folder, `${source}@${version}`]
    const env = { ...process.env, GOBIN: folder, CGO_ENABLED: '0', CARGO_TARGET_DIR: join(folder, 'target') }
    const { status, stderr, error } = spawnSync(command, args, { env, encoding: 'utf8', timeout: TIMEOUT, maxBuffer: 2 ** 26 })
    if (status !== 0) return `${name} cannot be built: install ${needs}, then node scripts/rls.ts ${name}\n${stderr ?? ''}${error ?? ''}`
    mkdirSync(dirname(path), { recursive: true })
    // Renamed, so that an interrupted run leaves no half of it. The temporary folder may be on another disk.
    spawnSync('cp', [join(folder, needs === 'go' ? binary : `bin/${binary}`), `${path}.new`])
    renameSync(`${path}.new`, path)
    return undefined
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

if (import.meta.main) {
  const names = process.argv.length > 2 ? process.argv.slice(2) : ['ratelimit']
  const missing = await ensureRls(...names)
  console.log(missing.length === 0 ? `They are there: ${names.join(', ')}.` : missing.join('\n'))
  if (missing.length > 0) process.exitCode = 1
}
