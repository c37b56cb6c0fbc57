import { connect } from 'node:http2'
import { type ClientDuplexStream, status } from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import { waitUntil } from '@sluice/testing'
import { afterEach, describe, expect, test } from 'vitest'
import { serve, type ServeOptions } from '../../src/index.ts'
import { ask, clientOf, ownProto } from './protos.ts'
import { failureOf } from './raw-client.ts'
import { sourceOf } from './sources.ts'

const DOCUMENT = `
apiVersion: sluice/v1
namespace: shop
revision: 7
subjects:
  user: { parts: [{ attribute: user.id }], missing: skip }
  address: { parts: [{ ip: true }], missing: skip }
policies:
  - name: users
    rules:
      - name: all
        limits:
          - { name: minute, algorithm: fixedWindow, limit: 5, window: 1m, subject: user, label: per minute }
          - { name: month, algorithm: fixedWindow, limit: 100, window: month, subject: user }
  - name: logins
    rules:
      - name: post
        match: { methods: [POST], paths: [/login], attributes: { secure: true }, headers: { x-kind: web } }
        limits: [{ name: slots, algorithm: concurrency, limit: 1, ttl: 1m, subject: address }]
`

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

interface CheckResponse {
  readonly allowed: boolean
  readonly decision: string
  readonly remaining: number
}

async function start(options: ServeOptions = {}) {
  const service = await serve({ policies: sourceOf(DOCUMENT), http: { port: 0 }, drain: { delay: 0 }, ...options })
  ends.push(() => service.close())
  const client = clientOf(ownProto('sluice/v1/limiter.proto'), 'sluice.v1.Limiter', service.grpc?.url as string)
  ends.push(() => client.close())
  return { service, client, call: <T = CheckResponse>(method: string, request: object) => ask<T>(client, method, request) }
}

const ADA = { attributes: { user: { structValue: { fields: { id: { stringValue: 'ada' } } } } } }
const LOGIN = {
  method: 'POST',
  path: '/login?next=/',
  ip: '203.0.113.7',
  headers: { 'X-Kind': 'web' },
  attributes: { secure: { boolValue: true } },
}

test('a check says what it decided, as POST /v1/check does', async () => {
  const { service, call } = await start()
  const answer = await call('Check', { namespace: 'shop', ...ADA, cost: 2 })
  expect(answer).toMatchObject({
    allowed: true,
    verdict: 'VERDICT_ALLOWED',
    status: 200,
    namespace: 'shop',
    revision: 7,
    policies: ['users.all'],
    binding: 'users.minute',
    remaining: 3,
    retry_after_ms: 0,
    granted: 2,
    source: 'memory',
  })
  const { limits, headers, decision } = answer as unknown as { limits: object[]; headers: Record<string, string>; decision: string }
  expect(limits).toMatchObject([
    {
      name: 'users.minute',
      label: 'per minute',
      algorithm: 'fixedWindow',
      limit: 5,
      window_ms: 60_000,
      remaining: 3,
      used: 2,
      allowed: true,
    },
    { name: 'users.month', limit: 100, window: 'month', remaining: 98 },
  ])
  expect(limits[1]).not.toHaveProperty('window_ms')
  expect(headers['ratelimit-policy']).toContain('q=5;w=60')
  expect(decision).not.toBe('')
  const http = await fetch(`${service.http?.url}/v1/peek`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ attributes: { user: { id: 'ada' } } }),
  })
  expect(await http.json()).toMatchObject({ allowed: true, remaining: 3 })
})

test('a refused check has the status and the body for the client', async () => {
  const { call } = await start()
  const refused = await call('Check', { ...ADA, cost: 6 })
  expect(refused).toMatchObject({ allowed: false, verdict: 'VERDICT_REFUSED', status: 429, granted: 0, decision: '' })
  expect(JSON.parse((refused as unknown as { problem: string }).problem)).toMatchObject({ status: 429 })
  expect(refused).not.toHaveProperty('retry_after_ms')
  expect(await call('Peek', ADA)).toMatchObject({ allowed: true, remaining: 5 })
})

