import { expect, test } from 'vitest'
import { ObserverHub } from '../../src/observers.ts'
import type { Host } from '../../src/http/host.ts'
import { readingBody } from '../../src/http/unparsed-body.ts'
import type { StoreEvent } from '../../src/store.ts'

interface Request {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
  readonly parsed?: boolean
}
const host: Host<Request> = {
  id: (request) => request,
  method: ({ method = 'POST' }) => method,
  address: () => '127.0.0.1',
  header: ({ headers = { 'content-type': 'application/json', 'content-length': '9' } }, name) => headers[name],
  body: ({ body }) => body,
  unparsedHint: ({ parsed = false }) => (parsed ? undefined : 'add the parser'),
}

function warningsOf(request: Request, given: Host<Request> = host): readonly StoreEvent[] {
  const warnings: StoreEvent[] = []
  const read = readingBody(given, new ObserverHub('api', { warning: (event) => void warnings.push(event) }, true))
  for (const _ of [1, 2]) expect(read?.(request)).toBe(request.body)
  return warnings
}
const form = 'application/x-www-form-urlencoded; charset=utf-8'

test.each<[string, Request]>([
  ['JSON', {}],
  ['PUT', { method: 'PUT' }],
  ['PATCH', { method: 'PATCH' }],
  ['a form', { headers: { 'content-type': form, 'content-length': '9' } }],
  ['a body without a length', { headers: { 'content-type': 'application/problem+JSON', 'transfer-encoding': 'chunked' } }],
])('newcomer 14: a body that no parser has read is reported once: %s', (_what, request) => {
  expect(warningsOf(request)).toMatchObject([
    { code: 'WARN_BODY_UNPARSED', message: expect.stringContaining('; add the parser') as string },
  ])
})

test.each<[string, Request, Host<Request>?]>([
  ['a parsed body', { body: {} }],
  ['a parser has left the body', { parsed: true }],
  ['GET', { method: 'GET' }],
  ['DELETE', { method: 'DELETE' }],
  ['no body', { headers: { 'content-type': 'application/json' } }],
  ['an empty body', { headers: { 'content-type': 'application/json', 'content-length': '0' } }],
  ['no type', { headers: { 'content-length': '9' } }],
  ['a file', { headers: { 'content-type': 'multipart/form-data', 'content-length': '9' } }],
])('newcomer 14: not reported: %s', (_what, request) => {
  expect(warningsOf(request)).toEqual([])
})

test('newcomer 14: not reported where the application parses no bodies', () => {
  const { unparsedHint: _, body: _body, ...without } = host
  expect(warningsOf({}, { ...without, body: () => undefined })).toEqual([])
  expect(readingBody(without, new ObserverHub('api'))).toBeUndefined()
})
