// Real servers: Redis, Valkey 9 and a Cluster, in the states that the command is to find.
import { createLimiter, fixedWindow } from '@sluice/core'
import { redisStore } from '@sluice/redis'
import { otherServer, type RedisServer, type StartRedis, startCluster, startRedis } from '@sluice/testing/redis'
import { afterEach, describe, expect, test } from 'vitest'
import type { Finding } from '../src/doctor/finding.ts'
import { sluice } from './sluice.ts'

const ends: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
})

async function started(options: StartRedis = {}): Promise<RedisServer> {
  const server = await startRedis({
    ...options,
    args: ['--maxmemory', '100mb', ...((options.args as readonly string[] | undefined) ?? [])],
  })
  ends.push(() => server.stop())
  return server
}

/** A busy machine answers late, which is no finding here. */
async function examined(url: string, ...args: readonly string[]) {
  const { status, out, err } = await sluice(['doctor', '--json', '--deadline', '60000', '--redis', url, ...args])
  expect(err).toBe('')
  const { redis, findings } = JSON.parse(out) as { readonly redis: string; readonly findings: readonly Finding[] }
  return { status, redis, findings, of: (check: string) => findings.filter((finding) => finding.check === check) }
}

test('a server that is fine', async () => {
  const server = await started()
  const store = redisStore({ url: server.url }, { failover: false })
  await createLimiter({ name: 'api', limits: [fixedWindow({ name: 'hour', limit: 5, window: '1h' })], store }).consume('x')
  const { status, redis, of } = await examined(server.url)
  expect({ status, redis }).toEqual({ status: 0, redis: server.url })
  expect(of('server')).toEqual([{ check: 'server', level: 'ok', found: expect.stringMatching(/^Redis \d+\.\d+\.\d+, one server$/) }])
  expect(of('eviction')).toEqual([{ check: 'eviction', level: 'ok', found: 'maxmemory-policy is noeviction' }])
  expect(of('permissions')).toEqual([{ check: 'permissions', level: 'ok', found: 'user default may run what the store needs' }])
  expect(of('persistence')).toMatchObject([{ level: 'note', found: 'none, and no replica' }])
  expect(of('latency')).toMatchObject([{ level: 'ok', found: expect.stringMatching(/^p50 \d+\.\d\d ms, p99 \d+\.\d\d ms$/) }])
  expect(of('clock')).toMatchObject([{ level: 'ok' }])
  expect(of('data')).toEqual([{ check: 'data', level: 'ok', found: 'prefix sluice, 16 partitions, 0 processes now' }])
  await store.close?.()
})

test('a page of 80 columns, which says what to change', async () => {
  const server = await started({ args: ['--maxmemory-policy', 'allkeys-lru'] })
  const { status, out } = await sluice(['doctor', '--deadline', '60000', '--redis', server.url])
  expect(status).toBe(1)
  expect(out.split('\n').filter((line) => line.length > 80)).toEqual([])
  expect(out).toMatch(/^warn {2}eviction +maxmemory-policy is allkeys-lru$/m)
  expect(out.replaceAll(/\s+/g, ' ')).toContain('CONFIG SET maxmemory-policy noeviction')
  expect(out).toMatch(/\n1 finding to act on\n$/)
})

test('latency above the deadline', async () => {
  const server = await started()
  const { status, out } = await sluice(['doctor', '--json', '--deadline', '1', '--redis', server.url])
  const latency = (JSON.parse(out) as { findings: readonly Finding[] }).findings.find(({ check }) => check === 'latency')
  const p99 = Number(/p99 (.*) ms/.exec(latency?.found ?? '')?.[1])
  expect({ status, level: latency?.level }).toEqual(p99 > 1 ? { status: 1, level: 'warning' } : { status: 0, level: 'ok' })
})

