import { createHash } from 'node:crypto'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { Redis } from 'ioredis'
import { startCluster, startRedis, startSentinel, ttlViolations, waitUntil } from '../../src/redis/index.ts'
import { isFree } from '../../src/redis/ports.ts'

const open: { stop(): Promise<void> }[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((lab) => lab.stop()))
})
async function kept<T extends { stop(): Promise<void> }>(starting: Promise<T>): Promise<T> {
  const lab = await starting
  open.push(lab)
  return lab
}

describe('one server', () => {
  test('starts, answers, and is gone after stop()', async () => {
    const server = await kept(startRedis())
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

  test('restarts on its port, empty unless asked, also after kill()', async () => {
    const server = await kept(startRedis())
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

  test('paused, it accepts and does not answer; resumed, it goes on', async () => {
    const server = await kept(startRedis())
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

  test('TLS and a password, with what ioredis checks by itself', async () => {
    const server = await kept(startRedis({ tls: true, password: 'pa:ss@word' }))
    expect(await server.call('ACL', 'WHOAMI')).toBe('default')
    expect(server.url).toBe(`rediss://:pa%3Ass%40word@127.0.0.1:${server.port}`)
    const { tls } = server.options
    const byUrl = new Redis(server.url, { tls: tls! })
    expect(await byUrl.set('a', '1')).toBe('OK')
    byUrl.disconnect()
    const stranger = new Redis({ port: server.port, tls: tls!, retryStrategy: () => null })
    stranger.on('error', () => undefined)
    await expect(stranger.get('a')).rejects.toThrow('NOAUTH')
    stranger.disconnect()
    const distrustful = new Redis({ port: server.port, password: 'pa:ss@word', tls: {}, lazyConnect: true, retryStrategy: () => null })
    const heard: Error[] = []
    distrustful.on('error', (error) => heard.push(error))
    await expect(distrustful.connect()).rejects.toThrow('Connection is closed')
    expect(String(heard[0])).toMatch(/certificate/)
  })

  test('one that cannot start says why, and leaves nothing', async () => {
    await expect(startRedis({ args: ['--no-such-option', '1'] })).rejects.toThrow(/no-such-option/)
  })

  test('the keys that would stay too long are found, and only they', async () => {
    const server = await kept(startRedis())
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

describe('a cluster', () => {
  test('of three with replicas: in order, a slot moves key by key, a replica is promoted', { timeout: 60_000 }, async () => {
    const cluster = await kept(startCluster({ primaries: 3, replicasPerPrimary: 1 }))
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
        // Two keys of which one never existed, on a slot on the move.
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

  test('behind proxies that its nodes announce, and with a node more', { timeout: 60_000 }, async () => {
    const cluster = await kept(startCluster({ primaries: 3, proxied: true }))
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

    const careful = cluster.client({
      enableOfflineQueue: false,
      retryDelayOnFailover: 0,
      retryDelayOnClusterDown: 0,
      maxRedirections: 3,
      redisOptions: { autoResendUnfulfilledCommands: false, maxRetriesPerRequest: 0, commandTimeout: 2000 },
    })
    await waitUntil('the client to be ready', () => careful.status === 'ready')
    expect(await careful.incr('a')).toBe(2)
    cluster.nodes[added]!.proxy!.loseReplies({ after: (request) => request.includes('incr') })
    await expect(careful.incr('a')).rejects.toThrow('closed')
    expect(await cluster.nodes[added]!.server.call('GET', 'a')).toBe('3')
  })
})

test('Sentinel promotes a replica, and a client follows', { timeout: 60_000 }, async () => {
  const lab = await kept(startSentinel())
  const redis = lab.client()
  await redis.set('a', '1')
  expect(await redis.wait(2, 5000)).toBe(2)
  const killed = await lab.killPrimary()
  expect(killed).toBe(lab.servers[0])
  await lab.settled()
  const primary = await lab.primary()
  expect(primary).not.toBe(killed)
  expect(await primary.call('GET', 'a')).toBe('1')
  await waitUntil('the client to follow', async () => (await redis.incr('a')) === 2)
})

test('without a server, the error is the line to type', async () => {
  vi.stubEnv('SLUICE_REDIS_SERVER', '/none/redis-server')
  try {
    // A fresh copy: the one above has found its server.
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
