import { startRedis, waitUntil } from '@sluice/testing/redis'
import { expect, test } from 'vitest'
import { charge, keptForTest, rawStore, settlesIn, took } from '../support.ts'
import { closeAfterEach, LIBRARIES } from './clients.ts'

const kept = keptForTest()
closeAfterEach()

/** While the client kept such a command, one restart in four stopped it for ever. */
const RESTARTS = 12

test('M3: node-redis 5: a command of the turn in which the connection ends does not stop the client', { timeout: 60_000 }, async () => {
  const server = await startRedis()
  const store = kept(rawStore(await LIBRARIES['node-redis 5'].one(server), { failover: {} }))
  const sourceOf = async (subject: string) => (await settlesIn(1_000, took(store, charge(subject)))).source
  await store.ready?.()
  for (let i = 0; i < RESTARTS; i++) {
    await server.kill()
    await waitUntil('a local decision', async () => (await sourceOf('a')) === 'local')
    await server.restart()
    await waitUntil('Redis to decide', async () => (await sourceOf(`b${i}`)) === 'redis')
  }
  expect(store.health?.()).toMatchObject({ breaker: 'closed' })
  await server.stop()
})
