// The documents of the service for other processes: `httpSource` of @sluice/policies follows them.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileSource, httpSource, policyFeed, type PolicyFeed } from '@sluice/policies'
import { waitUntil } from '@sluice/testing'
import { expect, onTestFinished, test } from 'vitest'
import { serve } from '../../src/index.ts'
import { adminService, asking, eventsOf, tokenOf } from './admin-client.ts'
import { newFolder } from './new-folder.ts'

const document = (revision: number, limit = 5): string => `apiVersion: sluice/v1
namespace: shop
revision: ${revision}
subjects: { client: { parts: [{ attribute: client }] } }
policies:
  - name: api
    rules: [{ name: all, limits: [{ name: minute, algorithm: slidingWindow, limit: ${limit}, window: 1m, subject: client }] }]
`
const [ada, reader, other] = [tokenOf('ada', ['admin:*']), tokenOf('reader', ['read:shop']), tokenOf('other', ['read:other'])]
const admin = (file: string) => ({ tokens: [ada.entry, reader.entry, other.entry], publishTo: `file:${file}` })

function newFile(): string {
  const file = join(newFolder(), 'sluice.yaml')
  writeFileSync(file, document(1))
  return file
}

async function follow(url: string, token: string): Promise<PolicyFeed> {
  const feed = await policyFeed({ source: httpSource(`${url}/v1/policies`, { headers: { authorization: `Bearer ${token}` } }) })
  onTestFinished(() => feed.close())
  return feed
}

test('another process follows the documents of the service', async () => {
  const file = newFile()
  const { url } = await adminService({ policies: fileSource(file), admin: admin(file) })
  const feed = await follow(url, reader.token)
  expect(feed.health().namespaces).toMatchObject([{ namespace: 'shop', revision: 1, from: 'source', inSource: 'same' }])
  await asking(url, ada.token)('PUT', 'policies/shop', { text: document(2, 1), expected: 1 })
  await waitUntil('revision 2', () => feed.document('shop')?.revision === 2)
  expect((await feed.check({ path: '/', attributes: { client: 'a' } })).allowed).toBe(true)
  expect((await feed.check({ path: '/', attributes: { client: 'a' } })).allowed).toBe(false)
})

test('a reader goes on where it stopped, and reads all again after the service began anew', async () => {
  const file = newFile()
  const { url } = await adminService({ policies: fileSource(file), admin: admin(file) })
  const ask = asking(url, ada.token)
  const first = eventsOf(url, '/v1/policies', reader.token, { accept: 'text/event-stream' })
  expect((await first.next()).value).toEqual({ event: 'put', id: undefined, data: { key: 'shop', text: document(1) } })
  const { id } = (await first.next()).value as { id: string }
  await ask('PUT', 'policies/shop', { text: document(2), expected: 1 })
  expect((await first.next()).value).toMatchObject({ event: 'put', data: { text: document(2) } })
  const later = eventsOf(url, '/v1/policies', reader.token, { accept: 'text/event-stream', 'last-event-id': id })
  expect((await later.next()).value).toMatchObject({ event: 'put', data: { text: document(2) } })
  const { event, id: now } = (await later.next()).value as { event: string; id: string }
  expect(event).toBe('progress')
  expect(now).not.toBe(id)
  const same = eventsOf(url, '/v1/policies', reader.token, { accept: 'text/event-stream', 'last-event-id': now })
  expect((await same.next()).value).toMatchObject({ event: 'progress', id: now })
  const foreign = eventsOf(url, '/v1/policies', reader.token, { accept: 'text/event-stream', 'last-event-id': 'before.7' })
  expect((await foreign.next()).value).toMatchObject({ event: 'resync' })
  expect((await foreign.next()).done).toBe(true)
})

test('a feed stays in force while the service is away, and finds it again', async () => {
  const file = newFile()
  const options = { policies: fileSource(file), admin: admin(file), drain: { delay: 0 } }
  const service = await serve({ ...options, http: { port: 0 } })
  const feed = await follow(service.http?.url ?? '', reader.token)
  const port = Number(new URL(service.http?.url ?? '').port)
  await service.close()
  await waitUntil('the source is away', () => feed.health().source === 'away')
  expect(feed.document('shop')?.revision).toBe(1)
  writeFileSync(file, document(2))
  const again = await serve({ ...options, policies: fileSource(file), http: { port } })
  onTestFinished(() => again.close())
  await waitUntil('revision 2', () => feed.document('shop')?.revision === 2)
})

test('one document is read with its ETag', async () => {
  const file = newFile()
  const { url } = await adminService({ policies: fileSource(file), admin: admin(file) })
  const get = (headers: Record<string, string> = {}) =>
    fetch(`${url}/v1/policies?namespace=shop`, {
      headers: { authorization: `Bearer ${reader.token}`, accept: 'application/yaml', ...headers },
    })
  const answer = await get()
  expect([answer.status, await answer.text(), answer.headers.get('content-type')]).toEqual([200, document(1), 'application/yaml'])
  const etag = answer.headers.get('etag') ?? ''
  expect((await get({ 'if-none-match': etag })).status).toBe(304)
  await asking(url, ada.token)('PUT', 'policies/shop', { text: document(2), expected: 1 })
  expect((await get({ 'if-none-match': etag })).status).toBe(200)
})

test('a token sees the documents of its namespaces only', async () => {
  const file = newFile()
  const { url } = await adminService({ policies: fileSource(file), admin: admin(file) })
  expect((await fetch(`${url}/v1/policies`)).status).toBe(401)
  const events = eventsOf(url, '/v1/policies', other.token, { accept: 'text/event-stream' })
  expect((await events.next()).value).toMatchObject({ event: 'progress' })
  const headers = { authorization: `Bearer ${other.token}` }
  expect((await fetch(`${url}/v1/policies?namespace=shop`, { headers })).status).toBe(403)
})
