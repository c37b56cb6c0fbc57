// Requests of every endpoint of the OpenAPI document.
import fc from 'fast-check'
import { type Resolve, type Schema, valuesOf } from './values.ts'

interface Parameter {
  readonly name: string
  readonly in: 'query' | 'header' | 'path'
  readonly explode?: boolean
  readonly required?: boolean
  readonly schema: Schema
}

interface Content {
  readonly content?: Readonly<Record<string, { readonly schema: Schema }>>
}

export interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> }
}

interface Operation {
  readonly operationId: string
  readonly parameters?: readonly Parameter[]
  readonly requestBody?: Content
  readonly responses: Readonly<Record<string, Content>>
}

/** One request of a test. */
export interface FuzzedRequest {
  readonly template: string
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | undefined
}

export function requestsOf(document: OpenApi, decisions: fc.Arbitrary<string>): fc.Arbitrary<FuzzedRequest> {
  const resolve: Resolve = (ref) => document.components.schemas[ref.split('/').at(-1) ?? ''] ?? {}
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => requestOf(path, method.toUpperCase(), operation, resolve, decisions)),
  )
  return fc.oneof(...operations)
}

/** Headers that endpoints read, or that have broken servers. */
const HEADERS = [
  'x-user',
  'x-sluice-user',
  'x-sluice-',
  'x-sluice---proto--',
  'x-forwarded-for',
  'x-forwarded-uri',
  'x-forwarded-method',
  'x-forwarded-host',
  'x-original-uri',
  'x-original-method',
  'cookie',
  'authorization',
  'access-control-request-method',
]
const VALUES = [
  'ada',
  '',
  '203.0.113.7',
  'unknown, "',
  '/a?b',
  'GET',
  'a=b; a=c',
  ',,,',
  'for="[2001:db8::1]:1"',
  'x'.repeat(2_000),
  '\u00ff',
]

const headersOf = fc.dictionary(fc.constantFrom(...HEADERS), fc.constantFrom(...VALUES), { maxKeys: 4 })
const types = fc.oneof(
  { weight: 20, arbitrary: fc.constant('application/json') },
  { weight: 1, arbitrary: fc.constantFrom('text/plain', 'application/json; charset=latin1', 'x') },
)

function requestOf(
  template: string,
  method: string,
  { parameters = [], requestBody }: Operation,
  resolve: Resolve,
  decisions: fc.Arbitrary<string>,
): fc.Arbitrary<FuzzedRequest> {
  const query = fc.tuple(...parameters.filter((each) => each.in === 'query').map((each) => queryOf(each, resolve, decisions)))
  const inPath = fc.array(fc.oneof(fc.constantFrom('shop', '%', '..', '%00', '%2f'), fc.string({ maxLength: 5 }).map(encoded)), {
    minLength: 3,
    maxLength: 3,
  })
  const schema = requestBody?.content?.['application/json']?.schema
  const json = schema === undefined ? fc.constant(undefined) : bodyOf(valuesOf(schema, resolve, decisions))
  const methods = fc.oneof(
    { weight: 30, arbitrary: fc.constant(method) },
    { weight: 1, arbitrary: fc.constantFrom('HEAD', 'GET', 'POST', 'DELETE', 'OPTIONS') },
  )
  return fc.record({ query, inPath, body: json, headers: headersOf, type: types, method: methods }).map((made) => {
    let next = 0
    const path = template.replaceAll(/\{\w+\}/g, () => made.inPath[next++] ?? '')
    const search = made.query.flat().join('&')
    const hasBody = made.body !== undefined && made.method !== 'GET' && made.method !== 'HEAD'
    return {
      template,
      method: made.method,
      path: search === '' ? path : `${path}?${search}`,
      headers: hasBody ? { ...made.headers, 'content-type': made.type } : made.headers,
      body: hasBody ? made.body : undefined,
    }
  })
}

function queryOf({ name, explode, schema }: Parameter, resolve: Resolve, decisions: fc.Arbitrary<string>): fc.Arbitrary<readonly string[]> {
  const values = valuesOf(schema, resolve, decisions, name)
  const pairs = values.map((value) => {
    if (explode !== true || typeof value !== 'object' || value === null) return [pair(name, value)]
    return Object.entries(value).map(([each, inside]) => pair(each, inside))
  })
  return fc.oneof(fc.constant([]), pairs)
}

function pair(name: string, value: unknown): string {
  return `${encoded(name)}=${encoded(typeof value === 'string' ? value : (JSON.stringify(value) ?? ''))}`
}

function encoded(text: string): string {
  // A lone surrogate has no bytes.
  return encodeURIComponent(text.replaceAll(/\p{Surrogate}/gu, '')).slice(0, 3_000)
}

/** JSON, and sometimes a cut piece of it, or names that a parser must not take for a prototype. */
function bodyOf(values: fc.Arbitrary<unknown>): fc.Arbitrary<string> {
  const whole = values.map((value) => JSON.stringify(value) ?? 'null')
  const cut = fc.tuple(whole, fc.nat({ max: 200 })).map(([text, at]) => text.slice(0, at))
  const proto = whole.map((text) => text.replace('{', '{"__proto__":{"polluted":1},'))
  return fc.oneof({ weight: 20, arbitrary: whole }, { weight: 1, arbitrary: cut }, { weight: 1, arbitrary: proto })
}
