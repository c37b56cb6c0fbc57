/// <reference types="node" />
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** A rate limit service that `node scripts/rls.ts` builds from the source of its module or crate. */
export interface RlsProgram {
  readonly name: 'ratelimit' | 'gubernator' | 'throttlecrab'
  readonly version: string
  /** What builds it. */
  readonly needs: 'go' | 'cargo'
  /** What is built, and the name of the program that comes out. */
  readonly source: string
  readonly binary: string
  /** How long one core needs. */
  readonly minutes: number
}

export const RLS_PROGRAMS: readonly RlsProgram[] = [
  {
    name: 'ratelimit',
    version: 'v1.4.1-0.20260122083618-3fb702589d36',
    needs: 'go',
    source: 'github.com/envoyproxy/ratelimit/src/service_cmd',
    binary: 'service_cmd',
    minutes: 2,
  },
  {
    name: 'gubernator',
    version: 'v2.13.0',
    needs: 'go',
    source: 'github.com/gubernator-io/gubernator/v2/cmd/gubernator',
    binary: 'gubernator',
    minutes: 4,
  },
  {
    name: 'throttlecrab',
    version: '0.4.40',
    needs: 'cargo',
    source: 'throttlecrab-server',
    binary: 'throttlecrab-server',
    minutes: 8,
  },
]

/** Where the program is, or belongs. */
export function rlsProgramPath({ name, version }: RlsProgram): string {
  return fileURLToPath(new URL(`../../../../.tools/servers/${name}-${version}`, import.meta.url))
}

/** The path of a program. @throws with what to type. No test is skipped. */
export function rlsProgram(name: RlsProgram['name']): string {
  const program = RLS_PROGRAMS.find((each) => each.name === name) as RlsProgram
  const path = rlsProgramPath(program)
  if (!existsSync(path)) throw new Error(`${name} ${program.version} is missing: node scripts/rls.ts ${name} (needs ${program.needs})`)
  return path
}
