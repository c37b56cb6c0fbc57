// One primary, two replicas, three Sentinels: failover under load.
import { fixedWindow, type Store } from '@sluice/core'
import { type RedisSentinel, startSentinel, waitUntil } from '@sluice/testing/redis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { charge, failure, eventsOf, replicated, startLoad, took, used, scanAfterEach, rawStore } from '../support.ts'

let sentinel: RedisSentinel
beforeAll(async () => {
  sentinel = await startSentinel()
})
afterAll(() => sentinel.stop())
scanAfterEach(() => sentinel.client())

const limit = fixedWindow({ name: 'many', limit: 2_000, window: '5m', anchor: 'first' }).limit

test("a store with its own client, and one on the caller's client", async () => {
  const own = rawStore({ sentinels: sentinel.sentinels, name: sentinel.name })
  const yours = rawStore(sentinel.client())
  expect(eventsOf(own)).toEqual([])
  expect(eventsOf(yours)).toMatchObject([{ code: 'WARN_CLIENT_RETRIES' }])
  expect(await took(own, charge('both'))).toMatchObject({ remaining: 9 })
  expect(await took(yours, charge('both'))).toMatchObject({ remaining: 8 })
  await own.close?.()
})

test('trap: READONLY kept after failover, NOSCRIPT after it: under load, no more is admitted than the failover lost', async () => {
  const store: Store = rawStore({ sentinels: sentinel.sentinels, name: sentinel.name })
  const subjects = ['s0', 's1', 's2', 's3']
  const load = startLoad(store, subjects, limit, { pause: 5, patience: 1_500 })
  const counts = (): Map<string, number> => new Map(subjects.map((subject) => [subject, load.admitted(subject)]))
  await waitUntil('some load', () => subjects.every((subject) => load.admitted(subject) > 50))
  const safe = counts()
  await replicated(sentinel.client(), 2)
  await sentinel.killPrimary()
  const killed = counts()
  await sentinel.settled()
  await waitUntil('every subject to be answered again', () =>
    subjects.every((subject) => load.admitted(subject) > killed.get(subject)! + 20),
  )
  await load.stop()
  expect([...load.failures]).toEqual(['ERR_STORE_UNAVAILABLE'])
  for (const subject of subjects) {
    // By a peek, since the Sentinels may cut the connections once more while they configure the new primary.
    let counted = 0
    await waitUntil('the store to answer', async () => {
      const asked = await used(store, subject, limit).catch(() => undefined)
      counted = asked ?? 0
      return asked !== undefined
    })
    // Lost are at most the decisions that were answered between the WAIT and the kill. One answer may have been unread at the kill.
    expect(load.admitted(subject) - counted).toBeLessThanOrEqual(killed.get(subject)! - safe.get(subject)! + 1)
  }
  await store.close?.()
})

test('Sentinels that do not know the name: decisions reject, and no error is unhandled', async () => {
  const store = rawStore({ sentinels: sentinel.sentinels, name: 'nobody' })
  expect(await failure(took(store, charge('a')))).toMatchObject({ code: 'ERR_STORE_UNAVAILABLE', unknown: false })
  await store.close?.()
})
