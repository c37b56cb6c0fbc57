import { invalid } from '@sluice/core/adapter-kit'

/** A value of a JSON document. */
export interface Json {
  readonly [name: string]: unknown
}

/** The schemas that have a title: each is in the document once, under its title, and generated clients have a type of that name. */
interface Components {
  readonly all: Readonly<Record<string, Json>>
  /** The schema with references in place of what has a title. */
  shared(this: void, schema: Json): Json
}

export function components(): Components {
  const all: Record<string, Json> = {}
  const shared = (schema: Json): Json => {
    const { title, description, ...rest } = mapped(schema, shared)
    if (typeof title !== 'string') return description === undefined ? rest : { ...rest, description }
    const known = all[title]
    if (known !== undefined && JSON.stringify(known) !== JSON.stringify({ title, ...rest }))
      throw invalid('openapi', `one schema with the title ${title}`, 'two that differ')
    all[title] = { title, ...rest }
    const $ref = `#/components/schemas/${title}`
    return description === undefined ? { $ref } : { $ref, description }
  }
  return { all, shared }
}

/** A copy with all schemas inside changed. */
function mapped(schema: Json, change: (schema: Json) => Json): Json {
  return Object.fromEntries(
    Object.entries(schema).map(([name, value]) => {
      if (name === 'properties') return [name, mappedValues(value as Readonly<Record<string, Json>>, change)]
      if (Array.isArray(value)) return [name, value.map((each: unknown) => (isObject(each) ? change(each) : each))]
      return [name, isObject(value) ? change(value) : value]
    }),
  )
}

function mappedValues(values: Readonly<Record<string, Json>>, change: (schema: Json) => Json): Json {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, change(value)]))
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
