import { createHash } from 'node:crypto'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { Redis } from 'ioredis'
import { startCluster, startRedis, startSentinel, ttlViolations, waitUntil } from '../../src/redis/index.ts'
import { isFree } from '../../src/redis/ports.ts'

const running: { stop(): Promise<void> }[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.stop()))
})
/** Stops what was started after the test. */
async function stopAfterTest<T extends { stop(): Promise<void> }>(starting: Promise<T>): Promise<T> {
  const started = await starting
  running.push(started)
  return started
}

describe('one server', () => {
  test('starts, answers, and has ended after stop()', async () => {
    const server = await stopAfterTest(startRedis())
    const redis = server.client()
    expect(await redis.set('a', '1')).toBe('OK')
    const byUrl = new Redis(server.url)
    expect(await byUrl.get('a')).toBe('1')
    byUrl.disconnect()
    expect(server.alive).toBe(true)
    expect(server.logs()).toContain('Ready to accept connections')
    await server.stop()
    expect(server.alive).toBe(false)
    expect(await isFree(server.port)).toBe(true)
    expect(server.logs()).toContain('Ready to accept connections')
    await server.stop()
  })

  test('restarts on its port, also after kill(), and keeps its data only with keepData', async () => {
    const server = await stopAfterTest(startRedis())
    await server.call('SET', 'a', 'kept')
    await server.restart({ keepData: true })
    expect(await server.call('GET', 'a')).toBe('kept')
    await server.restart()
    expect(await server.call('GET', 'a')).toBe(null)
    await server.kill()
    expect(server.alive).toBe(false)
    await expect(server.call('PING')).rejects.toThrow('Connection is closed')
    await server.restart()
    expect(await server.call('PING')).toBe('PONG')
  })

  test('pause() accepts connections without answering, and resume() answers them', async () => {
    const server = await stopAfterTest(startRedis())
    const redis = server.client({ commandTimeout: 100 })
    await redis.ping()
    await server.pause()
    await expect(redis.incr('a')).rejects.toThrow('timed out')
    await server.resume()
    await waitUntil('the command to run', async () => (await server.call('GET', 'a')) === '1')
    await server.pause()
    await server.stop()
    expect(await isFree(server.port)).toBe(true)
  })

  test('TLS and a password are checked', async () => {
    const server = await stopAfterTest(startRedis({ tls: true, password: 'pa:ss@word' }))
    expect(await server.call('ACL', 'WHOAMI')).toBe('default')
    expect(server.url).toBe(`rediss://:pa%3Ass%40word@127.0.0.1:${server.port}`)
    const { tls } = server.options
    const byUrl = new Redis(server.url, { tls: tls! })
    expect(await byUrl.set('a', '1')).toBe('OK')
    byUrl.disconnect()
    const withoutPassword = new Redis({ port: server.port, tls: tls!, retryStrategy: () => null })
    withoutPassword.on('error', () => undefined)
    await expect(withoutPassword.get('a')).rejects.toThrow('NOAUTH')
    withoutPassword.disconnect()
    const withoutAuthority = new Redis({ port: server.port, password: 'pa:ss@word', tls: {}, lazyConnect: true, retryStrategy: () => null })
    const errors: Error[] = []
    withoutAuthority.on('error', (error) => errors.push(error))
    await expect(withoutAuthority.connect()).rejects.toThrow('Connection is closed')
    expect(String(errors[0])).toMatch(/certificate/)
  })

  test('a server that cannot start rejects with the reason', async () => {
    await expect(startRedis({ args: ['--no-such-option', '1'] })).rejects.toThrow(/no-such-option/)
  })

  test('ttlViolations() finds keys that live longer than their bound, and no others', async () => {
    const server = await stopAfterTest(startRedis())
    const redis = server.client({ keyPrefix: 'p:' })
    for (let i = 0; i < 2500; i += 1) void redis.set(`ok${i}`, '1', 'PX', 60_000)
    await redis.set('meta', '1')
    await redis.set('long', '1', 'PX', 120_000)
    await redis.set('for ever', '1')
    const found = await ttlViolations(redis, { bound: () => 60_000, ignore: (key) => key === 'p:meta' })
    expect(found.map(({ key }) => key).toSorted()).toEqual(['p:for ever', 'p:long'])
    expect(found.find(({ key }) => key === 'p:for ever')).toEqual({ key: 'p:for ever', pttl: -1, bound: 60_000 })
  })
})

describe('Redis Cluster', () => {
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
})

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

test('without redis-server, the error says how to install it', async () => {
  vi.stubEnv('SLUICE_REDIS_SERVER', '/none/redis-server')
  try {
    // A fresh copy, since the one above has cached the path.
    vi.resetModules()
    const { redisServerBinary } = await import('../../src/redis/server-binary.ts')
    await expect(redisServerBinary()).rejects.toThrow(/SLUICE_REDIS_SERVER \(.*\) does not run[^]*sudo apt-get install redis-server/)
  } finally {
    vi.unstubAllEnvs()
  }
})

function sha(i: number): string {
  return createHash('sha256').update(String(i)).digest('hex')
}
