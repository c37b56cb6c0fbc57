// Installs packages of Debian and Ubuntu, where that is allowed: as root, by apt-get.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'

/** ms. An install that waits for another one, or for the network, must not stop the tests for good. */
const TIMEOUT = 300_000

/** What was run, and what it said. */
export interface Ran {
  readonly status: number | null
  readonly output: string
}

export function mayInstall(): boolean {
  return process.platform === 'linux' && process.getuid?.() === 0 && run('apt-get', '--version').status === 0
}

/**
 * Returns the output of a failed install. Updates the package lists only after a first failure, since most machines have them.
 * @param services what the packages start, and the tests do not use
 */
export function installPackages(packages: readonly string[], services: readonly string[] = []): string {
  const command = ['install', '-y', '--no-install-recommends', ...packages] as const
  const first = run('apt-get', ...command)
  if (first.status !== 0) {
    const update = run('apt-get', 'update')
    const second = run('apt-get', ...command)
    if (second.status !== 0) return [first, update, second].map(({ output }) => output).join('\n')
  }
  // systemd stops a service here; elsewhere RUNLEVEL prevents its start.
  if (existsSync('/run/systemd/system')) for (const service of services) run('systemctl', 'disable', '--now', service)
  return ''
}

/** What to install for the tests. */
export interface Needed {
  readonly packages: readonly string[]
  /** What the packages start, and the tests do not use. */
  readonly services?: readonly string[]
  /** Environment variables that name a program. If that program does not run, another one would hide the mistake. */
  readonly variables: readonly string[]
}

/** Installs packages where that is allowed, unless nothing is missing. Prints the command to type otherwise. */
export async function ensureInstalled(
  { packages, services, variables }: Needed,
  problem: () => Promise<string | undefined>,
): Promise<void> {
  const missing = await problem()
  if (missing === undefined) return
  if (!variables.some((name) => process.env[name]) && mayInstall()) {
    console.log(`Installing ${packages.join(' and ')} for the tests (once)…`)
    const output = installPackages(packages, services)
    if ((await problem()) === undefined) return
    console.log(output)
  }
  console.log(missing)
}

/**
 * What is missing and the command to type, or undefined: by the module of packages/testing with which the tests find it. It is imported by URL,
 * since the scripts are another project to the compiler.
 * @param find the function of the module that throws if something is missing
 */
export async function problemOf(file: string, find: string, ...args: readonly string[]): Promise<string | undefined> {
  const { href } = new URL(`../packages/testing/src/${file}`, import.meta.url)
  const module = (await import(href)) as Readonly<Record<string, (...args: readonly string[]) => unknown>>
  try {
    await module[find]!(...args)
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

export function run(command: string, ...args: readonly string[]): Ran {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' }
  const { status, stdout, stderr, error } = spawnSync(command, args, { env, encoding: 'utf8', maxBuffer: 2 ** 26, timeout: TIMEOUT })
  return { status, output: `${stdout ?? ''}${stderr ?? ''}${error ?? ''}`.trim() }
}
