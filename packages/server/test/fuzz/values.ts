// Values for a JSON Schema of the OpenAPI document: most fit, some nearly fit, and some are anything.
import fc from 'fast-check'

export interface Schema {
  readonly $ref?: string
  readonly type?: string
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly Schema[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: Schema | boolean
  readonly propertyNames?: Schema
  readonly maxProperties?: number
  readonly items?: Schema
  readonly minItems?: number
  readonly pattern?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly minLength?: number
  readonly maxLength?: number
}

/** Finds what `#/components/schemas/…` names. */
export type Resolve = (ref: string) => Schema

/** Texts that have broken parsers, and names that every object has. */
const NASTY = [
  '',
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  '\u0000',
  '\ud800',
  '😀'.repeat(40),
  '../../etc/passwd',
  '%00',
  '🔥\r\nX-A: b',
  'NaN',
  '1e999',
  'a'.repeat(9_000),
]

const anything = fc.oneof(
  fc.constantFrom(...NASTY),
  fc.constantFrom(null, true, false, 0, -1, 1.5, 2 ** 53, -0, 1e308),
  fc.jsonValue({ maxDepth: 3 }),
)

/** Of each form of the document, some fit. */
const SAMPLES = [
  'shop',
  'keys',
  'GET',
  'POST',
  '/',
  '/login?a=b',
  '/mail/1',
  'ada',
  '203.0.113.7',
  '2001:db8::1',
  'x-user',
  'user',
  'api_key',
  'plan',
  'attribute.user',
  'header:x-user',
  'cookie:a',
  'value:1',
  '3',
  'api.minute',
  'keys.burst',
]
const texts = fc.oneof(fc.constantFrom(...SAMPLES), fc.string({ maxLength: 20 }), fc.constantFrom(...NASTY))

function textsOf({ pattern = '', minLength = 0 }: Schema): fc.Arbitrary<string> {
  const fits = SAMPLES.filter((text) => new RegExp(pattern, 'u').test(text) && text.length >= minLength)
  return fits.length === 0 ? texts : fc.oneof({ weight: 15, arbitrary: fc.constantFrom(...fits) }, { weight: 1, arbitrary: texts })
}

/** What fits a field, where its schema does not say so. */
const HINTS: Readonly<Record<string, readonly string[]>> = {
  ip: ['203.0.113.7', '2001:db8::1', '::ffff:203.0.113.7'],
  namespace: ['shop', 'shop', 'keys', 'other'],
}

/**
 * @param known texts that tests have seen, such as a decision
 * @param name of the field
 */
export function valuesOf(schema: Schema, resolve: Resolve, known: fc.Arbitrary<string>, name = ''): fc.Arbitrary<unknown> {
  const hints = Object.hasOwn(HINTS, name) ? HINTS[name] : undefined
  const fitting = hints === undefined ? fittingOf(schema, resolve, known) : fc.constantFrom(...hints)
  return fc.oneof({ weight: 25, arbitrary: fitting }, { weight: 1, arbitrary: anything })
}

function fittingOf(schema: Schema, resolve: Resolve, known: fc.Arbitrary<string>): fc.Arbitrary<unknown> {
  const inside = (each: Schema, name?: string) => valuesOf(each, resolve, known, name)
  if (schema.$ref !== undefined) return fittingOf(resolve(schema.$ref), resolve, known)
  if (schema.const !== undefined) return fc.constant(schema.const)
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum)
  if (schema.anyOf !== undefined) return fc.oneof(...schema.anyOf.map((each) => inside(each)))
  switch (schema.type ?? 'any') {
    case 'string':
      return schema.pattern === undefined && schema.maxLength === 32_768
        ? fc.oneof({ weight: 9, arbitrary: known }, { weight: 1, arbitrary: texts })
        : textsOf(schema)
    case 'integer':
    case 'number':
      return fc.oneof(
        { weight: 8, arbitrary: fc.nat({ max: 5 }) },
        { weight: 1, arbitrary: fc.oneof(fc.integer(), fc.constantFrom(2 ** 53 - 1, 2 ** 53, 0.5, -1)) },
      )
    case 'boolean':
      return fc.boolean()
    case 'array':
      return fc.array(inside(schema.items ?? {}), { minLength: schema.minItems ?? 0, maxLength: 4 })
    case 'object':
      return objectOf(schema, inside)
    default:
      return anything
  }
}

function objectOf(
  { properties = {}, required = [], additionalProperties, propertyNames = {} }: Schema,
  inside: (each: Schema, name?: string) => fc.Arbitrary<unknown>,
): fc.Arbitrary<unknown> {
  const known = Object.fromEntries(Object.entries(properties).map(([name, each]) => [name, inside(each, name)]))
  // Sometimes a field is left out that must be there.
  const requiredKeys = fc.constantFrom(...(required.length === 0 ? [[]] : [required, required, required, []]))
  const fields = requiredKeys.chain((keys) => fc.record(known, { requiredKeys: keys as never }))
  if (typeof additionalProperties === 'object') {
    const more = fc.dictionary(textsOf(propertyNames), inside(additionalProperties), { maxKeys: 3 })
    return fc.tuple(fields, more).map(([a, b]) => ({ ...b, ...a }))
  }
  const withExtra = fc.tuple(fields, texts, anything).map(([made, name, value]) => ({ ...made, [name]: value }))
  return fc.oneof({ weight: 25, arbitrary: fields }, { weight: 1, arbitrary: withExtra })
}
