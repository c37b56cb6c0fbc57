import { concurrency, createLimiter, fixedWindow, slidingLog, slidingWindow, tokenBucket } from '@sluice/core'
import { describeSubject, formatSubject, type PolicyDescription, redisStore, type RedisStoreOptions } from '@sluice/redis'
import { Redis as Iovalkey } from 'iovalkey'
import { describe, expect, test } from 'vitest'
import { LIBRARIES } from '../clients/clients.ts'
import { startServers } from './servers.ts'

const api = {
  name: 'api',
  limits: [
    slidingWindow({ name: 'minute', limit: 100, window: '1m' }),
    fixedWindow({ name: 'day', limit: 1_000, window: 'day' }),
    tokenBucket({ name: 'uploads', limit: 10, window: '1h' }),
    slidingLog({ name: 'exports', limit: 20, window: '1m' }),
    concurrency({ name: 'running', limit: 5, ttl: '1m' }),
  ],
} as const
const COST = { minute: 3, day: 3, uploads: 2, exports: 4 }

const [server, cluster] = await startServers()

/** Charges each subject under the limits of `api`. */
async function charge(
  source: Parameters<typeof redisStore>[0],
  subjects: readonly string[],
  options: RedisStoreOptions = {},
): Promise<void> {
  const store = redisStore(source, { failover: false, denyCache: false, ...options })
  const limiter = createLimiter({ ...api, store })
  for (const subject of subjects) expect((await limiter.consume(subject, { cost: COST })).allowed).toBe(true)
  await store.close?.()
}

const usedOf = ({ states }: PolicyDescription): Record<string, number> =>
  Object.fromEntries(states.map(({ limit, used }) => [limit ?? '?', used]))
const USED = { minute: 3, day: 3, uploads: 2, exports: 4, running: 1 }

test('every algorithm, with the numbers of a peek, and no write', async () => {
  await charge({ url: server.url }, ['user:42', 'user:43', 'a:user:42'])
  await server.call('CONFIG', 'RESETSTAT')
  const found = await describeSubject({ url: server.url }, { subject: 'user:42', limiters: [api] })
  const commands = String(await server.call('INFO', 'commandstats')).match(/cmdstat_[a-z]+/g) ?? []
  const reads = ['get', 'info', 'pttl', 'scan', 'time', 'zcard', 'zmscore', 'zrange', 'config', 'client', 'hello']
  expect(commands.map((name) => name.slice('cmdstat_'.length)).filter((name) => !reads.includes(name))).toEqual([])
  expect(found).toMatchObject({ subject: 'user:42', searched: 'all', isPacked: false })
  expect(found.policies).toHaveLength(1)
  const [policy] = found.policies as [PolicyDescription]
  expect(policy).toMatchObject({ policy: 'api', limiter: 'api', isEnded: false, blockedUntil: undefined })
  expect(usedOf(policy)).toEqual(USED)
  expect(policy.states.map(({ most, remaining }) => [most, remaining])).toEqual([
    [100, 97],
    [1_000, 997],
    [10, 8],
    [20, 16],
    [5, 4],
  ])
  const [minute, day, uploads, , running] = policy.states
  expect(minute!.windowEnd! - found.at).toBeGreaterThan(0)
  expect(minute!.windowEnd! - found.at).toBeLessThanOrEqual(60_000)
  expect(day!.windowEnd).toBe(day!.fullAt)
  expect(uploads!.fullAt! - found.at).toBeGreaterThan(700_000)
  expect(running!.holders).toHaveLength(1)
  expect(running!.holders[0]!.until - found.at).toBeGreaterThan(50_000)
  expect(policy.keys).toHaveLength(3)
  expect(policy.keys.every(({ ttl = 0 }) => ttl > 0)).toBe(true)
})

test('unknown policies are found, with ids, counts and holders', async () => {
  await charge({ url: server.url }, ['user:42'])
  const { policies } = await describeSubject({ url: server.url }, { subject: 'user:42' })
  const [{ policy, states }] = policies as [PolicyDescription]
  expect(policy).toBe('api')
  expect(states.map(({ limit = '', used, most }) => `${limit} ${used} ${most}`).toSorted()).toEqual([
    ' 0 undefined',
    ' 3 undefined',
    ' 3 undefined',
    'exports 4 undefined',
    'running 1 undefined',
  ])
  expect(await describeSubject({ url: server.url }, { subject: 'user:42', search: 0 })).toMatchObject({ policies: [], searched: 'none' })
})

