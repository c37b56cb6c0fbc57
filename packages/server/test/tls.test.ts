// Where the service may listen, and with which certificates.
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { get, type RequestOptions } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { type Certificates, makeCertificates } from '@sluice/testing/certificates'
import { waitUntil } from '@sluice/testing/processes'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { type RunningService, serve } from '../src/index.ts'

const folder = mkdtempSync(join(tmpdir(), 'sluice-tls-'))
let one: Certificates
let other: Certificates
beforeAll(async () => {
  one = await makeCertificates(join(folder, 'one'))
  other = await makeCertificates(join(folder, 'other'))
})
afterAll(() => rmSync(folder, { recursive: true }))

let service: RunningService | undefined
afterEach(() => service?.close())

interface Got {
  readonly status: number | undefined
  readonly serial: string
}

const asked = (options: RequestOptions): Promise<Got> =>
  new Promise((resolve, reject) => {
    const request = get(`${service?.http?.url}/check?user_id=ada`, { agent: false, ...options }, (response) => {
      const serial = (response.socket as TLSSocket).getPeerCertificate().serialNumber
      response.resume().once('end', () => resolve({ status: response.statusCode, serial }))
    })
    request.once('error', reject)
  })

describe('beyond loopback', () => {
  test.each(['0.0.0.0', '::', '192.0.2.1', 'example.com'])('%s without TLS is refused before it listens', async (host) => {
    await expect(serve({ http: { host, port: 0 } })).rejects.toMatchObject({ code: 'ERR_LISTEN_INSECURE' })
  })
  test.each(['127.0.0.1', '127.1.2.3', 'localhost', '::1'])('%s needs none', async (host) => {
    service = await serve({ http: { host, port: 0 }, drain: { delay: 0 } })
  })
  test('insecure listens anywhere', async () => {
    service = await serve({ http: { host: '0.0.0.0', port: 0 }, insecure: true, drain: { delay: 0 } })
    expect(service.http?.url).toMatch(/^http:\/\/0\.0\.0\.0:\d+$/)
  })
})

test('TLS: a client that trusts the authority is answered, any other is not', async () => {
  service = await serve({ http: { host: '0.0.0.0', port: 0, tls: { cert: one.certFile, key: one.keyFile } }, drain: { delay: 0 } })
  expect(await asked({ ca: one.ca, servername: 'localhost' })).toMatchObject({ status: 200 })
  await expect(asked({ ca: other.ca, servername: 'localhost' })).rejects.toThrow(/certificate/)
})

test('TLS below the least version is refused', async () => {
  service = await serve({ http: { port: 0, tls: { cert: one.certFile, key: one.keyFile, minVersion: 'TLSv1.3' } }, drain: { delay: 0 } })
  await expect(asked({ ca: one.ca, servername: 'localhost', maxVersion: 'TLSv1.2' })).rejects.toThrow(/protocol version/)
})

test('mutual TLS: only a client with a certificate of the authority is answered', async () => {
  const tls = { cert: one.certFile, key: one.keyFile, clientCa: one.caFile }
  service = await serve({ http: { port: 0, tls }, drain: { delay: 0 } })
  const trust = { ca: one.ca, servername: 'localhost' }
  expect(await asked({ ...trust, cert: readFileSync(one.clientCertFile), key: readFileSync(one.clientKeyFile) })).toMatchObject({
    status: 200,
  })
  await expect(asked(trust)).rejects.toThrow(/certificate required|ECONNRESET|socket hang up/)
  const foreign = { cert: readFileSync(other.clientCertFile), key: readFileSync(other.clientKeyFile) }
  await expect(asked({ ...trust, ...foreign })).rejects.toThrow(/unknown ca|ECONNRESET|socket hang up/i)
})

test('certificates are read again on reload; broken ones are reported once, and those before stay', async () => {
  const [cert, key] = [join(folder, 'live.crt'), join(folder, 'live.key')]
  const use = (from: Certificates): void => {
    copyFileSync(from.certFile, cert)
    copyFileSync(from.keyFile, key)
  }
  use(one)
  service = await serve({ http: { port: 0, tls: { cert, key } }, drain: { delay: 0 } })
  expect(await asked({ ca: one.ca, servername: 'localhost' })).toMatchObject({ status: 200 })
  use(other)
  service.reload()
  await waitUntil('the new certificate', async () => (await asked({ ca: other.ca, servername: 'localhost' })).status === 200)
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined)
  writeFileSync(cert, 'no certificate')
  service.reload()
  service.reload()
  expect(warn.mock.calls.map(([text]) => String(text))).toEqual([
    expect.stringMatching(/ERR_TLS_INVALID.*the certificates before stay in use/),
  ])
  warn.mockRestore()
  expect(await asked({ ca: other.ca, servername: 'localhost' })).toMatchObject({ status: 200 })
})

test('files that are no certificates are refused at the start, with their paths', async () => {
  await expect(serve({ http: { port: 0, tls: { cert: one.keyFile, key: one.certFile } } })).rejects.toMatchObject({
    code: 'ERR_TLS_INVALID',
    message: expect.stringContaining(one.keyFile),
  })
})