test('costs can differ by limit, and a cost of 0 takes nothing', async () => {
  const { call } = await start()
  expect(await call('Check', { ...ADA, costs: { 'users.minute': 4, 'users.month': 10 } })).toMatchObject({ remaining: 1 })
  expect(await call('Check', { ...ADA, cost: 0 })).toMatchObject({ remaining: 1 })
})

test('a decision is settled once, also one that HTTP has made', async () => {
  const { service, call } = await start()
  const { decision } = await call('Check', { ...ADA, cost: 4 })
  expect(await call('Settle', { decision, cost: 1 })).toEqual({ settled: true, reason: '' })
  expect(await call('Settle', { decision, cost: 1 })).toEqual({ settled: false, reason: 'settled-before' })
  expect(await call('Peek', ADA)).toMatchObject({ remaining: 4 })
  const body = JSON.stringify({ attributes: { user: { id: 'ada' } } })
  const made = await fetch(`${service.http?.url}/v1/check`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
  const { decision: other } = (await made.json()) as CheckResponse
  expect(await call('Settle', { decision: other, refund: true })).toEqual({ settled: true, reason: '' })
  const { decision: third } = await call('Check', ADA)
  expect(await call('Settle', { decision: third, costs: { by_limit: { 'users.minute': 3 } } })).toMatchObject({ settled: true })
  expect(await call('Peek', ADA)).toMatchObject({ remaining: 1 })
})

test('a check that wants no decision gets none', async () => {
  const { call } = await start()
  expect(await call('Check', { ...ADA, decision: false })).toMatchObject({ allowed: true, decision: '' })
  expect((await call('Check', { ...ADA, decision: true })).decision).not.toBe('')
})

test('the document says what a response took', async () => {
  const text = DOCUMENT.replace(
    'subject: user, label: per minute',
    'subject: user, refundOn: [5xx], settle: { attribute: units.all, max: 9 }',
  )
  const { call } = await start({ policies: sourceOf(text) })
  const ended = async (response: object) => {
    const { decision } = await call('Check', { ...ADA, cost: 4 })
    expect(await call('Settle', { decision, response })).toEqual({ settled: true, reason: '' })
    return (await call('Peek', ADA)).remaining
  }
  expect(await ended({ status: 503 })).toBe(5)
  const units = { structValue: { fields: { all: { numberValue: 2 } } } }
  expect(await ended({ status: 200, headers: { 'x-other': 'a' }, attributes: { units } })).toBe(3)
  expect((await failureOf(call('Settle', { decision: 'forged', response: { status: 7 } }))).code).toBe(status.INVALID_ARGUMENT)
})

test('a slot is held until it is released', async () => {
  const { call } = await start()
  const { decision } = await call('Check', LOGIN)
  expect(await call('Check', LOGIN)).toMatchObject({ allowed: false })
  expect(await call('Release', { decision })).toEqual({ released: true, reason: '' })
  expect(await call('Check', LOGIN)).toMatchObject({ allowed: true })
})

test.each([
  ['Check', { namespace: 'other' }, status.NOT_FOUND, /namespace/],
  ['Check', { path: 'login' }, status.INVALID_ARGUMENT, /path/],
  ['Check', { ip: 'nowhere' }, status.INVALID_ARGUMENT, /ip/],
  ['Check', { attributes: { 'a.b': { stringValue: 'a' } } }, status.INVALID_ARGUMENT, /attributes/],
  ['Settle', { decision: 'forged', cost: 1 }, status.INVALID_ARGUMENT, /decision/],
  ['Settle', { decision: 'forged' }, status.INVALID_ARGUMENT, /cost|refund|expected/],
  ['Release', {}, status.INVALID_ARGUMENT, /decision/],
])('%s of %j is refused', async (method, request, code, details) => {
  const { call } = await start()
  const failure = await failureOf(call(method, request))
  expect(failure.code).toBe(code)
  expect(failure.details).toMatch(details)
})

describe('Stream', () => {
  interface Answer {
    readonly id: number
    readonly response: string
    readonly [field: string]: unknown
  }

  async function stream() {
    const { service, client } = await start()
    const call = client['Stream']?.() as ClientDuplexStream<object, Answer>
    const answers: Answer[] = []
    call.on('data', (answer: Answer) => answers.push(answer))
    const ended = new Promise<{ readonly code: number; readonly details: string }>((resolve) => call.on('status', resolve))
    call.on('error', () => undefined)
    return { service, call, answers, ended }
  }

  test('answers come in the order of the requests, of all kinds', async () => {
    const { call, answers, ended } = await stream()
    call.write({ id: 1, check: { ...ADA, cost: 4 } })
    call.write({ id: 5, peek: ADA })
    call.write({ id: 6, check: { path: 'wrong' } })
    call.write({ id: 7, settle: { decision: 'forged', refund: true } })
    call.write({ id: 8 })
    await waitUntil('five answers', () => answers.length === 5)
    expect(answers.map(({ id, response }) => [id, response])).toEqual([
      [1, 'check'],
      [5, 'peek'],
      [6, 'error'],
      [7, 'error'],
      [8, 'error'],
    ])
    expect(answers[1]?.['peek']).toMatchObject({ allowed: true, remaining: 1 })
    expect(answers[2]?.['error']).toMatchObject({ code: status.INVALID_ARGUMENT })
    const { decision } = (answers[0] as Answer)['check'] as CheckResponse
    call.write({ id: 9, settle: { decision, cost: 2 } })
    call.write({ id: 10, release: { decision } })
    call.end()
    expect(await ended).toMatchObject({ code: status.OK })
    expect(answers.slice(5)).toMatchObject([
      { id: 9, settle: { settled: true } },
      { id: 10, release: { released: true } },
    ])
  })

  test('1,500 requests at once are all answered, and exactly the limit is admitted', async () => {
    const { call, answers, ended } = await stream()
    for (let id = 1; id <= 1_500; id++) call.write({ id, check: ADA })
    call.end()
    expect(await ended).toMatchObject({ code: status.OK })
    expect(answers.map(({ id }) => id)).toEqual(Array.from({ length: 1_500 }, (_, i) => i + 1))
    expect(answers.filter(({ check }) => (check as CheckResponse).allowed)).toHaveLength(5)
  })

  test('a client that reads late waits, and gets all of 6 MB of answers', async () => {
    const { service } = await start()
    const client = connect(service.grpc?.url as string)
    ends.push(() => client.destroy())
    const headers = { ':method': 'POST', ':path': '/sluice.v1.Limiter/Stream', 'content-type': 'application/grpc', te: 'trailers' }
    const call = client.request(headers)
    const ended = new Promise((resolve) => call.on('trailers', (trailers) => resolve(trailers['grpc-status'])))
    const definition = ownProto('sluice/v1/limiter.proto')['sluice.v1.Limiter'] as unknown as Record<
      string,
      MethodDefinition<object, object>
    >
    for (let id = 1; id <= 6_000; id++) {
      const message = (definition['Stream'] as MethodDefinition<object, object>).requestSerialize({ id, check: ADA })
      const prefix = Buffer.alloc(5)
      prefix.writeUInt32BE(message.length, 1)
      call.write(Buffer.concat([prefix, message]))
    }
    call.end()
    // Both sides run in these turns, and nobody reads an answer.
    for (let turn = 0; turn < 2_000; turn++) await new Promise((resolve) => setImmediate(resolve))
    let bytes = 0
    call.on('data', (chunk: Buffer) => (bytes += chunk.length))
    expect(await ended).toBe('0')
    expect(bytes).toBeGreaterThan(3_000_000)
  })

  test('an id that does not grow ends the call', async () => {
    const { call, ended } = await stream()
    call.write({ id: 2, check: ADA })
    call.write({ id: 2, check: ADA })
    expect(await ended).toMatchObject({ code: status.INVALID_ARGUMENT, details: 'id: expected a number above 2, got 2' })
  })

  test('a service that ends asks for another call, and answers what was sent', async () => {
    const { service, call, answers, ended } = await stream()
    call.write({ id: 1, check: ADA })
    await waitUntil('an answer', () => answers.length === 1)
    const closed = service.close()
    await waitUntil('the notice', () => answers.length === 2)
    expect(answers[1]).toMatchObject({ id: 0, response: 'drain' })
    call.write({ id: 2, check: ADA })
    call.end()
    expect(await ended).toMatchObject({ code: status.OK })
    expect(answers[2]).toMatchObject({ id: 2, response: 'check' })
    await closed
  })
})