describe('permissions', () => {
  const as = async (server: RedisServer, ...rules: readonly string[]): Promise<string> => {
    await server.call('ACL', 'SETUSER', 'sluice', 'reset', 'on', '>secret', ...rules)
    return `redis://sluice:secret@${server.host}:${server.port}`
  }
  const STORE =
    '-@all +evalsha +eval +time +mget +get +set +setrange +del +info +zadd +zremrangebyscore +zcard +zrem +pexpire +pttl +pexpireat +zrange +zcount +zscore'.split(
      ' ',
    )

  test('the rules of docs/redis.md are enough', async () => {
    const { status, of } = await examined(await as(await started(), '~sluice:*', ...STORE))
    expect(status).toBe(0)
    expect(of('permissions')).toMatchObject([{ level: 'ok', found: 'user sluice may run what the store needs' }])
    expect(of('operators')).toMatchObject([{ level: 'note', found: 'user sluice may not run scan, dbsize' }])
  })

  test('missing commands and keys are named with the line that grants them, and that line is enough', async () => {
    const server = await started()
    const url = await as(server, '~other:*', ...STORE.filter((rule) => rule !== '+setrange' && rule !== '+zadd'))
    const { status, of } = await examined(url)
    expect(status).toBe(1)
    const [finding] = of('permissions')
    expect(finding).toMatchObject({
      level: 'problem',
      found: 'user sluice may not run setrange, zadd, and may not use keys that begin with sluice:',
    })
    const [, line = ''] = /ACL SETUSER (.*)$/.exec(finding?.advice ?? '') ?? []
    expect(line).toBe('sluice +setrange +zadd ~sluice:*')
    await server.call('ACL', 'SETUSER', ...line.split(' '))
    expect((await examined(url)).status).toBe(0)
  })

  test('another prefix has other keys, and nothing is written', async () => {
    const server = await started()
    const url = await as(server, '~sluice:*', ...STORE)
    expect((await examined(url, '--prefix', 'shop')).of('permissions')).toMatchObject([
      { level: 'problem', advice: expect.stringContaining('~shop:*') },
    ])
    expect(await server.call('DBSIZE')).toBe(0)
  })

  test('a user without scripts', async () => {
    const rules = [...STORE.filter((rule) => !rule.startsWith('+eval')), '+watch', '+unwatch', '+multi', '+exec']
    const { status, of } = await examined(await as(await started(), '~sluice:*', ...rules))
    expect(of('permissions')).toMatchObject([{ level: 'note', advice: 'Give the store scripting: false, which is slower.' }])
    expect(status).toBe(0)
  })

  test('a user without INFO', async () => {
    const { status, of } = await examined(await as(await started(), '~sluice:*', ...STORE.filter((rule) => rule !== '+info')))
    expect(of('server')).toMatchObject([{ level: 'warning', found: 'INFO is denied' }])
    expect(status).toBe(1)
  })
})

test('a replica, and the primary that is to be named', async () => {
  const primary = await started()
  const replica = await started({ args: ['--replicaof', `${primary.host} ${primary.port}`] })
  const { status, of } = await examined(replica.url)
  expect(status).toBe(1)
  expect(of('role')).toMatchObject([
    { level: 'problem', advice: expect.stringContaining(`--redis redis://${primary.host}:${primary.port}`) },
  ])
})

test('a server that is full', async () => {
  const server = await started()
  await server.call('SET', 'other', 'x'.repeat(3_000_000))
  await server.call('CONFIG', 'SET', 'maxmemory', '3mb')
  expect((await examined(server.url)).of('memory')).toMatchObject([{ level: 'warning', found: expect.stringMatching(/of 3\.0 MB used$/) }])
})

test('a key of another program in place of the data', async () => {
  const server = await started()
  await server.call('SET', 'sluice:{meta}', 'hello')
  expect((await examined(server.url)).of('data')).toMatchObject([{ level: 'problem', found: 'sluice:{meta} is not that of a store' }])
})

