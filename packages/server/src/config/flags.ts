import type { ConfigProblem } from './problems.ts'
import { SETTINGS } from './settings.ts'
import { put, type Tree, valueOf } from './values.ts'

/** An option of `sluice serve`. */
export interface ServeFlag {
  /** Without the two dashes. */
  readonly name: string
  /** Names the value in help; absent for a switch. */
  readonly value?: string
  readonly means: string
}

const LISTEN = 'PORT, HOST:PORT, unix:PATH or off. Beyond loopback it needs TLS, or --insecure.'

/** What each flag sets; `undefined` for one that is no setting. */
const PATHS: readonly (readonly [flag: ServeFlag, path: string | undefined])[] = [
  [
    {
      name: 'config',
      value: 'FILE',
      means:
        'The settings, in YAML. Default: the environment variable SLUICE_CONFIG. Variables replace what it says, and flags replace both.',
    },
    undefined,
  ],
  [
    {
      name: 'policies',
      value: 'PLACE',
      means:
        'The documents that decide: a path, redis://host/0?key=…, etcd://host:2379/prefix/, kafka://host:9092/topic or https://…. Default: 100 requests a minute for each set of attributes.',
    },
    'policies.from',
  ],
  [
    {
      name: 'redis',
      value: 'URL',
      means: 'Where requests are counted, as redis://host:6379/0; rediss is with TLS. Default: the memory of the process.',
    },
    'redis.url',
  ],
  [{ name: 'http', value: 'LISTEN', means: `Where HTTP is served: ${LISTEN} Default: 8080.` }, 'http.listen'],
  [{ name: 'grpc', value: 'LISTEN', means: 'Where gRPC is served, as --http. Default: 8081.' }, 'grpc.listen'],
  [{ name: 'workers', value: 'N', means: 'How many processes serve the same ports. More than one needs --redis. Default: 1.' }, 'workers'],
  [{ name: 'insecure', means: 'Listen beyond loopback without TLS, where the network is trusted.' }, 'insecure'],
  [
    { name: 'print-config', means: 'Write what holds, from the file, the environment and the flags, without secrets. Then end.' },
    undefined,
  ],
]

/**
 * The options of `sluice serve`. Every other setting is in the file or in the environment.
 * @example
 * ```ts
 * import { SERVE_FLAGS } from '@sluice/server'
 *
 * for (const { name, means } of SERVE_FLAGS) console.log(`--${name}  ${means}`)
 * ```
 */
export const SERVE_FLAGS: readonly ServeFlag[] = PATHS.map(([flag]) => flag)

export type Flags = Readonly<Record<string, string | true>>

/** The settings in the flags of a command line. */
export function fromFlags(flags: Flags): { readonly tree: Tree; readonly problems: readonly ConfigProblem[] } {
  const tree: Tree = {}
  const problems: ConfigProblem[] = []
  for (const [name, given] of Object.entries(flags)) {
    const known = PATHS.find(([flag]) => flag.name === name)
    if (known === undefined)
      problems.push({
        where: `--${name}`,
        message: `is no flag; expected one of ${SERVE_FLAGS.map((flag) => `--${flag.name}`).join(', ')}`,
      })
    const setting = SETTINGS.find(({ path }) => path.join('.') === known?.[1])
    if (setting !== undefined) put(tree, setting.path, given === true ? true : valueOf(setting, given, `--${name}`, problems))
  }
  return { tree, problems }
}
