import { expect, test } from 'vitest'
import { startSentinel, waitUntil } from '../../src/redis/index.ts'
import { stopAfterTest } from './support.ts'

test('Sentinel promotes a replica, and a client reconnects to it', { timeout: 60_000 }, async () => {
  const sentinel = await stopAfterTest(startSentinel())
  const redis = sentinel.client()
  await redis.set('a', '1')
  expect(await redis.wait(2, 5000)).toBe(2)
  const killed = await sentinel.killPrimary()
  expect(killed).toBe(sentinel.servers[0])
  await sentinel.settled()
  const primary = await sentinel.primary()
  expect(primary).not.toBe(killed)
  expect(await primary.call('GET', 'a')).toBe('1')
  await waitUntil('the client to reach the new primary', async () => (await redis.incr('a')) === 2)
})
