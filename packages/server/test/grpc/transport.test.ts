import type { Http2Server } from 'node:http2'
import { compressionAlgorithms, status } from '@grpc/grpc-js'
import { afterEach, describe, expect, test } from 'vitest'
import { waitUntil } from '@sluice/testing'
import { GrpcServer, type GrpcServerParts } from '../../src/grpc/transport/grpc-server.ts'
import type { Methods } from '../../src/grpc/transport/method.ts'
import { STATUS, StatusError } from '../../src/grpc/transport/status.ts'
import { ServerMetrics } from '../../src/metrics/server-metrics.ts'
import { failureOf, RawClient } from './raw-client.ts'

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

function framed(message: Uint8Array): Buffer {
  const frame = Buffer.alloc(5 + message.length)
  frame.writeUInt32BE(message.length, 1)
  frame.set(message, 5)
  return frame
}

const METHODS: Methods = {
  '/test/Echo': { unary: (message) => framed(message) },
  '/test/Late': { unary: (message) => new Promise((resolve) => setTimeout(() => resolve(framed(message)), 30)) },
  '/test/Never': { unary: () => new Promise(() => {}) },
  '/test/Fail': {
    unary: () => {
      throw new StatusError(STATUS.NOT_FOUND, 'nichts für „a%b“\n')
    },
  },
  '/test/Crash': { unary: () => Promise.reject(new Error('a secret')) },
  '/test/Chat': {
    stream: (call) => ({
      message: (message) => call.send(framed(message)),
      halfClosed: () => call.end(STATUS.OK),
      draining: () => call.send(framed(Buffer.from('drain'))),
    }),
  },
}

async function serveMethods(options: Partial<GrpcServerParts> = {}) {
  const errors: unknown[] = []
  const server = new GrpcServer({
    host: '127.0.0.1',
    port: 0,
    path: undefined,
    tls: undefined,
    metrics: new ServerMetrics(),
    maxConnectionAge: 300_000,
    methods: METHODS,
    statusOf: (error) => {
      errors.push(error)
      return { status: STATUS.INTERNAL, message: 'the service failed' }
    },
    ...options,
  })
  const url = await server.listen()
  ends.push(() => server.close(100))
  return { server, url, errors }
}

function connect(...parts: ConstructorParameters<typeof RawClient>): RawClient {
  const client = new RawClient(...parts)
  ends.push(() => client.close())
  return client
}

describe('calls of grpc-js', () => {
  test('a message of 64 kB comes back, one byte more is refused', async () => {
    const { url } = await serveMethods()
    const client = connect(url)
    for (const size of [0, 1, 300, 16_384, 65_536]) {
      const message = Buffer.alloc(size, 'x')
      expect((await client.unary('/test/Echo', message)).equals(message)).toBe(true)
    }
    const refused = await failureOf(client.unary('/test/Echo', Buffer.alloc(65_537)))
    expect(refused).toMatchObject({ code: status.RESOURCE_EXHAUSTED, details: 'expected a message of at most 65536 bytes, got 65537' })
    expect(await client.unary('/test/Echo', Buffer.from('still here'))).toEqual(Buffer.from('still here'))
  })

  test('compressed messages are not implemented', async () => {
    const { url } = await serveMethods()
    const client = connect(url, { 'grpc.default_compression_algorithm': compressionAlgorithms.gzip })
    const { code, metadata } = await failureOf(client.unary('/test/Echo', Buffer.alloc(2_000)))
    expect(code).toBe(status.UNIMPLEMENTED)
    expect(metadata.get('grpc-accept-encoding')).toEqual(['identity'])
  })

  test('an unknown method is not implemented', async () => {
    const { url } = await serveMethods()
    expect(await failureOf(connect(url).unary('/test/Nothing', Buffer.alloc(0)))).toMatchObject({
      code: status.UNIMPLEMENTED,
      details: 'there is no method /test/Nothing',
    })
  })

  test('the message of an error comes as it is', async () => {
    const { url } = await serveMethods()
    expect(await failureOf(connect(url).unary('/test/Fail', Buffer.alloc(0)))).toMatchObject({
      code: status.NOT_FOUND,
      details: 'nichts für „a%b“\n',
    })
  })

  test('a failure is reported, and the caller does not get its message', async () => {
    const { url, errors } = await serveMethods()
    expect(await failureOf(connect(url).unary('/test/Crash', Buffer.alloc(0)))).toMatchObject({
      code: status.INTERNAL,
      details: 'the service failed',
    })
    expect(errors).toEqual([new Error('a secret')])
  })

  test('a call without an answer ends at its deadline', async () => {
    const { url } = await serveMethods()
    const client = connect(url)
    const failure = await failureOf(client.unary('/test/Never', Buffer.alloc(0), { deadline: new Date(Date.now() + 50) }))
    expect(failure.code).toBe(status.DEADLINE_EXCEEDED)
    expect(await client.unary('/test/Late', Buffer.from('a'))).toEqual(Buffer.from('a'))
  })

  test('a call that lasts answers each request, and ends when the client ends it', async () => {
    const { url } = await serveMethods()
    const call = connect(url).bidi('/test/Chat')
    const got: string[] = []
    call.on('data', (bytes: Buffer) => got.push(bytes.toString()))
    const ended = new Promise((resolve) => call.on('status', resolve))
    for (let i = 0; i < 1_000; i++) call.write(Buffer.from(String(i)))
    await waitUntil('all answers', () => got.length === 1_000)
    call.end()
    expect(await ended).toMatchObject({ code: status.OK })
    expect(got).toEqual(Array.from({ length: 1_000 }, (_, i) => String(i)))
  })

  test('a call that lasts ends with the status of a request that is too long', async () => {
    const { url } = await serveMethods()
    const call = connect(url).bidi('/test/Chat')
    call.on('error', () => {})
    call.resume()
    const ended = new Promise((resolve) => call.on('status', resolve))
    call.write(Buffer.alloc(70_000))
    expect(await ended).toMatchObject({ code: status.RESOURCE_EXHAUSTED })
  })

  test('connections end of themselves, and no call is lost', async () => {
    const { url, server } = await serveMethods({ maxConnectionAge: 20 })
    let connections = 0
    ;(server as unknown as { readonly server: Http2Server }).server.on('session', () => void connections++)
    const client = connect(url)
    const lane = async () => {
      while (connections < 8) await client.unary('/test/Echo', Buffer.from('x'))
    }
    await Promise.all(Array.from({ length: 16 }, lane))
    expect(connections).toBe(8)
  })

  test('what is in flight is answered when the server closes, and calls that last hear of it', async () => {
    const { url, server } = await serveMethods()
    const client = connect(url)
    const chat = client.bidi('/test/Chat')
    const got: string[] = []
    chat.on('data', (bytes: Buffer) => {
      got.push(bytes.toString())
      if (got.includes('drain')) chat.end()
    })
    chat.write(Buffer.from('hello'))
    await waitUntil('the first answer', () => got.length === 1)
    const late = client.unary('/test/Late', Buffer.from('a'))
    await client.unary('/test/Echo', Buffer.alloc(0))
    await server.close(5_000)
    expect(await late).toEqual(Buffer.from('a'))
    expect(got).toEqual(['hello', 'drain'])
  })
})
