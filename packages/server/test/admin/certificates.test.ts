// mTLS: a client certificate in place of a token.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { request, type RequestOptions } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Certificates, makeCertificates } from '@sluice/testing/certificates'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { type AdminOptions, serve } from '../../src/index.ts'
import { tokenOf } from './admin-client.ts'

let one: Certificates
let other: Certificates
const folder = mkdtempSync(join(tmpdir(), 'sluice-admin-tls-'))
beforeAll(async () => {
  one = await makeCertificates(join(folder, 'one'))
  other = await makeCertificates(join(folder, 'other'))
})
afterAll(() => rmSync(folder, { recursive: true }))

const { token, entry } = tokenOf('ada', ['admin:*'])

async function asking(admin: AdminOptions) {
  const tls = { cert: one.certFile, key: one.keyFile, clientCa: one.caFile }
  const service = await serve({ http: { port: 0, tls }, drain: { delay: 0 }, admin })
  onTestFinished(() => service.close())
  return (
    certificate: Certificates | undefined,
    headers: RequestOptions['headers'] = {},
  ): Promise<{ status: number | string; body: any }> =>
    new Promise((resolve) => {
      const own =
        certificate === undefined ? {} : { cert: readFileSync(certificate.clientCertFile), key: readFileSync(certificate.clientKeyFile) }
      const sent = request(`${service.http?.url}/admin/v1/whoami`, { ca: one.ca, agent: false, headers, ...own }, (response) => {
        let text = ''
        response.on('data', (chunk) => (text += String(chunk)))
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) }))
      })
      sent.on('error', (error: { readonly code?: string }) => resolve({ status: error.code ?? 'error', body: undefined }))
      sent.end()
    })
}

test('a certificate that the authority of the service has signed is known by its name', async () => {
  const ask = await asking({
    certificates: [{ name: 'deployer', subject: 'CN=client', scopes: ['policies:*', 'read:*'] }],
    tokens: [entry],
  })
  expect(await ask(one)).toEqual({ status: 200, body: { name: 'deployer', by: 'mtls', scopes: ['policies:*', 'read:*'] } })
  // A token says more than a certificate that many programs of a machine may share, and a wrong one is not made good by it.
  expect((await ask(one, { authorization: `Bearer ${token}` })).body).toMatchObject({ name: 'ada', by: 'token' })
  expect((await ask(one, { authorization: `Bearer ${'x'.repeat(40)}` })).status).toBe(401)
  expect((await ask(other)).status).not.toBe(200)
  expect((await ask(undefined)).status).not.toBe(200)
})

test('a certificate without an entry is nobody', async () => {
  const ask = await asking({ certificates: [{ name: 'deployer', subject: 'CN=clients', scopes: ['admin:*'] }] })
  expect((await ask(one)).status).toBe(401)
})
