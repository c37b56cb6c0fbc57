// A project outside the workspace that has installed the packages.
import { spawnSync } from 'node:child_process'
import { mkdirSync, realpathSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { ROOT } from '../workspace.ts'

/** ms. A child that is stuck must fail its test: nothing can interrupt a synchronous wait. */
const TIMEOUT = 110_000

export interface Ended {
  readonly status: number | null
  readonly stdout: string
  /** Everything that the program printed, and why it could not run. */
  readonly output: string
}

export function runToEnd(command: string, args: readonly string[], cwd: string, env: NodeJS.ProcessEnv = {}): Ended {
  const options = { cwd, env: { ...process.env, ...env }, encoding: 'utf8', timeout: TIMEOUT } as const
  const { status, error, stdout, stderr } = spawnSync(command, args, options)
  return { status, stdout, output: `${[command, ...args].join(' ')}\n${stdout}${stderr}${error?.message ?? ''}` }
}

/** Returns what the program prints. Throws if it fails. */
export function run(command: string, args: readonly string[], cwd: string): string {
  const { status, stdout, output } = runToEnd(command, args, cwd)
  if (status !== 0) throw new Error(output)
  return stdout
}

/** Links a dependency of the project from a folder of the workspace that has it, so that no registry is needed. */
export function link(project: string, from: string, ...names: readonly string[]): void {
  for (const name of names) {
    const path = join(project, 'node_modules', name)
    mkdirSync(dirname(path), { recursive: true })
    symlinkSync(realpathSync(join(from, 'node_modules', name)), path, 'junction')
  }
}

/** Test-e2e, and the folder that has installed what the starter of Nest 11 does. */
export const E2E: string = join(ROOT, 'test-e2e')
export const STARTER: string = join(E2E, 'jest')

/** The binary of Node of another version, from the dependencies of test-e2e; `node` is the version of the workspace. */
export function nodeOf(alias: string): string {
  const file = process.platform === 'win32' ? 'node.exe' : 'node'
  return join(alias === 'node' ? ROOT : E2E, 'node_modules', alias, 'bin', file)
}
