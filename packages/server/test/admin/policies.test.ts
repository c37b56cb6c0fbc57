import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileSource } from '@sluice/policies'
import { expect, test } from 'vitest'
import { adminService, eventsOf, tokenOf } from './admin-client.ts'
import { newFolder } from './new-folder.ts'

const document = (revision: number, limit = 5, more = ''): string => `# the shop
apiVersion: sluice/v1
namespace: shop
revision: ${revision} # rises
subjects: { client: { parts: [{ attribute: client }] } }
policies:
  - name: api
    rules: [{ name: all, limits: [{ name: minute, algorithm: slidingWindow, limit: ${limit}, window: 1m, subject: client }] }]
${more}`

async function shop() {
  const file = join(newFolder(), 'sluice.yaml')
  writeFileSync(file, document(1))
  const { token, entry } = tokenOf('ada', ['admin:*'])
  const admin = await adminService({ policies: fileSource(file), admin: { tokens: [entry], publishTo: `file:${file}` } })
  const ask = (method: string, path: string, body?: unknown, other = token) => admin.ask(method, path, body, other)
  return { ...admin, ask, file, token }
}

test('a document is published over the revision that was read, and is in force at once', async () => {
  const { ask, url } = await shop()
  const { status, body } = await ask('PUT', 'policies/shop', { text: document(2, 1), expected: 1, note: 'a sale', wait: true })
  expect({ status, body }).toMatchObject({
    status: 200,
    body: { revision: 2, previous: 1, inForce: true, laggards: [], waitedMs: expect.any(Number) },
  })
  expect(body.changes).toEqual([expect.objectContaining({ effect: 'tighter', policy: 'api' })])
  expect((await fetch(`${url}/check?client=a`)).status).toBe(200)
  expect((await fetch(`${url}/check?client=a`)).status).toBe(429)
  expect((await ask('GET', 'policies')).body.rows).toEqual([
    expect.objectContaining({ namespace: 'shop', revision: 2, by: 'ada', publishedAt: expect.any(Number), killSwitch: null }),
  ])
})

test('who has not read the last revision gets a conflict with the current one', async () => {
  const { ask } = await shop()
  await ask('PUT', 'policies/shop', { text: document(2), expected: 1 })
  expect(await ask('PUT', 'policies/shop', { text: document(3), expected: 1 })).toMatchObject({
    status: 409,
    body: { code: 'ERR_PUBLISH_CONFLICT', current: 2, detail: expect.stringMatching(/has revision 2 now, and 1 was expected/) },
  })
  expect((await ask('PUT', 'policies/shop', { text: document(2, 7), expected: 2 })).status).toBe(409)
})

test('a document that is not valid, or of another namespace, or fails its tests, is refused with its lines', async () => {
  const { ask } = await shop()
  const put = async (text: string) => (await ask('PUT', 'policies/shop', { text, expected: 1 })).body
  expect(await put(document(2).replace('limit: 5', 'limit: many'))).toMatchObject({
    status: 422,
    code: 'ERR_POLICY_INVALID',
    problems: [{ path: expect.stringContaining('limit'), line: 8, message: expect.stringContaining('expected') }],
  })
  expect(await put(document(2).replace('namespace: shop', 'namespace: other'))).toMatchObject({
    status: 422,
    problems: [{ path: 'namespace' }],
  })
  const failing = document(
    2,
    5,
    'tests: [{ request: { path: /, attributes: { client: a } }, times: 5, expect: { refusedBy: api.minute } }]\n',
  )
  expect(await put(failing)).toMatchObject({ status: 422, problems: [{ message: expect.stringContaining('refusedBy') }] })
  expect(await put('')).toMatchObject({ status: 422, code: 'ERR_ADMIN_REQUEST', detail: expect.stringMatching(/^text: expected a text/) })
  expect((await ask('GET', 'policies/shop')).body.revision).toBe(1)
})

