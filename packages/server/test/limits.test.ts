// What the HTTP server bears of its clients.
import { waitUntil } from '@sluice/testing/processes'
import { afterEach, describe, expect, test } from 'vitest'
import { type HttpLimits, type RunningService, serve } from '../src/index.ts'
import { portOf, type RawConnection, rawConnection } from './requests.ts'

let service: RunningService | undefined
afterEach(() => service?.close())

const started = async (limits: HttpLimits = {}): Promise<string> => {
  service = await serve({ http: { port: 0, limits }, drain: { delay: 0 } })
  return service.http?.url ?? ''
}
const connected = (): Promise<RawConnection> => rawConnection({ port: portOf(service?.http?.url), host: '127.0.0.1' })
const HEAD = 'GET /healthz HTTP/1.1\r\nHost: a\r\n'

test('a body above the limit is refused before it is sent, and the connection ends', async () => {
  await started({ maxBody: 1_024 })
  const raw = await connected()
  raw.write('POST /check HTTP/1.1\r\nHost: a\r\nContent-Length: 1025\r\n\r\n')
  await raw.closed
  expect(raw.text()).toMatch(/^HTTP\/1.1 413 /)
  expect(raw.text()).toContain('"detail":"Expected a body of at most 1024 bytes."')
})

test('a body that nobody reads ends the connection, whatever its length', async () => {
  await started()
  const raw = await connected()
  raw.write('GET /healthz HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n')
  await raw.closed
  expect(raw.text()).toMatch(/^HTTP\/1.1 200 /)
  expect(raw.text().toLowerCase()).toContain('connection: close')
})

test('headers above the limit are refused with 431', async () => {
  const url = await started({ maxHeaders: 1_024 })
  expect((await fetch(`${url}/healthz`, { headers: { 'x-a': 'a'.repeat(2_000) } })).status).toBe(431)
})

describe('slow clients', () => {
  test('one that sends its headers one by one gets 408', async () => {
    await started({ headersTimeout: 200, requestTimeout: 200 })
    const raw = await connected()
    raw.write(HEAD)
    const drip = setInterval(() => raw.write('X-A: a\r\n'), 20)
    await raw.closed.finally(() => clearInterval(drip))
    expect(raw.text()).toMatch(/^HTTP\/1.1 408 /)
  })
  test('one that sends nothing is closed', async () => {
    await started({ headersTimeout: 200, requestTimeout: 200, keepAlive: 200 })
    const raw = await connected()
    await raw.closed
  })
  test('a connection without a request ends after keepAlive', async () => {
    await started({ keepAlive: 100 })
    const raw = await connected()
    raw.write(`${HEAD}\r\n`)
    await raw.closed
    expect(raw.text()).toMatch(/^HTTP\/1.1 200 /)
  })
})

test('one connection too many is closed at once, and counted', async () => {
  const url = await started({ maxConnections: 1 })
  const first = await connected()
  first.write(`${HEAD}\r\n`)
  await waitUntil('the first answer', () => first.text().includes('200'))
  const second = await connected()
  await second.closed
  expect(second.text()).toBe('')
  first.socket.end()
  await first.closed
  await waitUntil('the metric', async () =>
    (await (await fetch(`${url}/metrics`)).text()).includes('sluice_server_connections_refused_total{protocol="http"} 1'),
  )
})

test.each([
  [{ maxBody: 1 }, 'serve: http.limits.maxBody: expected a whole number from 1024 to 16777216, got 1'],
  [{ maxBodies: 1 }, '"maxBodies" is not an option; expected one of maxBody, maxHeaders'],
])('%j is refused', async (limits, message) => {
  await expect(serve({ http: { port: 0, limits: limits as HttpLimits } })).rejects.toThrow(message)
})
