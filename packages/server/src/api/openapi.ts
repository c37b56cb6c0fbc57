import { any, type GenericSchema } from 'valibot'
import { json } from '../http/answers.ts'
import type { Route } from '../http/route.ts'
import { problemSchema } from './answer-schemas.ts'
import { components, type Json } from './openapi-components.ts'
import type { Described, DescribedAnswer, DescribedParameter, DescribedRoute } from './operation.ts'

/** `GET /openapi.json`: what the described routes take and answer, as OpenAPI 3.1. Made when it is first asked for. */
export function openapiRoute(routes: readonly Route[]): DescribedRoute {
  let document: Promise<Json> | undefined
  const route: DescribedRoute = {
    method: 'GET',
    path: '/openapi.json',
    described: {
      id: 'openapi',
      tag: 'Service',
      summary: 'This document',
      answers: { 200: { description: 'The document, as JSON of OpenAPI 3.1.', body: any() } },
    },
    handle: async () => json(200, await (document ??= openapiOf([...routes, route]))),
  }
  return route
}

/** The document of all routes that are described. */
async function openapiOf(routes: readonly Route[]): Promise<Json> {
  // It takes a while to load, and most services are never asked.
  const { toJsonSchema } = await import('@valibot/to-json-schema')
  const schemas = components()
  const convert: Convert = (schema) => {
    const { $schema: _, ...rest } = toJsonSchema(schema, { target: 'draft-2020-12', typeMode: 'input', errorMode: 'ignore' }) as Json
    return schemas.shared(rest)
  }
  const paths: Record<string, Record<string, Json>> = {}
  let needsToken = false
  for (const route of routes) {
    const { described } = route as Partial<DescribedRoute>
    if (described === undefined) continue
    needsToken ||= described.needsToken === true
    const path = route.path.replaceAll(/:(\w+)/g, '{$1}')
    const operations = (paths[path.replace(/\*$/, '{path}')] ??= {})
    for (const method of route.method === '*' ? METHODS : [route.method.toLowerCase()]) {
      const id = route.method === '*' ? `${described.id}${method[0]?.toUpperCase()}${method.slice(1)}` : described.id
      operations[method] = operationOf({ ...described, id }, pathParameters(route.path), convert)
    }
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Sluice check service', version: '1' },
    servers: [{ url: '/' }],
    paths,
    components: {
      schemas: schemas.all,
      ...(needsToken ? { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } } : {}),
    },
  }
}

/** Those of a route that takes each method. */
const METHODS = ['get', 'put', 'post', 'delete', 'patch']

type Convert = (schema: GenericSchema) => Json

function operationOf(described: Described, ofPath: readonly Json[], convert: Convert): Json {
  const { id, tag, summary, description, parameters = [], query, body, answers, needsToken } = described
  const all = [
    ...ofPath,
    ...(query === undefined ? [] : queryParameters(convert(query))),
    ...parameters.map((each) => parameterOf(each, convert)),
  ]
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(description === undefined ? {} : { description }),
    ...(all.length === 0 ? {} : { parameters: all }),
    ...(body === undefined ? {} : { requestBody: { required: true, content: { 'application/json': { schema: convert(body) } } } }),
    responses: Object.fromEntries(Object.entries(answers).map(([status, answer]) => [status, answerOf(Number(status), answer, convert)])),
    ...(needsToken === true ? { security: [{ token: [] }] } : {}),
  }
}

function answerOf(status: number, { description, body, headers, type: own }: DescribedAnswer, convert: Convert): Json {
  const lines = Object.entries(headers ?? {}).map(([name, text]) => [name, { description: text, schema: { type: 'string' } }])
  const schema = body ?? (status < 400 ? undefined : problemSchema)
  const type = own ?? (schema === problemSchema ? 'application/problem+json' : 'application/json')
  return {
    description,
    ...(lines.length === 0 ? {} : { headers: Object.fromEntries(lines) as Json }),
    ...(schema === undefined ? {} : { content: { [type]: { schema: convert(schema) } } }),
  }
}

function parameterOf({ name, in: place, description, schema, isExploded }: DescribedParameter, convert: Convert): Json {
  return { name, in: place, description, ...(isExploded === true ? { style: 'form', explode: true } : {}), schema: convert(schema) }
}

function pathParameters(path: string): readonly Json[] {
  const text = path.replace(/\*$/, ':path')
  return Array.from(text.matchAll(/:(\w+)/g), ([, name]) => ({ name, in: 'path', required: true, schema: { type: 'string' } }))
}

/** Each property of the object is a parameter. */
function queryParameters({ properties = {}, required = [] }: Json): readonly Json[] {
  return Object.entries(properties as Readonly<Record<string, Json>>).map(([name, { description, ...schema }]) => ({
    name,
    in: 'query',
    ...(description === undefined ? {} : { description }),
    required: (required as readonly string[]).includes(name),
    schema,
  }))
}
