// The service as a process of its own, which ends with the test.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { plainEnvironment, runSupervised, type SupervisedProcess, waitUntil } from '@sluice/testing/processes'
import { onTestFinished } from 'vitest'

/** ms. Four processes that start at once on a busy machine take their time. */
const PATIENCE = 100_000
const PROGRAM = join(import.meta.dirname, 'program.ts')

export interface RunningProgram {
  readonly process: SupervisedProcess
  /** What it wrote so far, to both streams. */
  output(): string
  /** Where HTTP is served. Throws if it is not. */
  readonly url: string
  /** Resolves with how the process ended, such as `code 0`. */
  ended(): Promise<string>
}

export type ProgramFlags = Readonly<Record<string, string | true>>

/** Starts `runServer` with flags and variables, and waits until it listens, or has ended. */
export async function runProgram(flags: ProgramFlags, env: Readonly<Record<string, string>> = {}): Promise<RunningProgram> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-program-'))
  const variables = Object.entries({ ...plainEnvironment(), NODE_OPTIONS: '', ...env }).map(([name, value]) => `${name}=${value}`)
  const line = ['-i', ...variables, process.execPath, '--conditions=source', PROGRAM, JSON.stringify({ http: '0', ...flags })]
  const started = await runSupervised('env', line, folder, 'log')
  onTestFinished(async () => {
    await started.kill()
    rmSync(folder, { recursive: true })
  })
  const output = (): string => readFileSync(join(folder, 'log'), 'utf8')
  const urlIn = (text: string): string | undefined => /^HTTP\s+(\S+)$/m.exec(text)?.[1]
  await waitUntil('the service to listen', () => started.ended() !== undefined || urlIn(output()) !== undefined, PATIENCE)
  const url = urlIn(output())
  return {
    process: started,
    output,
    get url() {
      if (url === undefined) throw new Error(`the service does not listen: ${output()}`)
      return url
    },
    async ended() {
      await waitUntil('the service to end', () => started.ended() !== undefined, PATIENCE)
      return started.ended() ?? ''
    },
  }
}