test('a document is validated and compared before it is published', async () => {
  const { ask } = await shop()
  expect((await ask('POST', 'policies/shop/validate', { text: document(2) })).body).toEqual({ ok: true, problems: [], findings: [] })
  expect((await ask('POST', 'policies/shop/validate', { text: document(1, 9) })).body.findings).toEqual([
    expect.objectContaining({ rule: 'revision', line: 4 }),
  ])
  expect((await ask('POST', 'policies/shop/validate', { text: 'apiVersion: [' })).body).toMatchObject({
    ok: false,
    problems: [{ line: 1 }],
  })
  const { body } = await ask('POST', 'policies/shop/diff', { text: document(2, 9) })
  expect(body).toMatchObject({
    before: 1,
    after: 2,
    changes: [{ effect: 'looser', policy: 'api', who: expect.any(String), message: expect.stringContaining('9') }],
  })
})

test('an earlier revision is in force again as a new one, and the history says who did what', async () => {
  const { ask } = await shop()
  await ask('PUT', 'policies/shop', { text: document(2, 9), expected: 1, note: 'more' })
  expect((await ask('POST', 'policies/shop/rollback', { to: 1, note: 'too much' })).body).toMatchObject({
    revision: 3,
    previous: 2,
    inForce: true,
  })
  const { text } = (await ask('GET', 'policies/shop')).body
  expect(text).toContain('# the shop\n')
  expect(text).toContain('revision: 3 # rises\nrollbackOf: 1\n')
  const { rows } = (await ask('GET', 'policies/shop/history')).body
  expect(rows).toEqual([
    expect.objectContaining({ revision: 3, by: 'ada', note: 'too much', rollbackOf: 1, at: expect.any(Number) }),
    expect.objectContaining({ revision: 2, by: 'ada', note: 'more', rollbackOf: null }),
    expect.objectContaining({ revision: 1, by: null, note: null }),
  ])
  expect((await ask('GET', 'policies/shop/history/2')).body).toMatchObject({ revision: 2, text: document(2, 9) })
  expect((await ask('GET', 'policies/shop/history/7')).status).toBe(404)
  expect((await ask('POST', 'policies/shop/rollback', { to: 3 })).status).toBe(409)
})

test('the kill switch admits everything, and gives the limits back as they were', async () => {
  const { ask, url } = await shop()
  const check = async () => (await fetch(`${url}/check?client=a`)).status
  for (let i = 0; i < 5; i++) expect(await check()).toBe(200)
  expect(await check()).toBe(429)
  expect((await ask('POST', 'kill-switch', { namespace: 'shop', mode: 'off', reason: 'incident 7' })).body).toMatchObject({
    revision: 2,
    inForce: true,
  })
  expect(await check()).toBe(200)
  const off = { namespace: 'shop', revision: 2, previous: 1, until: null, by: 'ada', reason: 'incident 7' }
  expect((await ask('GET', 'kill-switch')).body.rows).toEqual([off])
  expect((await ask('GET', 'policies')).body.rows[0].killSwitch).toMatchObject({ reason: 'incident 7' })
  const until = new Date(Date.now() + 3_600_000).toISOString()
  await ask('POST', 'kill-switch', { namespace: 'shop', mode: 'off', reason: 'an hour more', until })
  expect((await ask('GET', 'kill-switch')).body.rows).toEqual([{ ...off, revision: 3, until, reason: 'an hour more' }])
  expect(await check()).toBe(200)
  expect((await ask('POST', 'kill-switch', { namespace: 'shop', mode: 'on', reason: 'over' })).body).toMatchObject({
    revision: 4,
    inForce: true,
  })
  expect(await check()).toBe(429)
  expect((await ask('GET', 'policies/shop')).body.text).toBe(document(4).replace('# rises\n', '# rises\nrollbackOf: 1\n'))
  expect((await ask('POST', 'kill-switch', { namespace: 'shop', mode: 'on', reason: 'again' })).status).toBe(409)
  expect((await ask('POST', 'kill-switch', { namespace: 'shop', mode: 'off' })).body.detail).toMatch(/^reason: expected a text/)
  expect(
    (await ask('POST', 'kill-switch', { namespace: 'shop', mode: 'off', reason: 'x', until: '2020-01-01T00:00:00Z' })).body.detail,
  ).toMatch(/^until: /)
})

