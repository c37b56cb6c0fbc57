// A cluster of three members, of which one is lost, stopped, or cut off.
import { publishPolicy } from '@sluice/etcd'
import { type EtcdMember, startEtcdCluster } from '@sluice/testing/etcd'
import { waitUntil } from '@sluice/testing/processes'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { document, followed, holds, settled } from './support.ts'

let members: readonly EtcdMember[]
let revision = 0
beforeAll(async () => {
  members = await startEtcdCluster()
})
afterAll(() => Promise.all(members.map((member) => member.stop())))

const endpoints = (...order: readonly number[]): string[] => order.map((i) => (members[i] as EtcdMember).url)
const publish = async (...order: readonly number[]): Promise<void> => {
  const text = document((revision += 1))
  await waitUntil(
    'the document to be published',
    async () => (await publishPolicy({ endpoints: endpoints(...order) }, { text })).isPublished,
  )
}

test('a member that is killed: the next one is asked', async () => {
  await publish(0, 1, 2)
  const one = await followed({ endpoints: endpoints(0, 1, 2), timeout: 1_000 })
  await settled()
  await members[0]?.kill()
  await publish(1, 2)
  await holds(one, revision)
  await members[0]?.restart()
})

test('a member that is stopped: its watch is silent, and another member is asked', async () => {
  await publish(0, 1, 2)
  const one = await followed({ endpoints: endpoints(0, 1, 2), timeout: 1_000, interval: 300 })
  await settled()
  await members[0]?.pause()
  await publish(1, 2)
  await holds(one, revision)
  await members[0]?.resume()
})

test('a member without the others answers, and its silence is not taken for "nothing new"', async () => {
  await publish(0, 1, 2)
  const one = await followed({ endpoints: endpoints(0), timeout: 1_000, interval: 300 })
  await settled()
  for (const i of [1, 2]) await members[i]?.pause()
  await waitUntil('the source to be away', () => one.feed.health().source === 'away')
  expect(one.feed.document('shop')?.revision).toBe(revision)
  for (const i of [1, 2]) await members[i]?.resume()
  await publish(1, 2, 0)
  await holds(one, revision)
})

test('all members lost and back: nothing is lost', async () => {
  await publish(0, 1, 2)
  const one = await followed({ endpoints: endpoints(0, 1, 2), timeout: 1_000, interval: 300 })
  await settled()
  await Promise.all(members.map((member) => member.kill()))
  await waitUntil('the source to be away', () => one.feed.health().source === 'away')
  expect(one.feed.document('shop')?.revision).toBe(revision)
  await Promise.all(members.map((member) => member.restart()))
  await publish(2, 1, 0)
  await holds(one, revision)
  expect(one.codes.filter((code) => code !== 'WARN_POLICY_SOURCE')).toEqual([])
})
