// Makes sure that there is a redis-server for the tests, also by itself: `node scripts/redis.ts`. Root on a system with apt gets it
// installed. Everybody else gets the command to type, and the tests that need Redis fail with the same command.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'

/** ms. An install that waits for another one, or for the network, must not stop the tests for good. */
const TIMEOUT = 300_000

export async function ensureRedis(): Promise<void> {
  const missing = await problem()
  if (missing === undefined) return
  // SLUICE_REDIS_SERVER names a program. If that program does not run, another one would hide the mistake.
  if (!process.env['SLUICE_REDIS_SERVER'] && mayInstall()) {
    console.log('Installing redis-server for the tests (once)…')
    const output = install()
    if ((await problem()) === undefined) return
    console.log(output)
  }
  console.log(missing)
}

/**
 * What is missing and the command to type, or undefined. The tests find the server by the same module. It is imported by URL, since the
 * scripts are another project to the compiler.
 */
async function problem(): Promise<string | undefined> {
  const { href } = new URL('../packages/testing/src/redis/server-binary.ts', import.meta.url)
  const { redisServerBinary } = (await import(href)) as { readonly redisServerBinary: () => Promise<string> }
  try {
    await redisServerBinary()
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

function mayInstall(): boolean {
  return process.platform === 'linux' && process.getuid?.() === 0 && run('apt-get', '--version').status === 0
}

/** Returns the output of a failed install. Updates the package lists only after a first failure, since most machines have them. */
function install(): string {
  const command = ['install', '-y', '--no-install-recommends', 'redis-server'] as const
  const first = run('apt-get', ...command)
  if (first.status !== 0) {
    const update = run('apt-get', 'update')
    const second = run('apt-get', ...command)
    if (second.status !== 0) return [first, update, second].map(({ output }) => output).join('\n')
  }
  // The package starts a service on port 6379, which the tests do not use. systemd stops it here; elsewhere RUNLEVEL prevents its start.
  if (existsSync('/run/systemd/system')) run('systemctl', 'disable', '--now', 'redis-server')
  return ''
}

function run(command: string, ...args: readonly string[]): { readonly status: number | null; readonly output: string } {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' }
  const { status, stdout, stderr, error } = spawnSync(command, args, { env, encoding: 'utf8', maxBuffer: 2 ** 26, timeout: TIMEOUT })
  return { status, output: `${stdout ?? ''}${stderr ?? ''}${error ?? ''}`.trim() }
}

if (import.meta.main) await ensureRedis()
