import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { startCluster, ttlViolations, waitUntil } from '../../src/redis/index.ts'
import { stopAfterTest } from './support.ts'

test('three primaries with replicas: a slot moves key by key, and a replica is promoted', { timeout: 60_000 }, async () => {
  const cluster = await stopAfterTest(startCluster({ primaries: 3, replicasPerPrimary: 1 }))
  expect(cluster.nodes).toHaveLength(6)
  const redis = cluster.client()
  const slot = await redis.cluster('KEYSLOT', '{a}')
  const from = await cluster.ownerOf(slot)
  const to = (from + 1) % 3
  const keys = ['{a}1', '{a}2', '{a}\u{0}ü']
  for (const key of keys) await redis.set(key, key, 'PX', 60_000)
  await redis.set('b', 'for ever')

  const steps: string[] = []
  await cluster.moveSlots(slot, from, to, {
    opened: async () => {
      steps.push(`opened ${await redis.get(keys[0]!)}`)
      // Two keys of a moving slot, one of which does not exist.
      await expect(cluster.nodes[from]!.server.call('MGET', keys[0]!, '{a}none')).rejects.toThrow('TRYAGAIN')
    },
    moving: () => steps.push('moving'),
    moved: async (key, count) => steps.push(`moved ${count} ${(await redis.get(key)) === key.toString()}`),
    emptied: async () => {
      await expect(cluster.nodes[from]!.server.call('GET', keys[0]!)).rejects.toThrow('ASK')
      steps.push('emptied')
    },
  })
  expect(steps).toEqual([`opened ${keys[0]}`, 'moving', 'moved 1 true', 'moving', 'moved 2 true', 'moving', 'moved 3 true', 'emptied'])
  expect(await cluster.ownerOf(slot)).toBe(to)
  await expect(cluster.nodes[from]!.server.call('GET', keys[0]!)).rejects.toThrow('MOVED')
  for (const key of keys) expect(await redis.get(key)).toBe(key)
  expect((await ttlViolations(redis, { bound: () => 60_000 })).map(({ key }) => key)).toEqual(['b'])

  await redis.wait(1, 5000)
  await cluster.killPrimary(to)
  await cluster.settled()
  expect(await cluster.ownerOf(slot)).toBe(to + 3)
  expect(await redis.get(keys[0]!)).toBe(keys[0])
})

test('clients use the announced proxies, also of an added node', { timeout: 60_000 }, async () => {
  const cluster = await stopAfterTest(startCluster({ primaries: 3, proxied: true }))
  const redis = cluster.client()
  await Promise.all(Array.from({ length: 100 }, (_, i) => redis.incr(sha(i))))
  for (const { proxy } of cluster.nodes) expect(proxy!.stats.requests).toBeGreaterThan(0)
  const added = await cluster.addNode()
  expect(added).toBe(3)
  const slot = await redis.cluster('KEYSLOT', 'a')
  await redis.set('a', '1')
  await cluster.moveSlots(slot, await cluster.ownerOf(slot), added)
  const before = cluster.nodes[added]!.proxy!.stats.requests
  expect(await redis.get('a')).toBe('1')
  expect(cluster.nodes[added]!.proxy!.stats.requests).toBeGreaterThan(before)

  const withoutRetries = cluster.client({
    enableOfflineQueue: false,
    retryDelayOnFailover: 0,
    retryDelayOnClusterDown: 0,
    maxRedirections: 3,
    redisOptions: { autoResendUnfulfilledCommands: false, maxRetriesPerRequest: 0, commandTimeout: 2000 },
  })
  await waitUntil('the client to be ready', () => withoutRetries.status === 'ready')
  expect(await withoutRetries.incr('a')).toBe(2)
  cluster.nodes[added]!.proxy!.loseReplies({ after: (request) => request.includes('incr') })
  await expect(withoutRetries.incr('a')).rejects.toThrow('closed')
  expect(await cluster.nodes[added]!.server.call('GET', 'a')).toBe('3')
})

function sha(i: number): string {
  return createHash('sha256').update(String(i)).digest('hex')
}
