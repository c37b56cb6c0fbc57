/// <reference types="node" />
import { globSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { type InstalledProgram, installedProgram } from '../processes/installed-program.ts'

/** A server that a package of Debian brings, with its tools beside it. */
interface Server extends InstalledProgram {
  /** Folders that are not on PATH. */
  readonly folders: readonly string[]
}

const SERVERS = {
  postgres: {
    name: 'postgres',
    variable: 'SLUICE_POSTGRES',
    // Debian keeps them out of PATH, since there may be several versions.
    folders: ['/usr/lib/postgresql/*/bin'],
    apt: 'postgresql',
    brew: 'postgresql',
  },
  mariadb: { name: 'mariadbd', variable: 'SLUICE_MARIADB', folders: ['/usr/sbin'], apt: 'mariadb-server-core', brew: 'mariadb' },
} as const satisfies Record<string, Server>

/** The folder of the server's programs. @throws with how to install it */
export function sqlServerFolder(kind: keyof typeof SERVERS): string {
  const server: Server = SERVERS[kind]
  const onPath = (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, server.name))
  const inFolders = server.folders.flatMap((folder) => globSync(join(folder, server.name))).toSorted()
  return dirname(installedProgram(server, [...inFolders.toReversed(), ...onPath]))
}
