// Set-up step of `npm test`: the tests need a redis-server. Where the system allows it, it is installed; where not, the line to type
// is printed, and the tests that need it fail with the same line. Runs alone too: `node scripts/redis.ts`.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'

export async function ensureRedis(): Promise<void> {
  const missing = await problem()
  if (missing === undefined) return
  // A server that was named and does not run is for the person who named it.
  if (!process.env['SLUICE_REDIS_SERVER'] && mayInstall()) {
    console.log('Installing redis-server for the tests (once)…')
    const said = install()
    if ((await problem()) === undefined) return
    console.log(said)
  }
  console.log(missing)
}

/** What is missing and the line to type, or undefined. By the code that the tests ask too; by URL, as the scripts are a program of their own to the compiler. */
async function problem(): Promise<string | undefined> {
  const { href } = new URL('../packages/testing/src/redis/server-binary.ts', import.meta.url)
  const asked = (await import(href)) as { redisServerBinary(): Promise<string> }
  try {
    await asked.redisServerBinary()
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

function mayInstall(): boolean {
  return process.platform === 'linux' && process.getuid?.() === 0 && run('apt-get', '--version').status === 0
}

/** Returns what was said. The lists of packages are fetched only if they are needed: a fresh container has none. */
function install(): string {
  const command = ['install', '-y', '--no-install-recommends', 'redis-server'] as const
  const first = run('apt-get', ...command)
  if (first.status !== 0) {
    const update = run('apt-get', 'update')
    const second = run('apt-get', ...command)
    if (second.status !== 0) return [first, update, second].map(({ said }) => said).join('\n')
  }
  // The package starts a service on port 6379, which nobody asked for: where systemd runs, it is stopped; elsewhere RUNLEVEL keeps it down.
  if (existsSync('/run/systemd/system')) run('systemctl', 'disable', '--now', 'redis-server')
  return ''
}

function run(command: string, ...args: readonly string[]): { readonly status: number | null; readonly said: string } {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' }
  const { status, stdout, stderr, error } = spawnSync(command, args, { env, encoding: 'utf8', maxBuffer: 2 ** 26 })
  return { status, said: `${stdout ?? ''}${stderr ?? ''}${error ?? ''}`.trim() }
}

if (import.meta.main) await ensureRedis()
