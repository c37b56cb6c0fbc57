import { request } from 'node:http'
import { expect, test } from 'vitest'
import { Documents, documentOf, one, started } from './support.ts'

const trustProxy = ['loopback']
const HOUR = 'name: hour, algorithm: fixedWindow, anchor: first, window: 1h, subject: address'
const from = (address: string) => ({ 'x-forwarded-for': address })

test('200, then 429, by the method, the path and the host of the client', async () => {
  const rules = `  - name: api
    rules:
      - { name: orders, match: { methods: [POST], paths: [/orders], hosts: ['127.0.0.1'] }, limits: [{ ${HOUR}, limit: 1 }] }`
  const { url } = await started({ trustProxy, policies: new Documents(documentOf(rules)) })
  const ask = (method: string, path: string) => fetch(`${url}/auth/envoy${path}`, { method, headers: from('203.0.113.7') })
  expect((await ask('GET', '/orders')).status).toBe(200)
  const first = await ask('POST', '/orders?cost=0&namespace=other')
  expect([first.status, await first.text()]).toEqual([200, ''])
  expect(first.headers.get('ratelimit')).toBe('"shop.api.hour";r=0;t=3600')
  const refused = await ask('POST', '/orders')
  expect(refused.status).toBe(429)
  expect(refused.headers.get('content-type')).toBe('application/problem+json')
  expect(await refused.json()).toMatchObject({ status: 429, 'violated-policies': ['shop.api.hour'] })
  expect((await ask('POST', '/others')).status).toBe(200)
})

test('a path with .. leads to no other endpoint', async () => {
  const { url } = await started({ trustProxy, policies: new Documents(documentOf(one(`${HOUR}, limit: 1`))) })
  const ask = (path: string) => statusOf(url, path)
  expect(await ask('/auth/envoy')).toBe(200)
  const paths = ['/auth/envoy/../../healthz', '/auth/envoy/%2e%2e/%2e%2e/healthz', '/auth/envoy/..\\..\\healthz', '/auth/envoy?/../healthz']
  for (const path of paths) expect(await ask(path)).toBe(429)
  // A path that only begins alike is no path below.
  expect(await ask('/auth/envoys')).toBe(404)
})

test('anybody else than a gateway is counted by its own address', async () => {
  const { url } = await started({ policies: new Documents(documentOf(one(`${HOUR}, limit: 1`))) })
  const ask = async (address: string) => (await fetch(`${url}/auth/envoy/`, { headers: from(address) })).status
  expect([await ask('203.0.113.1'), await ask('203.0.113.2')]).toEqual([200, 429])
})

test('a refusal of 5xx is a 429, since Envoy takes every 5xx for a failure', async () => {
  const document = documentOf(one(`${HOUR}, limit: 0`, 'status: 503,'))
  const { url } = await started({ trustProxy, policies: new Documents(document) })
  const refused = await fetch(`${url}/auth/envoy/`)
  expect(refused.status).toBe(429)
  expect(await refused.json()).toMatchObject({ status: 429 })
})

/** Sends a path as it is: `fetch` resolves `..` itself. */
function statusOf(url: string, path: string): Promise<number | undefined> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    const sent = request({ hostname, port, path, headers: from('203.0.113.7') }, (response) => resolve(response.resume().statusCode))
    sent.once('error', reject)
    sent.end()
  })
}
