// Tokens that a real service accepts, and publications that wait for it.
import { createHash } from 'node:crypto'
import { fileSource } from '@sluice/policies'
import { type RunningService, serve } from '@sluice/server'
import { parse } from 'yaml'
import { afterEach, describe, expect, test } from 'vitest'
import { documentText, newFolder, sluice } from './sluice.ts'

const folder = newFolder()
let service: RunningService | undefined
afterEach(async () => {
  await service?.close()
  service = undefined
})

interface MadeToken {
  readonly token: string
  readonly name: string
  readonly sha256: string
  readonly scopes: readonly string[]
}

test('a new token is accepted by a service with its entry', async () => {
  const { out } = await sluice([
    'tokens',
    'new',
    '--name',
    'console',
    '--scopes',
    'read:*,policies:shop',
    '--expires',
    '2099-01-01T00:00:00Z',
  ])
  const [token = '', , , , ...yaml] = out.split('\n')
  expect(token).toMatch(/^sluice_[\w-]{43}$/)
  const { admin } = parse(yaml.join('\n')) as { readonly admin: { readonly tokens: readonly MadeToken[] } }
  expect(admin.tokens).toEqual([
    {
      name: 'console',
      sha256: createHash('sha256').update(token).digest('hex'),
      scopes: ['read:*', 'policies:shop'],
      expires: '2099-01-01T00:00:00Z',
    },
  ])
  service = await serve({ http: { port: 0 }, grpc: false, admin, drain: { delay: 0 } })
  const whoami = (authorization: string) => fetch(`${service?.http?.url}/admin/v1/whoami`, { headers: { authorization } })
  expect(await (await whoami(`Bearer ${token}`)).json()).toMatchObject({ name: 'console', scopes: ['read:*', 'policies:shop'] })
  expect((await whoami(`Bearer ${token}x`)).status).toBe(401)
})

test('two tokens differ, and a token of another program has the same hash', async () => {
  const [one, two] = await Promise.all([1, 2].map(async () => JSON.parse((await sluice(['tokens', 'new', '--json'])).out) as MadeToken))
  expect(one?.token).not.toBe(two?.token)
  expect(one).toMatchObject({ name: 'operator', scopes: ['read:*'] })
  expect(await sluice(['tokens', 'hash'], { input: `${one?.token}\n` })).toEqual({ status: 0, out: `${one?.sha256}\n`, err: '' })
})

test.each([
  [['new', '--scopes', 'all'], '--scopes: expected scopes such as read:* or policies:shop, got all'],
  [['new', '--name', ''], '--name: expected 1 to 64 characters'],
  [['new', '--expires', 'tomorrow'], '--expires: expected an instant such as 2027-01-01T00:00:00Z, got tomorrow'],
  [['hash'], 'standard input: expected a token of 32 to 512 characters without spaces, got 0'],
])('sluice tokens %j has status 2', async (args, message) => {
  expect(await sluice(['tokens', ...args])).toMatchObject({ status: 2, err: expect.stringContaining(message) })
})

describe('publish --wait', () => {
  const live = folder.file('live.yaml', documentText(1))
  const started = async (followed: string): Promise<Record<string, string>> => {
    const { token, name, sha256, scopes } = JSON.parse((await sluice(['tokens', 'new', '--json'])).out) as MadeToken
    const admin = { tokens: [{ name, sha256, scopes }] }
    service = await serve({ http: { port: 0 }, grpc: false, policies: fileSource(followed), admin, drain: { delay: 0 } })
    return { SLUICE_URL: service.http?.url ?? '', SLUICE_TOKEN: token }
  }
  const publish = (revision: number, env: Record<string, string>, ...more: readonly string[]) =>
    sluice(['policies', 'publish', folder.file(`${revision}.yaml`, documentText(revision)), '--to', `file:${live}`, '--wait', ...more], {
      env,
    })

  test('waits until every instance has the revision', async () => {
    const env = await started(live)
    const { status, out, err } = await publish(2, env)
    expect({ status, err }).toEqual({ status: 0, err: '' })
    expect(out).toMatch(/^shop revision 2 is published: .*\n1 of 1 instances have revision 2, after \d+\.\d s\n$/m)
    expect(JSON.parse((await publish(3, env, '--json')).out)).toMatchObject({ published: true, revision: 3, instances: 1, laggards: [] })
    const rollback = await sluice(['policies', 'rollback', '--to', `file:${live}`, '--wait'], { env })
    expect(rollback).toMatchObject({ status: 0, out: expect.stringContaining('1 of 1 instances have revision 4') })
  })

  test('names those that do not have it in time', async () => {
    const env = await started(folder.file('other.yaml', documentText(1)))
    const { status, out } = await publish(12, env, '--timeout', '1')
    expect(status).toBe(1)
    expect(out).toMatch(/^0 of 1 instances have revision 12, after \d+\.\d s\n {2}not yet: \S+ on \S+, which has 1$/m)
  })

  test('without a token that may read, it says so', async () => {
    const env = await started(live)
    expect(await publish(20, { ...env, SLUICE_TOKEN: 'x' })).toMatchObject({
      status: 2,
      err: expect.stringContaining('answers with status 401'),
    })
  })
})
