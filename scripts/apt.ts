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

export function run(command: string, ...args: readonly string[]): Ran {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' }
  const { status, stdout, stderr, error } = spawnSync(command, args, { env, encoding: 'utf8', maxBuffer: 2 ** 26, timeout: TIMEOUT })
  return { status, output: `${stdout ?? ''}${stderr ?? ''}${error ?? ''}`.trim() }
}
