/// <reference types="node" />
import { execFileSync } from 'node:child_process'
import { globSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'

/** A server that a package of Debian brings, with its tools beside it. */
interface Server {
  readonly file: string
  /** An environment variable with the path of the server. */
  readonly variable: string
  readonly places: readonly string[]
  readonly packages: string
  readonly brew: string
}

const SERVERS = {
  postgres: {
    file: 'postgres',
    variable: 'SLUICE_POSTGRES',
    // Debian keeps them out of PATH, since there may be several versions.
    places: ['/usr/lib/postgresql/*/bin'],
    packages: 'postgresql',
    brew: 'postgresql',
  },
  mariadb: { file: 'mariadbd', variable: 'SLUICE_MARIADB', places: ['/usr/sbin'], packages: 'mariadb-server-core', brew: 'mariadb' },
} as const satisfies Record<string, Server>

/**
 * The folder of the server's programs.
 * @throws with how to install it. No test is skipped.
 */
export function sqlServerFolder(name: keyof typeof SERVERS): string {
  const server: Server = SERVERS[name]
  const named = process.env[server.variable]
  const onPath = (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, server.file))
  const inPlaces = server.places.flatMap((place) => globSync(join(place, server.file))).toSorted()
  const candidates = named === undefined || named === '' ? [...inPlaces.toReversed(), ...onPath] : [named]
  const found = candidates.find(runs)
  if (found !== undefined) return dirname(found)
  throw new Error(
    [
      `The tests need ${server.file}, and it does not run.`,
      `Debian, Ubuntu: sudo apt-get install --no-install-recommends ${server.packages}`,
      `macOS: brew install ${server.brew}`,
      `anywhere: ${server.variable}=/path/to/${server.file}`,
    ].join('\n  '),
  )
}

function runs(path: string): boolean {
  try {
    execFileSync(path, ['--version'], { stdio: 'ignore', timeout: 10_000 })
    return true
  } catch {
    return false
  }
}
