import type { CursorContext, Segment } from './context.ts'

/** The part of JSON Schema that the schema of the documents uses. */
export interface Schema {
  readonly type?: string
  readonly description?: string
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly additionalProperties?: Schema | boolean
  readonly items?: Schema
  readonly anyOf?: readonly Schema[]
  readonly oneOf?: readonly Schema[]
  readonly required?: readonly string[]
}

/** One thing that may stand at the cursor. */
export interface Completion {
  readonly text: string
  /** What the field holds, or what the value means. */
  readonly detail: string
  readonly isRequired: boolean
}

/** What the schema allows at the cursor, and begins as what is typed. */
export function completionsAt(schema: Schema, { path, kind, typed, siblings }: CursorContext): readonly Completion[] {
  const places = path.reduce<readonly Schema[]>((found, segment) => found.flatMap((each) => below(each, segment)), alternatives(schema))
  const all = kind === 'key' ? keysOf(places, siblings) : valuesOf(places)
  const start = typed.toLowerCase()
  return all.filter(({ text }) => text.toLowerCase().startsWith(start) && text !== typed)
}

function below(schema: Schema, segment: Segment): readonly Schema[] {
  if (typeof segment === 'number') return schema.items === undefined ? [] : alternatives(schema.items)
  const own = schema.properties?.[segment]
  if (own !== undefined) return alternatives(own)
  return typeof schema.additionalProperties === 'object' ? alternatives(schema.additionalProperties) : []
}

function alternatives(schema: Schema): readonly Schema[] {
  const parts = schema.anyOf ?? schema.oneOf
  return parts === undefined ? [schema] : parts.flatMap(alternatives)
}

/** Of alternatives, only those that the fields already written leave: `algorithm: concurrency` has no `window`. */
function keysOf(places: readonly Schema[], siblings: CursorContext['siblings']): readonly Completion[] {
  const open = places.filter((each) => Object.entries(siblings).every(([name, value]) => fits(each.properties?.[name], value)))
  const found = new Map<string, Completion>()
  for (const { properties = {}, required = [] } of open)
    for (const [name, schema] of Object.entries(properties))
      if (!(name in siblings) && !found.has(name))
        found.set(name, { text: name, detail: schema.description ?? '', isRequired: required.includes(name) })
  return [...found.values()].toSorted((a, b) => Number(b.isRequired) - Number(a.isRequired))
}

function fits(schema: Schema | undefined, value: string): boolean {
  if (schema === undefined) return false
  const fixed = schema.const === undefined ? schema.enum : [schema.const]
  return fixed === undefined || fixed.some((each) => String(each) === value)
}

function valuesOf(places: readonly Schema[]): readonly Completion[] {
  const found = new Map<string, Completion>()
  for (const schema of places) {
    const { type, description = '' } = schema
    const values = schema.const === undefined ? (schema.enum ?? (type === 'boolean' ? [true, false] : [])) : [schema.const]
    for (const value of values) found.set(String(value), { text: String(value), detail: description, isRequired: false })
  }
  return [...found.values()]
}

/** What the schema says of the field at the cursor. */
export function descriptionAt(schema: Schema, { path, kind }: CursorContext): string | undefined {
  if (kind === 'key') return undefined
  const places = path.reduce<readonly Schema[]>((found, segment) => found.flatMap((each) => below(each, segment)), alternatives(schema))
  return places.find(({ description }) => description !== undefined)?.description
}
