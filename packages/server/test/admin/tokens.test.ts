import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { serve } from '../../src/index.ts'
import { adminService, tokenOf } from './admin-client.ts'

test('the configuration has the hash of a token only, and says what is wrong with it', async () => {
  const { entry } = tokenOf('console', ['read:*'])
  const admin = (change: object) => ({ http: { port: 0 }, admin: { tokens: [{ ...entry, ...change }] } }) as never
  await expect(serve(admin({ sha256: 'the-token-itself' }))).rejects.toThrow(
    /admin\.tokens\[0\]\.sha256: expected the SHA-256 .* hexadecimal digits, got the string "string"/,
  )
  await expect(serve(admin({ sha256: 'the-token-itself' }))).rejects.not.toThrow(/the-token-itself/)
  await expect(serve(admin({ scopes: ['root:*'] }))).rejects.toThrow(/scopes\[0\]: expected an action and a namespace or \*/)
  await expect(serve(admin({ scopes: [] }))).rejects.toThrow(/scopes: expected a list/)
  await expect(serve(admin({ expires: 'soon' }))).rejects.toThrow(/expires: expected an instant/)
  await expect(serve(admin({ token: 'x' }))).rejects.toThrow(/ERR_OPTION_UNKNOWN/)
  await expect(serve(admin({ name: '' }))).rejects.toThrow(/name: expected a text/)
})

test('beyond loopback there must be a token', async () => {
  await expect(serve({ http: { host: '0.0.0.0', port: 0 }, insecure: true, admin: {} })).rejects.toThrow(
    /admin\.tokens: expected at least one/,
  )
})

test('a short token is refused, also if its hash is configured', async () => {
  const sha256 = createHash('sha256').update('password').digest('hex')
  const { ask } = await adminService({ admin: { tokens: [{ name: 'weak', sha256, scopes: ['admin:*'] }] } })
  expect(await ask('GET', 'whoami', undefined, 'password')).toMatchObject({ status: 401, body: { code: 'ERR_ADMIN_TOKEN' } })
})

test('a token that is too long is refused, also if it begins with a valid one', async () => {
  const long = 'z'.repeat(600)
  const sha256 = createHash('sha256').update(long.slice(0, 512)).digest('hex')
  const { ask } = await adminService({ admin: { tokens: [{ name: 'long', sha256, scopes: ['admin:*'] }] } })
  expect((await ask('GET', 'whoami', undefined, long)).status).toBe(401)
  expect((await ask('GET', 'whoami', undefined, long.slice(0, 512))).status).toBe(200)
})

test('wrong tokens of one address are answered with 429 after ten, and valid ones still work', async () => {
  const { ask, service } = await adminService()
  const statuses: number[] = []
  for (let i = 0; i < 12; i++) statuses.push((await ask('GET', 'whoami', undefined, `${i}`.repeat(40))).status)
  expect(statuses).toEqual([...Array.from({ length: 10 }, () => 401), 429, 429])
  const refused = await ask('GET', 'whoami', undefined, 'w'.repeat(40))
  expect(refused.body.code).toBe('ERR_ADMIN_ATTEMPTS')
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
  expect(refused.headers.get('www-authenticate')).toBe('Bearer realm="sluice"')
  expect((await ask('GET', 'whoami', undefined, service.adminToken ?? '')).status).toBe(200)
})

test('a valid token has 1,000 requests a minute, and another one is not concerned', async () => {
  const [busy, other] = [tokenOf('busy', ['admin:*']), tokenOf('other', ['read:*'])]
  const { ask } = await adminService({ admin: { tokens: [busy.entry, other.entry] } })
  const statuses = new Map<number, number>()
  for (let i = 0; i < 1_020; i++) {
    const { status } = await ask('GET', 'whoami', undefined, busy.token)
    statuses.set(status, (statuses.get(status) ?? 0) + 1)
  }
  // A window that slides on while the test asks admits a few more.
  expect(statuses.get(200)).toBeGreaterThanOrEqual(1_000)
  expect([...statuses.keys()]).toEqual([200, 429])
  const refused = await ask('GET', 'whoami', undefined, busy.token)
  expect(refused.body.code).toBe('ERR_ADMIN_CALLS')
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
  expect(refused.headers.get('www-authenticate')).toBeNull()
  expect((await ask('GET', 'whoami', undefined, other.token)).status).toBe(200)
})

test('a page that asks without a token is no attempt', async () => {
  const { ask } = await adminService()
  for (let i = 0; i < 15; i++) expect((await ask('GET', 'whoami', undefined, null)).status).toBe(401)
})

test('neither answers nor the overview have a token or its hash', async () => {
  const { token, entry } = tokenOf('console', ['admin:*'])
  const { ask } = await adminService({ admin: { tokens: [entry] } })
  for (const path of ['whoami', 'overview', 'policies', 'audit']) {
    const text = JSON.stringify((await ask('GET', path, undefined, token)).body)
    expect(text).not.toContain(token)
    expect(text).not.toContain(entry.sha256)
  }
})

test('a body must be JSON by its type, so that no page of another site can write', async () => {
  const { url, service } = await adminService()
  const send = (headers: Record<string, string>, body: string) =>
    fetch(`${url}/admin/v1/kill-switch`, { method: 'POST', headers: { authorization: `Bearer ${service.adminToken}`, ...headers }, body })
  expect((await send({ 'content-type': 'text/plain' }, '{}')).status).toBe(415)
  expect((await send({ 'content-type': 'application/json' }, '{')).status).toBe(400)
  expect((await send({ 'content-type': 'application/json' }, '[]')).status).toBe(422)
  expect((await send({ 'content-type': 'application/json' }, `"${'x'.repeat(4_000_000)}"`)).status).toBe(413)
})
