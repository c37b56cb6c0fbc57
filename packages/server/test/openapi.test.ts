import { createHash } from 'node:crypto'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { expect, test } from 'vitest'
import { get, started } from './support.ts'

test('every endpoint for programs and gateways is described, with schemas that hold', async () => {
  const { url } = await started()
  const { status, json, headers } = await get(`${url}/openapi.json`)
  expect(status).toBe(200)
  expect(headers.get('content-type')).toBe('application/json')
  expect(json.openapi).toBe('3.1.0')
  expect(Object.keys(json.paths)).toEqual(
    expect.arrayContaining([
      '/check',
      '/v1/check',
      '/v1/peek',
      '/v1/settle',
      '/v1/release',
      '/auth/nginx',
      '/auth/forward',
      '/auth/envoy/{path}',
      '/healthz',
      '/readyz',
      '/metrics',
      '/',
      '/openapi.json',
    ]),
  )
  const ajv = new Ajv2020({ strict: false }).addSchema(json, 'openapi')
  for (const name of Object.keys(json.components.schemas)) ajv.compile({ $ref: `openapi#/components/schemas/${name}` })
  expect(Object.keys(json.components.schemas)).toEqual(expect.arrayContaining(['Check', 'CheckAnswer', 'Correction', 'Refund', 'Problem']))
  expect(json.paths['/auth/envoy/{path}'].delete).toMatchObject({
    operationId: 'authEnvoyDelete',
    parameters: [{ name: 'path', in: 'path' }],
  })
  expect(Object.keys(json.paths['/metrics'].get.responses[200].content)).toEqual(['text/plain'])
  const ids = Object.values(json.paths as object).flatMap((methods: object) =>
    Object.values(methods).map(({ operationId }) => operationId as string),
  )
  expect(new Set(ids).size, 'names are unique').toBe(ids.length)
})

test('the schemas are those that validate', async () => {
  const { url } = await started()
  const { json } = await get(`${url}/openapi.json`)
  expect(json.components.schemas.Check).toMatchObject({
    type: 'object',
    additionalProperties: false,
    properties: {
      cost: { anyOf: [{ type: 'integer', minimum: 0 }, { $ref: '#/components/schemas/UnitsByLimit' }] },
      attributes: { type: 'object', maxProperties: 64 },
      method: { type: 'string', pattern: '^[A-Z]{1,32}$' },
    },
  })
  expect(json.paths['/v1/check'].post.requestBody.content['application/json'].schema.anyOf[1]).toMatchObject({
    minItems: 1,
    maxItems: 1_000,
  })
})

test('the admin API is described where it is on, and needs a token', async () => {
  const sha256 = createHash('sha256').update('a token of the test, long enough').digest('hex')
  const { url } = await started({ admin: { tokens: [{ name: 'test', sha256, scopes: ['read:*'] }] } })
  const { json } = await get(`${url}/openapi.json`)
  expect(json.components.securitySchemes).toEqual({ token: { type: 'http', scheme: 'bearer' } })
  expect(json.paths['/admin/v1/whoami'].get).toMatchObject({ operationId: 'adminGetWhoami', security: [{ token: [] }] })
  expect(json.paths['/v1/check'].post).not.toHaveProperty('security')
  const described = Object.keys(json.paths).filter((path) => path.startsWith('/admin/v1/'))
  expect(described.length).toBeGreaterThan(10)
})