test.each(['*', 'a[b]^?\\c', 'ünï:{x}', '#hash', 'x!l', 'line\n\u001B[31m', 'y'.repeat(300)])('the subject %j', async (subject) => {
  await charge({ url: server.url }, [subject, 'other', `${subject}z`, `z:${subject}`])
  const found = await describeSubject({ url: server.url }, { subject, limiters: [api] })
  expect(found.policies.map(usedOf)).toEqual([USED])
  const unknown = await describeSubject({ url: server.url }, { subject })
  expect(unknown.policies.map(({ policy, states }) => [policy, states.length])).toEqual([['api', 5]])
  expect(formatSubject(found)).not.toContain('\u001B')
})

test('foreign keys under the prefix, and an expired entry', async () => {
  await charge({ url: server.url }, ['user:42'])
  const [key] = (await server.call('KEYS', 'sluice:{*}:api:user:42')) as string[]
  const base = key!.slice(0, key!.indexOf('}') + 2)
  await server.call('RPUSH', `${base}list:user:42`, 'x')
  await server.call('SET', `${base}text:user:42`, 'x')
  await server.call('SET', `${base}odd name:user:42`, 'x')
  await server.call('SET', `${base}api+old.sl60s:user:42`, 'x')
  await server.call('SET', `${base}api+old.cc:user:42`, 'x')
  // An entry that ended in 1970.
  const ended = Buffer.alloc(28, 0)
  ended.writeDoubleBE(1_000, 4)
  await server.client().append(key!, ended)
  const { policies } = await describeSubject({ url: server.url }, { subject: 'user:42', limiters: [api] })
  expect(policies.map(({ policy, states }) => [policy, states.length])).toEqual([
    ['api', 5],
    ['list', 0],
    ['text', 0],
  ])
})

test('blocks, leases, tiers, shadow, and states that resetAll has ended', async () => {
  const store = redisStore({ url: server.url }, { failover: false, denyCache: false, leases: { hot: 10 } })
  const tiers = {
    free: [slidingWindow({ name: 'hour', limit: 1_000, window: '1h' })],
    paid: [slidingWindow({ name: 'hour', limit: 9_000, window: '1h' })],
  }
  const plans = createLimiter({ name: 'plans', tiers, store })
  await plans.consume('a', { tier: 'free' })
  await plans.resetAll()
  for (let i = 0; i < 200; i++) await plans.consume('a', { tier: 'free' })
  await plans.block('a', '1h')
  await plans.close()
  const shadow = createLimiter({ name: 'plans', mode: 'shadow', limits: tiers.free, store })
  await shadow.consume('a')
  const limiters = [{ name: 'plans', tiers }]
  const { at, policies } = await describeSubject({ url: server.url }, { subject: 'a', limiters })
  const current = policies.find(({ policy, isEnded }) => policy.startsWith('plans') && !isEnded)!
  expect(policies.filter(({ isEnded }) => isEnded)).toHaveLength(1)
  expect(policies).toHaveLength(3)
  expect(current.blockedUntil! - at).toBeGreaterThan(3_500_000)
  expect(current.states.map(({ tiers: names, most }) => [names, most])).toEqual([
    [['free'], 1_000],
    [['paid'], 9_000],
  ])
  expect(current.states[0]!.used).toBeGreaterThanOrEqual(200)
  await store.close?.()
})

describe('packed', () => {
  const limiters = [{ name: 'flat', limits: [slidingWindow({ name: 'minute', limit: 100, window: '1m' })] }]
  test.each(['12345678', 'name'])('the subject %s', async (subject) => {
    const packed = { subjects: 100, secret: 'hidden' }
    const store = redisStore({ url: server.url }, { packed, failover: false, denyCache: false })
    const limiter = createLimiter({ ...limiters[0]!, store })
    await limiter.consume(subject, { cost: 7 })
    await limiter.consume('other')
    await limiter.block(subject, '1m')
    const options = { subject, limiters, secret: 'hidden' }
    const found = await describeSubject({ url: server.url }, options)
    expect(found).toMatchObject({ isPacked: true, policies: [{ policy: 'flat', states: [{ limit: 'minute', used: 7, remaining: 93 }] }] })
    expect(found.policies[0]!.blockedUntil).toBeGreaterThan(found.at)
    await expect(describeSubject({ url: server.url }, { ...options, secret: 'wrong' })).rejects.toMatchObject({
      code: 'ERR_OPTION_INVALID',
    })
    await store.close?.()
  })
})

