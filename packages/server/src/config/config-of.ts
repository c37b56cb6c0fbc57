import { readFile } from 'node:fs/promises'
import { readYaml } from '@sluice/policies/schema-kit'
import type { ServerConfig } from './config.ts'
import { type Environment, fromEnvironment } from './environment.ts'
import { type Flags, fromFlags } from './flags.ts'
import { configError, type ConfigProblem } from './problems.ts'
import { problemsBetween } from './rules.ts'
import { configSchema } from './schema.ts'
import { merged, type Tree } from './values.ts'

/** Where a configuration comes from. */
export interface ConfigInput {
  /** The path of a file in YAML or JSON. Default: the flag `config`, else the variable `SLUICE_CONFIG`, else none. */
  readonly file?: string | undefined
  /** Variables: those that begin with `SLUICE_`. They replace what the file says. Default: none. */
  readonly env?: Environment | undefined
  /** Flags of `sluice serve`, by their name without dashes; `true` for a switch. They replace what the variables say. Default: none. */
  readonly flags?: Flags | undefined
}

/**
 * Reads the configuration of the service: a file, variables of the environment, and flags. Flags win over variables, and variables over the file.
 * @throws ERR_CONFIG_INVALID with each setting that is not known or not valid, and where it is
 * @example
 * ```ts
 * import { configOf, partsOf, serve } from '@sluice/server'
 *
 * const config = await configOf({ env: process.env, flags: { http: '0' } })
 * const parts = await partsOf(config)
 * const service = await serve(parts.options)
 * await service.close()
 * await parts.close()
 * ```
 */
export async function configOf({ env = {}, flags = {}, file = fileIn(flags, env) }: ConfigInput = {}): Promise<ServerConfig> {
  const fromFile = file === undefined ? { tree: {}, problems: [] } : await readConfig(file)
  const sources = [fromFile, fromEnvironment(env), fromFlags(flags)]
  const problems = sources.flatMap((source) => source.problems)
  if (problems.length > 0) throw configError(problems)
  const config = sources.reduce((below: Tree, { tree }) => merged(below, tree), {}) as ServerConfig
  const between = problemsBetween(config)
  if (between.length > 0) throw configError(between)
  return config
}

function fileIn(flags: Flags, env: Environment): string | undefined {
  const given = flags['config'] ?? env['SLUICE_CONFIG']
  return typeof given === 'string' && given !== '' ? given : undefined
}

async function readConfig(file: string): Promise<{ readonly tree: Tree; readonly problems: readonly ConfigProblem[] }> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    return { tree: {}, problems: [{ where: file, message: `the file cannot be read: ${(error as Error).message}` }] }
  }
  // A file of comments alone, such as a template.
  if (/^(?:\s*(?:#.*)?(?:\r?\n|$))*$/.test(text)) return { tree: {}, problems: [] }
  const read = readYaml(text, configSchema)
  if ('value' in read) return { tree: read.value as Tree, problems: [] }
  const problems = read.problems.map(({ path, message, line }) => {
    const place = [line === undefined ? undefined : `line ${line}`, path === '' ? undefined : path].filter((part) => part !== undefined)
    return { where: [`${file}${place.length === 0 ? '' : ','}`, ...place].join(' '), message: withoutSecret(path, message) }
  })
  return { tree: {}, problems }
}

function withoutSecret(path: string, message: string): string {
  return /secret|password|token|url/i.test(path) ? message.replace(/, got .*$/s, '') : message
}