test('every write is in the audit log, also a refused one, with who, what, before and after', async () => {
  const entries: unknown[] = []
  const file = join(newFolder(), 'sluice.yaml')
  writeFileSync(file, document(1))
  const [ada, bob] = [tokenOf('ada', ['admin:*']), tokenOf('bob', ['read:*'])]
  const { ask } = await adminService({
    policies: fileSource(file),
    admin: { tokens: [ada.entry, bob.entry], publishTo: `file:${file}`, onAudit: (entry) => entries.push(entry) },
  })
  await ask('PUT', 'policies/shop', { text: document(2), expected: 1, note: 'more' }, ada.token)
  await ask('PUT', 'policies/shop', { text: document(3), expected: 2 }, bob.token)
  await ask('POST', 'kill-switch', { namespace: 'shop', mode: 'off', reason: 'x' }, 'v'.repeat(40))
  await ask('POST', 'policies/shop/validate', { text: 'x' }, ada.token)
  const { rows, from } = (await ask('GET', 'audit', undefined, ada.token)).body
  expect(from).toBe('memory')
  expect(rows).toEqual(JSON.parse(JSON.stringify(entries.toReversed())))
  expect(rows).toMatchObject([
    { action: 'policies.kill-switch', outcome: 'refused', status: 401, namespace: '*' },
    { who: 'bob', action: 'policies.publish', namespace: 'shop', outcome: 'refused', status: 403 },
    {
      who: 'ada',
      by: 'token',
      ip: '127.0.0.1',
      action: 'policies.publish',
      namespace: 'shop',
      target: '2',
      outcome: 'done',
      status: 200,
      note: 'more',
      before: { revision: 1, etag: expect.any(String) },
      after: { revision: 2, etag: expect.any(String) },
    },
  ])
  expect((await ask('GET', `audit?before=${rows[1].id}&limit=1`, undefined, ada.token)).body.rows).toEqual([rows[2]])
  expect((await ask('GET', 'audit?namespace=other', undefined, ada.token)).body.rows).toEqual([])
})

test('the built-in document is replaced in memory', async () => {
  const { ask, url } = await adminService()
  const { text } = (await ask('GET', 'policies/default')).body
  const stricter = text.replace('revision: 1', 'revision: 2').replace('limit: 100', 'limit: 1')
  expect((await ask('PUT', 'policies/default', { text: stricter, expected: 1 })).body).toMatchObject({ revision: 2, inForce: true })
  expect((await fetch(`${url}/check?user_id=a`)).status).toBe(200)
  expect((await fetch(`${url}/check?user_id=a`)).status).toBe(429)
  expect((await ask('GET', 'policies/default/history')).body.rows.map((row: any) => row.revision)).toEqual([2, 1])
  expect((await ask('PUT', 'policies/shop', { text: document(1), expected: 0 })).body).toMatchObject({
    status: 422,
    code: 'ERR_ADMIN_REQUEST',
  })
})

test('without a place to publish to, a write says what to set', async () => {
  const file = join(newFolder(), 'sluice.yaml')
  writeFileSync(file, document(1))
  const { ask } = await adminService({ policies: fileSource(file) })
  expect((await ask('PUT', 'policies/shop', { text: document(2), expected: 1 })).body).toMatchObject({
    status: 409,
    detail: expect.stringContaining('admin.publishTo'),
  })
})

test('pages that watch hear of a change', async () => {
  const { ask, url, token } = await shop()
  const events = eventsOf(url, '/admin/v1/live', token)
  await events.next()
  await ask('PUT', 'policies/shop', { text: document(2), expected: 1 })
  for await (const { event, data } of events) {
    if (event !== 'change') continue
    expect(data).toEqual({ namespace: 'shop', revision: 2 })
    break
  }
})
