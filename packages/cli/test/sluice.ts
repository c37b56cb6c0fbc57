// Runs commands, in this process or in one of their own.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { plainEnvironment } from '@sluice/testing/processes'
import { afterAll } from 'vitest'
import { runCli } from '../src/run-cli.ts'

export const BIN = join(import.meta.dirname, '../src/bin.ts')

export interface Ran {
  readonly status: number | null
  readonly out: string
  readonly err: string
}

export interface Settings {
  readonly input?: string | Buffer
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** Whether a person reads the errors, and can be asked. */
  readonly isAsked?: boolean
}

/** Runs `sluice` with these arguments in this process, without a terminal. A process of its own for each test would take minutes. */
export async function sluice(args: readonly string[], { input = '', env = {}, isAsked = false }: Omit<Settings, 'cwd'> = {}): Promise<Ran> {
  const texts = { out: '', err: '' }
  const into = (stream: keyof typeof texts) => ({
    write: (text: string): void => void (texts[stream] += text),
    isTTY: stream === 'err' && isAsked,
  })
  const status = await runCli(args, { out: into('out'), err: into('err'), in: Readable.from([input]), env: environment(env) })
  return { status, ...texts }
}

/** As `sluice`, in a process of its own, as a shell does: for what bin.ts does, and in another folder. */
export function sluiceProcess(args: readonly string[], { input = '', env = {}, cwd }: Settings = {}): Ran {
  const options = { input, env: environment(env), encoding: 'utf8', ...(cwd === undefined ? {} : { cwd }) } as const
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--conditions=source', '--disable-warning=ExperimentalWarning', BIN, ...args],
    options,
  )
  return { status, out: stdout, err: stderr }
}

function environment(env: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const { NO_COLOR: _n, FORCE_COLOR: _f, ...inherited } = plainEnvironment()
  return { ...inherited, ...env }
}

/** A folder of the test file, removed after it. */
export function newFolder(): { readonly path: string; readonly file: (name: string, text: string | Buffer) => string } {
  const path = mkdtempSync(join(tmpdir(), 'sluice-cli-'))
  afterAll(() => rmSync(path, { recursive: true, force: true }))
  return {
    path,
    file(name, text) {
      const file = join(path, name)
      writeFileSync(file, text)
      return file
    },
  }
}

/** A document with one limit by address, and a test of it. */
export function documentText(revision: number, limit = 2, fields = ''): string {
  return `apiVersion: sluice/v1
namespace: shop
revision: ${revision} # rises
subjects: { address: { parts: [{ ip: true }] } }
${fields}policies:
  - name: api
    rules: [{ name: all, limits: [{ name: minute, algorithm: slidingWindow, limit: ${limit}, window: 1m, subject: address }] }]
tests:
  - { name: two, request: { path: /, ip: 203.0.113.7 }, times: ${limit + 1}, expect: { refusedBy: api.minute, at: 3 } }
`
}
