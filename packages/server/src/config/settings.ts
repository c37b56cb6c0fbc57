import type { GenericSchema } from 'valibot'
import { configSchema } from './schema.ts'

/** One setting: a leaf of the configuration. */
export interface Setting {
  /** Such as `['http', 'tls', 'clientCa']`. */
  readonly path: readonly string[]
  /** Such as `SLUICE_HTTP_TLS_CLIENT_CA`. */
  readonly variable: string
  readonly kind: 'text' | 'number' | 'boolean' | 'list'
  readonly schema: GenericSchema
  readonly isSecret: boolean
}

/** What nobody may read in a log. Passwords in URLs are masked wherever they are. */
const SECRETS: readonly string[] = ['secret', 'redis.password', 'policies.token', 'decisions.secret', 'decisions.previousSecret']

/** All settings, in the order of the schema. */
export const SETTINGS: readonly Setting[] = settingsIn(configSchema, [])

/** The parts of a schema of valibot that are walked. */
type Node = GenericSchema & {
  readonly type: string
  readonly wrapped?: Node
  readonly entries?: Readonly<Record<string, Node>>
  readonly options?: readonly Node[]
}

function settingsIn(schema: Node, path: readonly string[]): readonly Setting[] {
  if (schema.wrapped !== undefined) return settingsIn(schema.wrapped, path)
  if (schema.entries !== undefined) return Object.entries(schema.entries).flatMap(([name, entry]) => settingsIn(entry, [...path, name]))
  const words = path.map((name) => name.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase())
  return [{ path, variable: ['SLUICE', ...words].join('_'), kind: kindOf(schema), schema, isSecret: SECRETS.includes(path.join('.')) }]
}

function kindOf({ type, options = [] }: Node): Setting['kind'] {
  if (type === 'number' || type === 'boolean') return type
  if (type === 'union') return options.some((option) => option.type === 'array') ? 'list' : 'text'
  return type === 'string' || type === 'picklist' ? 'text' : 'list'
}
