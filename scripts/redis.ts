// Makes sure that there is a redis-server for the tests, also by itself: `node scripts/redis.ts`. Root on a system with apt gets it
// installed. Everybody else gets the command to type, and the tests that need Redis fail with the same command.
import { installPackages, mayInstall } from './apt.ts'

export async function ensureRedis(): Promise<void> {
  const missing = await problem()
  if (missing === undefined) return
  // SLUICE_REDIS_SERVER names a program. If that program does not run, another one would hide the mistake.
  if (!process.env['SLUICE_REDIS_SERVER'] && mayInstall()) {
    console.log('Installing redis-server for the tests (once)…')
    // The package starts a service on port 6379, which the tests do not use.
    const output = installPackages(['redis-server'], ['redis-server'])
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

if (import.meta.main) await ensureRedis()