test('packed data on a server that does not keep it packed', async () => {
  const server = await started({ args: ['--hash-max-listpack-entries', '64'] })
  const store = redisStore({ url: server.url }, { failover: false, packed: { subjects: 1_000 } })
  await createLimiter({ name: 'api', limits: [fixedWindow({ name: 'hour', limit: 5, window: '1h' })], store }).consume('x')
  await store.close?.()
  const { of } = await examined(server.url)
  expect(of('data')).toMatchObject([{ found: 'prefix sluice, 16 partitions, packed for 1,000 subjects, 0 processes now' }])
  expect(of('packing')).toMatchObject([{ level: 'warning', found: 'hash-max-listpack-entries is 64' }])
})

test('Valkey 9', async () => {
  const { status, of } = await examined((await started({ binary: otherServer('valkey-9') })).url)
  expect(of('server')).toEqual([{ check: 'server', level: 'ok', found: expect.stringMatching(/^Valkey 9\.\d+\.\d+, one server$/) }])
  expect(status).toBe(0)
})

test('a Cluster: each primary, its slots, and too few partitions', async () => {
  const cluster = await startCluster({ args: ['--maxmemory', '100mb'] })
  ends.push(() => cluster.stop())
  const [first, second] = cluster.nodes
  const store = redisStore({ cluster: [{ host: first!.host, port: first!.port }] }, { failover: false, partitions: 2 })
  await createLimiter({ name: 'api', limits: [fixedWindow({ name: 'hour', limit: 5, window: '1h' })], store }).consume('x')
  await store.close?.()
  await second!.server.call('CONFIG', 'SET', 'maxmemory-policy', 'volatile-ttl')
  const { status, of } = await examined(first!.server.url)
  expect(status).toBe(1)
  expect(of('cluster')).toEqual([{ check: 'cluster', level: 'ok', found: '3 primaries, 0 replicas, 16384 of 16384 slots served' }])
  expect(of('replicas')).toMatchObject([{ level: 'note', found: '3 primaries have no replica' }])
  expect(of('partitions')).toMatchObject([{ level: 'warning', found: '2 partitions for 3 primaries' }])
  expect(of('data')).toMatchObject([{ level: 'ok', found: 'prefix sluice, 2 partitions, 0 processes now' }])
  expect(of('eviction').filter(({ level }) => level === 'warning')).toMatchObject([
    { found: 'maxmemory-policy is volatile-ttl', nodes: [`${second!.host}:${second!.port}`] },
  ])
  expect(of('permissions')).toMatchObject([{ level: 'ok' }])
  await second!.server.kill()
  expect((await examined(first!.server.url)).of('node')).toMatchObject([{ level: 'problem', nodes: [`${second!.host}:${second!.port}`] }])
})

test.each([
  [['--redis', 'redis://:geheim@127.0.0.1:1'], 'redis://127.0.0.1:1 cannot be reached: '],
  [[], '--redis is missing; name the server'],
  [['--redis', 'redis://127.0.0.1:1', '--prefix', 'a b'], '--prefix: expected 1 to 64 letters, digits, _ . : or -, got a b'],
  [['--redis', 'redis://127.0.0.1:1', '--deadline', '0'], '--deadline: expected a whole number, 1 to 60000, got 0'],
])('sluice doctor %j has status 2', async (args, message) => {
  const { status, err } = await sluice(['doctor', ...args], { env: { REDIS_URL: '' } })
  expect(status).toBe(2)
  expect(err).toContain(message)
  expect(err).not.toContain('geheim')
})

test('a wrong password', async () => {
  const { host, port } = await started({ password: 'secret' })
  const { status, err } = await sluice(['doctor', '--redis', `redis://:geheim@${host}:${port}`])
  expect(status).toBe(2)
  expect(err).toMatch(/cannot be reached: (?:WRONGPASS|NOAUTH)/)
  expect(err).not.toContain('geheim')
})
