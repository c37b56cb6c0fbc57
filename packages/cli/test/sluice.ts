// Runs the program itself, as a shell does.
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { runCli } from '@sluice/cli'
import { afterAll } from 'vitest'

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
}

/** Runs `sluice` with these arguments, without a terminal. */
export function sluice(args: readonly string[], { input = '', env = {}, cwd }: Settings = {}): Ran {
  const { NO_COLOR: _n, FORCE_COLOR: _f, ...inherited } = process.env
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--conditions=source', '--disable-warning=ExperimentalWarning', BIN, ...args],
    {
      input,
      env: { ...inherited, ...env },
      encoding: 'utf8',
      ...(cwd === undefined ? {} : { cwd }),
    },
  )
  return { status, out: stdout, err: stderr }
}

/** As `sluice`, while this process answers requests. */
export async function sluiceBeside(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ran> {
  const child = spawn(process.execPath, ['--conditions=source', '--disable-warning=ExperimentalWarning', BIN, ...args], {
    env: { ...process.env, NO_COLOR: '1', ...env },
  })
  const read = async (stream: NodeJS.ReadableStream): Promise<string> => {
    let text = ''
    for await (const chunk of stream) text += String(chunk)
    return text
  }
  const [out, err, status] = await Promise.all([
    read(child.stdout),
    read(child.stderr),
    new Promise<number | null>((resolve) => child.once('exit', resolve)),
  ])
  return { status, out, err }
}

/** As `sluice`, in this process: a process of its own takes a second to start. */
export async function sluiceHere(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ran> {
  const written = { out: '', err: '' }
  const stream = (name: 'out' | 'err') => ({ write: (text: string) => void (written[name] += text) })
  const status = await runCli(args, { out: stream('out'), err: stream('err'), in: Readable.from([]), env })
  return { status, ...written }
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
