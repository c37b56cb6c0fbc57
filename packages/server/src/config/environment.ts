import { readFileSync } from 'node:fs'
import { similar } from '@sluice/core/adapter-kit'
import type { ConfigProblem } from './problems.ts'
import { SETTINGS } from './settings.ts'
import { put, type Tree, valueOf } from './values.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** Variables of the command `sluice` that are no settings of the service. */
const OTHERS: readonly string[] = ['SLUICE_CONFIG', 'SLUICE_TOKEN', 'SLUICE_URL']
/** What Kubernetes and Docker set in every container for a service of the name `sluice…`. */
const SERVICE_LINK =
  /^SLUICE(?:_\w+)?_(?:SERVICE_(?:HOST|PORT(?:_\w+)?)|PORT(?:_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)?|NAME|ENV_\w+)$/

/** The settings in the environment. A variable whose name ends in `_FILE` names a file with the value. */
export function fromEnvironment(env: Environment): { readonly tree: Tree; readonly problems: readonly ConfigProblem[] } {
  const tree: Tree = {}
  const problems: ConfigProblem[] = []
  for (const [name, given] of Object.entries(env)) {
    if (!name.startsWith('SLUICE_') || OTHERS.includes(name) || given === undefined || given === '') continue
    const isFile = name.endsWith('_FILE')
    const variable = isFile ? name.slice(0, -'_FILE'.length) : name
    const setting = SETTINGS.find((each) => each.variable === variable)
    if (setting === undefined) {
      if (!SERVICE_LINK.test(name)) problems.push({ where: name, message: unknown(variable) })
      continue
    }
    if (isFile && env[variable] !== undefined) {
      problems.push({ where: name, message: `expected only one of ${variable} and ${name}` })
      continue
    }
    const text = isFile ? fileText(given, name, problems) : given
    if (text !== undefined) put(tree, setting.path, valueOf(setting, text, name, problems))
  }
  return { tree, problems }
}

function unknown(variable: string): string {
  const near = similar(
    variable,
    SETTINGS.map((each) => each.variable),
  )
  return `is no setting${near === undefined ? '' : `; did you mean ${near}?`}`
}

function fileText(path: string, where: string, problems: ConfigProblem[]): string | undefined {
  try {
    // An editor ends a file with a line break, which is not part of a password.
    return readFileSync(path, 'utf8').replace(/\r?\n$/, '')
  } catch (error) {
    problems.push({ where, message: `the file cannot be read: ${(error as Error).message}` })
    return undefined
  }
}
