import { beforeAll, afterAll, describe, expect, test } from 'vitest'
import { Admin } from '../../src/admin/admin.ts'
import { adminEndpoints } from '../../src/admin/routes.ts'
import { type RunningService, serve } from '../../src/index.ts'
import { settingsOf } from '../../src/options.ts'
import { Service } from '../../src/service.ts'
import { asking, type Ask, tokenOf } from './admin-client.ts'

/** What each endpoint needs: of the namespace that it names, of some namespace, or of all. */
const NEEDS: Readonly<Record<string, readonly [action: string, where: 'named' | 'some' | 'all']>> = {
  'GET whoami': ['any', 'some'],
  'GET overview': ['read', 'some'],
  'GET live': ['read', 'some'],
  'GET live/history': ['read', 'some'],
  'GET policies': ['read', 'some'],
  'GET policies/:namespace': ['read', 'named'],
  'POST policies/:namespace/validate': ['read', 'named'],
  'POST policies/:namespace/diff': ['read', 'named'],
  'PUT policies/:namespace': ['policies', 'named'],
  'POST policies/:namespace/rollback': ['policies', 'named'],
  'GET policies/:namespace/history': ['read', 'named'],
  'GET policies/:namespace/history/:revision': ['read', 'named'],
  'POST policies/:namespace/impact': ['read', 'named'],
  'GET schema': ['any', 'some'],
  'GET violators': ['read', 'some'],
  'GET nearest': ['read', 'some'],
  'GET subjects/:namespace': ['read', 'named'],
  'POST subjects/:namespace/reset': ['subjects', 'named'],
  'POST subjects/:namespace/override': ['subjects', 'named'],
  'GET blocks': ['read', 'all'],
  'GET blocks/why': ['read', 'all'],
  'POST blocks': ['blocks', 'all'],
  'DELETE blocks': ['blocks', 'all'],
  'POST blocks/allow': ['blocks', 'all'],
  'DELETE blocks/allow': ['blocks', 'all'],
  'GET kill-switch': ['read', 'some'],
  'POST kill-switch': ['policies', 'named'],
  'GET audit': ['admin', 'all'],
  'GET /v1/policies': ['read', 'some'],
}

const ACTIONS = ['read', 'policies', 'subjects', 'blocks', 'admin']
const NAMESPACES = ['default', 'other', '*']
const GRANTS: Readonly<Record<string, readonly string[]>> = {
  write: ['policies', 'subjects', 'blocks'],
  admin: ACTIONS,
}
const SCOPES = [...ACTIONS, 'write'].flatMap((action) => NAMESPACES.map((namespace) => `${action}:${namespace}`))
const TOKENS = new Map(SCOPES.map((scope) => [scope, tokenOf(scope.replaceAll(/\W/g, '-').replace('--', '-all'), [scope])]))
const ENDED = tokenOf('ended', ['admin:*'], '2020-01-01T00:00:00Z')

function mayUse(scope: string, [action, where]: readonly [string, string]): boolean {
  const [granted = '', namespace] = scope.split(':')
  if (action === 'any') return true
  if (!(GRANTS[granted] ?? [granted]).includes(action)) return false
  return where === 'some' || namespace === '*' || (where === 'named' && namespace === 'default')
}

let service: RunningService
let ask: Ask
beforeAll(async () => {
  service = await serve({ http: { port: 0 }, admin: { tokens: [...TOKENS.values(), ENDED].map(({ entry }) => entry) } })
  ask = asking(service.http?.url ?? '', undefined)
})
afterAll(() => service.close())

test('each endpoint is in the table, and says what it is for', async () => {
  const settings = settingsOf({ http: false, admin: {} })
  const bare = await Service.start(settings)
  const admin = await Admin.start(bare, settings.admin as NonNullable<typeof settings.admin>)
  const endpoints = adminEndpoints(admin)
  await admin.close()
  await bare.close()
  expect(endpoints.map(({ method, path }) => `${method} ${path}`).toSorted()).toEqual(Object.keys(NEEDS).toSorted())
  for (const { method, writes, path, summary } of endpoints) {
    expect(summary).toMatch(/^[A-Z].*\.$/)
    // What only looks at a text that was sent is no write.
    const isQuestion = /\/(?:validate|diff|impact)$/.test(path)
    expect(writes !== undefined, `${method} ${path}`).toBe(method !== 'GET' && !isQuestion)
  }
})

describe.each(Object.entries(NEEDS))('%s', (endpoint, needs) => {
  const [method = '', pattern = ''] = endpoint.split(' ')
  const path = pattern.replace(':namespace', 'default').replace(':revision', '1')
  // Enough to know the namespace; the rest is missing on purpose, so that nothing changes.
  const body = method === 'GET' ? undefined : { namespace: 'default' }
  const statusOf = async (token: string | null): Promise<number> => {
    if (path !== 'live') return (await ask(method, path, body, token)).status
    const abort = new AbortController()
    const headers = token === null ? {} : { authorization: `Bearer ${token}` }
    const { status } = await fetch(`${service.http?.url}/admin/v1/live`, { headers, signal: abort.signal })
    abort.abort()
    return status
  }

  test('refuses whom it does not know', async () => {
    // 429 after ten of them in a minute, whatever is wrong with the token.
    for (const token of [null, 'y'.repeat(50), ENDED.token, 'short']) expect([401, 429]).toContain(await statusOf(token))
  })

  test('each scope opens exactly what it names', async () => {
    for (const [scope, { token }] of TOKENS) {
      const status = await statusOf(token)
      expect({ scope, isOpen: status !== 403 }).toEqual({ scope, isOpen: mayUse(scope, needs) })
      expect(status).not.toBe(401)
      expect(status).toBeLessThan(500)
    }
  })
})

test('a namespace that is not there is refused as one that is', async () => {
  const { token } = TOKENS.get('read:other') as { token: string }
  const [there, not] = [await ask('GET', 'policies/default', undefined, token), await ask('GET', 'policies/nowhere', undefined, token)]
  expect([there.status, not.status]).toEqual([403, 403])
  expect({ ...there.body, detail: there.body.detail.replace('default', 'nowhere') }).toEqual(not.body)
})

test('lists have only the rows of the scopes', async () => {
  const { token } = TOKENS.get('read:other') as { token: string }
  expect((await ask('GET', 'policies', undefined, token)).body.rows).toEqual([])
  const { body } = await ask('GET', 'overview', undefined, token)
  expect(body).toMatchObject({ namespaces: [], namespaceCount: 0, instances: [{ revisions: {} }] })
})