describe('clients', () => {
  const both = Object.entries(LIBRARIES)
  test.each(both)('%s, one server', async (_, library) => {
    const source = await library.one(server)
    await charge(source, ['user:42'])
    for (const limiters of [[api], []]) {
      const { policies } = await describeSubject(source, { subject: 'user:42', limiters })
      expect(policies.map(({ policy, states }) => [policy, states.length])).toEqual([['api', 5]])
    }
  })
  test.each(both)('%s, Cluster', async (name, library) => {
    const source = await library.cluster(cluster.nodes)
    const prefix = name.replaceAll(' ', '')
    const subjects = ['a', 'b', 'c', 'd', 'e', 'f']
    await charge(source, subjects, { prefix })
    for (const subject of subjects) {
      const known = await describeSubject(source, { subject, prefix, limiters: [api] })
      expect(known.policies.map(usedOf)).toEqual([USED])
      const unknown = await describeSubject(source, { subject, prefix })
      expect(unknown.policies.map(({ policy, states }) => [policy, states.length])).toEqual([['api', 5]])
    }
  })
  test.each([
    ['ioredis', () => server.client({ keyPrefix: 'own[1]:' })],
    [
      'iovalkey, which adds it to commands in lower case only',
      () => new Iovalkey({ host: server.host, port: server.port, keyPrefix: 'own[1]:' }),
    ],
  ])('a keyPrefix of %s', async (_, make) => {
    const client = make()
    await charge(client, ['user:42'])
    const { policies } = await describeSubject(client, { subject: 'user:42' })
    expect(policies.map(({ policy, states }) => [policy, states.length])).toEqual([['api', 5]])
    client.disconnect()
  })
})

test('as text', async () => {
  await charge({ url: server.url }, ['user:42'])
  const lines = formatSubject(await describeSubject({ url: server.url }, { subject: 'user:42', limiters: [api] })).split('\n')
  expect(lines.filter((line) => line.length > 80)).toEqual([])
  expect(lines[0]).toMatch(/^user:42 at \d{4}-\d\d-\d\dT[\d:.]+Z$/)
  expect(lines.slice(2, 5).map((line) => line.replaceAll(/ {2,}/g, ' | '))).toEqual([
    'api',
    ' | limit | algorithm | used | full again | window ends',
    expect.stringMatching(/^ \| minute \| slidingWindow \| 3 of 100 \| in \d+ (?:s|min) \| in \d+ (?:s|ms|min)$/),
  ])
  const none = await describeSubject({ url: server.url }, { subject: 'none', limiters: [] })
  expect(formatSubject(none)).toContain('\nnothing\n')
})

test.each([
  [{ subject: 1 }, 'ERR_OPTION_INVALID'],
  [{ subject: '' }, 'ERR_OPTION_INVALID'],
  [{ subject: 'a', search: -1 }, 'ERR_OPTION_INVALID'],
  [{ subject: 'a', limiters: [{ limits: 1 }] }, 'ERR_OPTION_INVALID'],
  [{ subject: 'a', partitions: 4 }, 'ERR_OPTION_UNKNOWN'],
  [{ subject: 'a', prefix: 'nowhere' }, 'ERR_OPTION_INVALID'],
])('%j: %s', async (options, code) => {
  await expect(describeSubject({ url: server.url }, options as never)).rejects.toMatchObject({ code })
})

// A wrong number of partitions would be searched for hash tags without end.
test.each(['3', '5000', '99999', '16:0:0123456789ab'])('a layout key of %s is refused', async (text) => {
  await server.call('SET', 'sluice:{meta}', text)
  await expect(describeSubject({ url: server.url }, { subject: 'a' })).rejects.toMatchObject({
    code: 'ERR_OPTION_INVALID',
    message: expect.stringContaining('sluice:{meta} is not that of a store'),
  })
})
