// Which processes follow the documents, and the journal that they share.
import { instances, redisJournal } from '@sluice/redis'
import { fakeClock, waitUntil } from '@sluice/testing'
import { type RedisServer, startRedis } from '@sluice/testing/redis'
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest'

let server: RedisServer
beforeAll(async () => {
  server = await startRedis()
})
beforeEach(() => server.call('FLUSHALL'))
afterAll(() => server.stop())

function feed(revision: number) {
  const listeners = new Set<() => void>()
  return {
    revision,
    health() {
      return { namespaces: [{ namespace: 'shop', revision: this.revision }] }
    },
    subscribe(listener: () => void) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    publish(next: number) {
      this.revision = next
      for (const listener of listeners) listener()
    },
  }
}

test('a process that is silent for 15 s is forgotten, and the keys end with the last one', async () => {
  const redis = { url: server.url }
  const dead = JSON.stringify({ host: 'dead', version: '', startedAt: 1, revisions: { shop: 1 } })
  await server.call('HSET', '{sluice:instances}:rows', 'dead', dead)
  await server.call('ZADD', '{sluice:instances}:seen', String(Date.now() - 16_000), 'dead')
  const reader = instances(redis)
  onTestFinished(() => reader.close())
  expect(await reader.all()).toEqual([])
  const live = instances(redis, { feed: feed(1), host: 'live' })
  onTestFinished(() => live.close())
  await waitUntil('the first heartbeat', async () => (await reader.all()).length === 1)
  expect(await server.call('HKEYS', '{sluice:instances}:rows')).toEqual([live.own?.id])
  expect(Number(await server.call('PTTL', '{sluice:instances}:rows'))).toBeGreaterThan(10_000)
})

test('a change is said at once, and the revision in force every 5 s', async () => {
  const clock = fakeClock()
  const followed = feed(1)
  const one = instances({ url: server.url }, { feed: followed, clock })
  onTestFinished(() => one.close())
  const revision = async () => (await one.all())[0]?.revisions['shop']
  await waitUntil('the first heartbeat', async () => (await revision()) === 1)
  // The clock stands still, so no timer says it.
  followed.publish(2)
  await waitUntil('the change', async () => (await revision()) === 2)
  await server.call('FLUSHALL')
  expect(await one.all()).toEqual([])
  await waitUntil('the timer', () => clock.pending > 0)
  clock.advance(5_000)
  await waitUntil('the next heartbeat', async () => (await revision()) === 2)
})

test('rows of somebody else are left out, and the options are checked', async () => {
  await server.call('HSET', '{sluice:instances}:rows', 'foreign', 'not JSON')
  await server.call('ZADD', '{sluice:instances}:seen', String(Date.now() + 1_000), 'foreign')
  const reader = instances({ url: server.url })
  onTestFinished(() => reader.close())
  expect(await reader.all()).toEqual([])
  expect(() => instances({ url: server.url }, { feed: {} as never })).toThrow(/instances: feed: expected what policyFeed\(\) returns/)
  expect(() => instances({ url: server.url }, { key: 'a b' })).toThrow(/instances: key/)
})

test('a journal has its last entries, the newest first, and is bounded', async () => {
  const journal = redisJournal({ url: server.url }, { key: 'test:journal', most: 100 })
  onTestFinished(() => journal.close())
  for (let i = 0; i < 400; i++) await journal.append(`entry ${i}`)
  const page = await journal.read(3)
  expect(page.map(({ text }) => text)).toEqual(['entry 399', 'entry 398', 'entry 397'])
  expect((await journal.read(2, page[2]?.id)).map(({ text }) => text)).toEqual(['entry 396', 'entry 395'])
  // Redis removes whole nodes of a stream, of 100 entries each.
  expect(Number(await server.call('XLEN', '{test:journal}'))).toBeLessThanOrEqual(200)
  await expect(journal.append('')).rejects.toThrow(/append: text/)
})
