// Raw bytes on the port of gRPC, calls that are malformed, and connections by TLS.
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { type ClientHttp2Session, connect as connectHttp2, type OutgoingHttpHeaders } from 'node:http2'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { credentials, status } from '@grpc/grpc-js'
import { makeCertificates } from '@sluice/testing/certificates'
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { serve, type ServeOptions } from '../../src/index.ts'
import { failureOf, RawClient } from './raw-client.ts'

const PATH = '/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit'
/** A call, byte by byte as the protocol has it: the domain `d`, and a descriptor with the entry `user: ada`. */
const RECORDED = Buffer.from('00000000120a0164120d0a0b0a04757365721203616461', 'hex')

/** Connections with any bytes: 100,000 in `npm run test:all`. */
const RUNS = process.env['SLUICE_FAULTS'] === 'full' ? 100_000 : 500

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

async function start(options: ServeOptions = {}) {
  const service = await serve({ http: false, drain: { delay: 0, timeout: 500 }, ...options, grpc: { port: 0, ...options.grpc } })
  ends.push(() => service.close())
  return service.grpc?.url as string
}

async function session(url: string): Promise<ClientHttp2Session> {
  const made = connectHttp2(url)
  made.on('error', () => undefined)
  ends.push(() => made.destroy())
  await once(made, 'connect')
  return made
}

/** One call by HTTP/2: what it is answered, in headers and trailers. */
async function call(client: ClientHttp2Session, chunks: readonly Buffer[], headers: OutgoingHttpHeaders = {}) {
  const stream = client.request({ ':method': 'POST', ':path': PATH, 'content-type': 'application/grpc', te: 'trailers', ...headers })
  const all: Record<string, unknown> = {}
  stream.on('response', (got) => Object.assign(all, got))
  stream.on('trailers', (got) => Object.assign(all, got))
  stream.on('error', () => undefined)
  const body: Buffer[] = []
  stream.on('data', (chunk: Buffer) => body.push(chunk))
  for (const chunk of chunks) {
    stream.write(chunk)
    // Each in a DATA frame of its own.
    await new Promise((resolve) => setImmediate(resolve))
  }
  stream.end()
  await once(stream, 'close')
  return { http: all[':status'], code: all['grpc-status'], message: all['grpc-message'], body: Buffer.concat(body) }
}

describe('calls by HTTP/2', () => {
  test('recorded bytes are answered, also one byte in each frame', async () => {
    const client = await session(await start())
    const whole = await call(client, [RECORDED])
    expect(whole).toMatchObject({ http: 200, code: '0' })
    // overall_code OK, and a status with the code OK.
    expect(whole.body.subarray(0, 7).toString('hex')).toMatch(/^00000000..0801$/)
    const split = await call(
      client,
      Array.from(RECORDED, (byte) => Buffer.from([byte])),
    )
    expect(split).toMatchObject({ http: 200, code: '0' })
    expect(split.body.length).toBe(whole.body.length)
  })

  test.each([
    ['no message', [], {}, '12'],
    ['two messages', [RECORDED, RECORDED], {}, '12'],
    ['a part of a message', [RECORDED.subarray(0, 9)], {}, '13'],
    ['a part of a prefix', [RECORDED.subarray(0, 3)], {}, '13'],
    ['a compressed message', [Buffer.from([1, 0, 0, 0, 0])], {}, '12'],
    ['another first byte', [Buffer.from([7, 0, 0, 0, 0])], {}, '13'],
    ['a length of 4 GB', [Buffer.from([0, 255, 255, 255, 255])], {}, '8'],
    ['bytes that are no message', [Buffer.from([0, 0, 0, 0, 2, 0x0a, 99])], {}, '13'],
    ['a malformed timeout', [RECORDED], { 'grpc-timeout': '1 day' }, '13'],
    ['another method', [RECORDED], { ':path': '/none' }, '12'],
  ])('%s', async (_name, chunks, headers, code) => {
    expect(await call(await session(await start()), chunks, headers)).toMatchObject({ http: 200, code })
  })

  test('what is no call of gRPC has a status of HTTP', async () => {
    const client = await session(await start())
    expect(await call(client, [], { 'content-type': 'application/json' })).toMatchObject({ http: 415, code: undefined })
    expect(await call(client, [], { ':method': 'PUT' })).toMatchObject({ http: 405 })
  })

  test('streams that are reset at once leave the connection usable', async () => {
    const client = await session(await start())
    for (let i = 0; i < 50; i++) {
      const stream = client.request({ ':method': 'POST', ':path': PATH, 'content-type': 'application/grpc' })
      stream.on('error', () => undefined)
      stream.write(RECORDED)
      stream.close(8)
    }
    expect(await call(client, [RECORDED])).toMatchObject({ code: '0' })
  })
})

