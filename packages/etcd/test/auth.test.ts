// etcd with users: tokens that end, and rights that are missing.
import { publishPolicy } from '@sluice/etcd'
import { type EtcdMember, startEtcd } from '@sluice/testing/etcd'
import { waitUntil } from '@sluice/testing/processes'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { document, followed, holds, settled } from './support.ts'

const prefix = 'sluice/policies/'
const base64 = (text: string): string => Buffer.from(text).toString('base64')

let etcd: EtcdMember
let root: string
beforeAll(async () => {
  etcd = await startEtcd()
  const add = async (name: string, permType: string): Promise<void> => {
    await etcd.call('auth/user/add', { name, password: `${name}-secret` })
    await etcd.call('auth/role/add', { name })
    const range = { key: base64(prefix), range_end: base64('sluice/policies0') }
    await etcd.call('auth/role/grant', { name, perm: { permType, ...range } })
    await etcd.call('auth/user/grant', { user: name, role: name })
  }
  await add('reader', 'READ')
  await add('publisher', 'READWRITE')
  await etcd.call('auth/user/add', { name: 'root', password: 'root-secret' })
  await etcd.call('auth/role/add', { name: 'root' })
  await etcd.call('auth/user/grant', { user: 'root', role: 'root' })
  await etcd.call('auth/enable', {})
  root = String((await etcd.call('auth/authenticate', { name: 'root', password: 'root-secret' }))['token'])
})
afterAll(() => etcd.stop())

const as = (user: string, password = `${user}-secret`) => ({ endpoints: [etcd.url], user, password })

test('a publisher writes, and a reader follows, over the end of their tokens', async () => {
  expect(await publishPolicy(as('publisher'), { text: document(1) })).toEqual({ isPublished: true, current: 1 })
  const one = await followed({ ...as('reader'), interval: 200 })
  await settled()
  await publishPolicy(as('publisher'), { text: document(2) })
  await holds(one, 2)
  // Ends every token.
  await etcd.restart()
  await waitUntil('the source to be connected', () => one.feed.health().source === 'connected' && one.feed.health().problem === undefined)
  await publishPolicy(as('publisher'), { text: document(3) })
  await holds(one, 3)
  // A change of the users makes the tokens of before too old.
  const again = String((await etcd.call('auth/authenticate', { name: 'root', password: 'root-secret' }))['token'])
  await etcd.call('auth/user/add', { name: 'another', password: 'a' }, again)
  await publishPolicy(as('publisher'), { text: document(4) })
  await holds(one, 4)
  await one.feed.refresh()
  expect(one.feed.health().problem).toBeUndefined()
})

test('a reader cannot publish', async () => {
  await expect(publishPolicy(as('reader'), { text: document(9) })).rejects.toThrow(/answered 403: .*permission denied/)
})

test.each([
  ['a wrong password', () => as('reader', 'wrong'), /answered 400: .*authentication failed/],
  ['no user', () => ({ endpoints: [etcd.url] }), /answered 400: .*user name is empty/],
  ['other keys', () => ({ ...as('reader'), prefix: 'other/' }), /answered 403: .*permission denied/],
])('%s is reported, and tried no member after another', async (_, options, message) => {
  const failed = followed(options(), { startTimeout: 1_000 })
  await expect(failed).rejects.toThrow(message)
  await expect(failed).rejects.not.toThrow('secret')
})

test('a right that is taken away ends nothing that is in force', async () => {
  root = String((await etcd.call('auth/authenticate', { name: 'root', password: 'root-secret' }))['token'])
  const one = await followed({ ...as('reader'), interval: 200 })
  await settled()
  await etcd.call('auth/role/revoke', { role: 'reader', key: base64(prefix), range_end: base64('sluice/policies0') }, root)
  await waitUntil('the source to be away', () => one.feed.health().source === 'away')
  expect(one.feed.health().problem).toMatch(/permission denied/)
  expect(one.feed.document('shop')?.policies).toHaveLength(1)
})