test('any bytes on the port end at most their own connection', { timeout: 60_000 + RUNS * 20 }, async () => {
  const url = await start()
  const { hostname, port } = new URL(url)
  const unhandled: unknown[] = []
  const note = (error: unknown) => void unhandled.push(error)
  process.on('uncaughtException', note).on('unhandledRejection', note)
  ends.push(() => process.off('uncaughtException', note).off('unhandledRejection', note))
  const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u0004\0\0\0\0\0', 'latin1')
  const frame = fc
    .record({ type: fc.nat(11), flags: fc.nat(255), stream: fc.nat(9), payload: fc.uint8Array({ maxLength: 60 }) })
    .map(({ type, flags, stream, payload }) => Buffer.concat([Buffer.from([0, 0, payload.length, type, flags, 0, 0, 0, stream]), payload]))
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 300 }).map((each) => Buffer.from(each)),
    fc.array(frame, { maxLength: 8 }).map((frames) => Buffer.concat([preface, ...frames])),
  )
  let connections = 0
  await fc.assert(
    fc.asyncProperty(bytes, async (sent) => {
      // A closed connection keeps its port for a minute, and one address has 28,000 of them.
      connections += 1
      const socket = connect({ port: Number(port), host: hostname, localAddress: `127.0.${(connections >> 10) % 200}.2` })
      socket.on('error', () => undefined)
      await once(socket, 'connect')
      socket.end(sent)
      await new Promise((resolve) => setImmediate(resolve))
      socket.destroy()
    }),
    { numRuns: RUNS },
  )
  expect(await call(await session(url), [RECORDED])).toMatchObject({ code: '0' })
  expect(unhandled).toEqual([])
})

test('by TLS, and with a certificate of the client where one is asked for', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-grpc-'))
  ends.push(() => rmSync(folder, { recursive: true }))
  const one = await makeCertificates(folder)
  const tls = { cert: one.certFile, key: one.keyFile, clientCa: one.caFile }
  const url = await start({ grpc: { tls } })
  expect(url).toMatch(/^https:/)
  const name = { 'grpc.ssl_target_name_override': 'localhost' }
  const client = (...parts: Parameters<typeof credentials.createSsl>) => {
    const made = new RawClient(url, name, credentials.createSsl(...parts))
    ends.push(() => made.close())
    return made
  }
  const ca = readFileSync(one.caFile)
  const known = client(ca, readFileSync(one.clientKeyFile), readFileSync(one.clientCertFile))
  expect((await known.unary(PATH, RECORDED.subarray(5))).subarray(0, 2)).toEqual(Buffer.from([8, 1]))
  const deadline = new Date(Date.now() + 5_000)
  const refused = await failureOf(client(ca).unary(PATH, RECORDED.subarray(5), { deadline }))
  expect([status.UNAVAILABLE, status.DEADLINE_EXCEEDED]).toContain(refused.code)
})

test('by TLS, a service that ends among calls does not abort its process', { timeout: 60_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-grpc-'))
  ends.push(() => rmSync(folder, { recursive: true }))
  const { certFile, keyFile, caFile } = await makeCertificates(folder)
  const name = { 'grpc.ssl_target_name_override': 'localhost' }
  for (let round = 0; round < 20; round++) {
    const service = await serve({
      http: false,
      drain: { delay: 0, timeout: 500 },
      grpc: { port: 0, tls: { cert: certFile, key: keyFile } },
    })
    const client = new RawClient(service.grpc?.url as string, name, credentials.createSsl(readFileSync(caFile)))
    try {
      expect((await client.unary(PATH, RECORDED.subarray(5))).subarray(0, 2)).toEqual(Buffer.from([8, 1]))
      const calls = Array.from({ length: 50 }, () => client.unary(PATH, RECORDED.subarray(5)))
      const settled = Promise.allSettled(calls)
      await service.close()
      await settled
    } finally {
      client.close()
    }
  }
})
