// D01: a client with any option of ioredis is decided by Redis, or refused when the store is made. Nothing ends the process.
import { concurrency } from '@sluice/core'
import { redisStore, type RedisSource, type RedisStoreOptions } from '@sluice/redis'
import { type RedisCluster, type RedisSentinel, type RedisServer, startCluster, startRedis, startSentinel } from '@sluice/testing/redis'
import { Cluster, type ClusterOptions, Redis, type RedisOptions } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { slotOf } from '../../src/slots.ts'
import { charge, eventsOf, failure, keptForTest, rawStore, scanAfterEach, SIX, take, TEN, took, used } from '../support.ts'

type Variants<Options> = Readonly<Record<string, Options>>
type ClusterVariant = ClusterOptions & { redisOptions?: NonNullable<ClusterOptions['redisOptions']> & { replyMapping?: 'legacy' } }
type Single = RedisOptions & { replyMapping?: 'legacy' }

/** Each option of ioredis that can change what a command does, away from its default. */
const SINGLE: Variants<Single> = {
  defaults: {},
  'enableAutoPipelining: true': { enableAutoPipelining: true },
  'enableAutoPipelining: true, autoPipeliningIgnoredCommands': {
    enableAutoPipelining: true,
    autoPipeliningIgnoredCommands: ['set', 'evalsha'],
  },
  'lazyConnect: true': { lazyConnect: true },
  'lazyConnect: true, enableAutoPipelining: true': { lazyConnect: true, enableAutoPipelining: true },
  'enableOfflineQueue: false': { enableOfflineQueue: false },
  'enableReadyCheck: false': { enableReadyCheck: false },
  'autoResendUnfulfilledCommands: false': { autoResendUnfulfilledCommands: false },
  'autoResubscribe: false': { autoResubscribe: false },
  'maxRetriesPerRequest: null': { maxRetriesPerRequest: null },
  'maxRetriesPerRequest: 0': { maxRetriesPerRequest: 0 },
  'commandTimeout: 5000': { commandTimeout: 5_000 },
  'blockingTimeout: 5000': { blockingTimeout: 5_000, blockingTimeoutGrace: 10 },
  'socketTimeout: 5000': { socketTimeout: 5_000 },
  'connectTimeout: 5000': { connectTimeout: 5_000 },
  'keepAlive: 0, noDelay: false': { keepAlive: 0, noDelay: false },
  'connectionName, clientInfoTag': { connectionName: 'limiter', clientInfoTag: 'sluice' },
  'disableClientInfo: true': { disableClientInfo: true },
  'db: 3': { db: 3 },
  'family: 4': { family: 4 },
  'username, password': { username: 'sluice', password: 'secret' },
  'keyPrefix: a:': { keyPrefix: 'a:' },
  'keyPrefix: {a}': { keyPrefix: '{a}' },
  'keyPrefix: {a': { keyPrefix: '{a' },
  'showFriendlyErrorStack: true': { showFriendlyErrorStack: true },
  'reconnectOnError: () => 2': { reconnectOnError: () => 2 },
  'reconnectOnError: () => true': { reconnectOnError: () => true },
  'retryStrategy: null': { retryStrategy: null },
  'maxLoadingRetryTime: 1': { maxLoadingRetryTime: 1 },
  'readOnly: true': { readOnly: true },
  'stringNumbers: true': { stringNumbers: true },
  'protocol: 2': { protocol: 2 },
  'protocol: 3': { protocol: 3 },
  "replyMapping: 'resp3'": { protocol: 3, replyMapping: 'resp3' } as unknown as Single,
  'scripts that have the name of a command': { scripts: { evalsha2: { lua: 'return 1', numberOfKeys: 0 } } },
  'himportFieldsets: []': { himportFieldsets: [] },
}

const CLUSTER: Variants<ClusterVariant> = {
  defaults: {},
  'enableAutoPipelining: true': { enableAutoPipelining: true },
  'redisOptions.enableAutoPipelining: true': { redisOptions: { enableAutoPipelining: true } },
  'lazyConnect: true': { lazyConnect: true },
  'lazyConnect: true, enableAutoPipelining: true': { lazyConnect: true, enableAutoPipelining: true },
  'enableOfflineQueue: false': { enableOfflineQueue: false },
  'enableReadyCheck: false': { enableReadyCheck: false },
  "scaleReads: 'all'": { scaleReads: 'all' },
  "scaleReads: 'slave'": { scaleReads: 'slave' },
  "scaleReads: 'slave', enableAutoPipelining: true": { scaleReads: 'slave', enableAutoPipelining: true },
  'scaleReads: a function': { scaleReads: (nodes: Redis[]) => nodes.at(-1) as Redis },
  'maxRedirections: 1': { maxRedirections: 1 },
  'retryDelayOn…: 0': { retryDelayOnFailover: 0, retryDelayOnClusterDown: 0, retryDelayOnTryAgain: 0, retryDelayOnMoved: 5 },
  'slotsRefreshInterval: 100': { slotsRefreshInterval: 100, slotsRefreshTimeout: 500 },
  'shardedSubscribers: true': { shardedSubscribers: true },
  'clusterRetryStrategy: null': { clusterRetryStrategy: null },
  'clusterNodeRetryStrategy: () => 50': { clusterNodeRetryStrategy: () => 50 },
  'keyPrefix: a:': { keyPrefix: 'a:' },
  'keyPrefix: {a}': { keyPrefix: '{a}' },
  'redisOptions.keyPrefix: a:': { redisOptions: { keyPrefix: 'a:' } },
  'redisOptions.db: 3': { redisOptions: { db: 3 } },
  'redisOptions.lazyConnect: true': { redisOptions: { lazyConnect: true } },
  'redisOptions.protocol: 2': { redisOptions: { protocol: 2 } },
  'redisOptions.stringNumbers: true': { redisOptions: { stringNumbers: true } },
  "redisOptions.replyMapping: 'resp3'": { redisOptions: { replyMapping: 'resp3' } } as unknown as ClusterVariant,
  'redisOptions.maxRetriesPerRequest: null': { redisOptions: { maxRetriesPerRequest: null } },
  'natMap: a function': { natMap: () => null },
  'dnsLookup: a function': { dnsLookup: (name, done) => done(null, name) },
  'showFriendlyErrorStack: true': { showFriendlyErrorStack: true },
}

const SLOTS = concurrency({ name: 'slots', limit: 1, ttl: '1m' }).limit
const clients: (Redis | Cluster)[] = []
const stored = keptForTest(() => {
  for (const client of clients.splice(0)) client.disconnect()
})
const kept = <T extends Redis | Cluster>(client: T): T => {
  client.on('error', () => undefined)
  clients.push(client)
  return client
}

/** Everything that the store asks of a client: charges on both paths, a give-back, a reset, and the number of instances. */
async function isDecidedByRedis(source: RedisSource, options: RedisStoreOptions = {}): Promise<void> {
  const store = stored(rawStore(source, options))
  const together = await Promise.all(['a', 'b', 'c', 'd'].map((subject) => took(store, charge(subject))))
  expect(together.map(({ source: by, remaining }) => [by, remaining])).toEqual([0, 0, 0, 0].map(() => ['redis', 9]))
  const across = await take(
    store,
    SIX.map((limit) => charge('six', limit)),
  )
  expect(across.map(({ allowed }) => allowed)).toEqual(SIX.map(() => true))
  const holder = await took(store, charge('h', SLOTS))
  expect((await took(store, charge('h', SLOTS))).allowed).toBe(false)
  await took(store, { ...charge('h', SLOTS, -1), receipt: holder.receipt })
  expect((await took(store, charge('h', SLOTS))).allowed).toBe(true)
  await store.reset([charge('a')])
  expect(await used(store, 'a')).toBe(0)

  const counted = stored(redisStore(source, { ...options, failover: { deadline: 10_000 } }))
  await expect.poll(() => counted.health?.().instances).toBe(1)
  await counted.close?.()
}

describe('D01: one server', () => {
  let server: RedisServer
  beforeAll(async () => {
    server = await startRedis()
    await server.call('ACL', 'SETUSER', 'sluice', 'on', '>secret', '~*', '+@all')
  })
  afterAll(() => server.stop())
  scanAfterEach(
    () => server.client(),
    () => server.call('FLUSHALL'),
  )

  test.for(Object.entries(SINGLE))('%s', async ([, variant]) => {
    const address = { host: server.host, port: server.port }
    const client = (): Redis => kept(new Redis({ ...address, ...variant }))
    await isDecidedByRedis(client())
    await server.call('FLUSHALL')
    await isDecidedByRedis(client(), { scripting: false })
    await server.call('FLUSHALL')
    await isDecidedByRedis({ url: server.url, options: variant })
  })

  test('the options in the query of a URL', async () => {
    await isDecidedByRedis({ url: `${server.url}?enableAutoPipelining=true` })
    await server.call('FLUSHALL')
    await isDecidedByRedis({ url: `${server.url}?lazyConnect=true` })
  })

  test("the caller's own commands are pipelined as before", async () => {
    const client = kept(new Redis({ host: server.host, port: server.port, enableAutoPipelining: true }))
    await isDecidedByRedis(client)
    const sent = [client.set('x', '1', 'PX', 1_000), client.get('x')]
    expect(client.autoPipelineQueueSize).toBe(2)
    expect(await Promise.all(sent)).toEqual(['OK', '1'])
  })

  test.for(Object.entries(SINGLE))("the replica's client: %s", async ([, variant]) => {
    const truth = stored(rawStore({ url: server.url }, { clock: undefined }))
    const replica = variant.db === undefined && variant.keyPrefix === undefined ? variant : {}
    for (const source of [
      kept(new Redis({ host: server.host, port: server.port, ...replica })) as RedisSource,
      { url: server.url, options: replica },
    ]) {
      const store = stored(redisStore({ url: 'redis://127.0.0.1:1' }, { replica: source, failover: { instances: 1, deadline: 20 } }))
      const subject = `r${Math.random()}`
      for (let i = 0; i < 8; i++) await took(truth, charge(subject))
      await expect.poll(async () => (await take(store, charge(subject, TEN, 0), { how: 'peek' }))[0]?.remaining).toBe(2)
    }
  })

  test('a client that cannot send commands is refused', () => {
    const monitor = kept(new Redis({ host: server.host, port: server.port, monitor: true }))
    const message = /redisStore: expected a client that can send commands, got one with monitor: true/
    expect(() => redisStore(monitor)).toThrow(message)
    expect(() => redisStore({ url: server.url, options: { monitor: true } })).toThrow(message)
    expect(() => redisStore({ url: server.url }, { replica: monitor })).toThrow(message)
  })
})

describe('D01: a cluster', () => {
  let cluster: RedisCluster
  beforeAll(async () => {
    cluster = await startCluster({ replicasPerPrimary: 1 })
  })
  afterAll(() => cluster.stop())
  const flush = () => Promise.all(cluster.nodes.slice(0, 3).map(({ server }) => server.call('FLUSHALL')))
  scanAfterEach(() => cluster.client(), flush)

  test.for(Object.entries(CLUSTER))('%s', async ([, variant]) => {
    const nodes = cluster.nodes.map(({ host, port }) => ({ host, port }))
    await isDecidedByRedis(kept(new Cluster(nodes, variant)))
    await flush()
    if (variant.redisOptions?.stringNumbers !== true) await isDecidedByRedis(kept(new Cluster(nodes, variant)), { scripting: false })
    await flush()
    await isDecidedByRedis({ cluster: nodes, options: variant })
  })

  test('scripting: false with redisOptions.stringNumbers is refused, since ioredis then does not know which server has a slot', () => {
    const client = kept(new Cluster([{ host: '127.0.0.1', port: 1 }], { redisOptions: { stringNumbers: true } }))
    expect(() => redisStore(client, { scripting: false })).toThrow(/redisOptions\.stringNumbers: true; remove one of the two/)
  })

  test('D13: a replica that lags does not replace the number of partitions', async () => {
    const nodes = cluster.nodes.map(({ host, port }) => ({ host, port }))
    const owner = await cluster.ownerOf(slotOf('meta'))
    const replica = cluster.nodes[3 + owner]!.server
    await replica.call('CONFIG', 'SET', 'masteruser', 'nobody')
    await cluster.nodes[owner]!.server.call('CLIENT', 'KILL', 'TYPE', 'replica')
    try {
      const right = rawStore(cluster.client())
      const events = eventsOf(right)
      expect(await took(right, charge('a'))).toMatchObject({ source: 'redis' })
      for (const options of [
        { scaleReads: 'slave' },
        { scaleReads: 'all' },
        { scaleReads: 'slave', enableAutoPipelining: true },
      ] as const) {
        const wrong = rawStore(kept(new Cluster(nodes, options)), { partitions: 32 })
        expect(await failure(took(wrong, charge('a')))).toMatchObject({ code: 'ERR_PARTITIONS_CHANGED' })
      }
      expect(await took(rawStore(cluster.client()), charge('a'))).toMatchObject({ source: 'redis' })
      expect(events.filter(({ type }) => type === 'anomaly')).toEqual([])
    } finally {
      await replica.call('CONFIG', 'SET', 'masteruser', '')
      await cluster.settled()
    }
  })
})

describe('D01: Sentinel', () => {
  let sentinel: RedisSentinel
  beforeAll(async () => {
    sentinel = await startSentinel()
  })
  afterAll(() => sentinel.stop())
  scanAfterEach(
    () => sentinel.client(),
    () => sentinel.client().flushall(),
  )

  test.for(
    Object.entries<Single>({
      defaults: {},
      'enableAutoPipelining: true': { enableAutoPipelining: true },
      'lazyConnect: true': { lazyConnect: true },
      'failoverDetector: true': { failoverDetector: true },
      'updateSentinels: false': { updateSentinels: false },
      'sentinelRetryStrategy, sentinelReconnectStrategy': { sentinelRetryStrategy: () => null, sentinelReconnectStrategy: () => null },
      'sentinelMaxConnections: 1, sentinelCommandTimeout': { sentinelMaxConnections: 1, sentinelCommandTimeout: 1_000 },
      'natMap: a function': { natMap: () => null },
    }),
  )('%s', async ([, variant]) => {
    const { sentinels, name } = sentinel
    await isDecidedByRedis(kept(new Redis({ sentinels: [...sentinels], name, ...variant })))
    await sentinel.client().flushall()
    await isDecidedByRedis({ sentinels, name, options: variant })
  })

  test("role: 'slave' is refused for the store, since a replica takes no charge, and reads for the replica", async () => {
    const { sentinels, name } = sentinel
    const source = { sentinels, name, options: { role: 'slave' } } as const
    const message = /redisStore: role: expected 'master', because a replica takes no writes, got 'slave'/
    expect(() => redisStore(source)).toThrow(message)
    expect(() => redisStore(kept(new Redis({ sentinels: [...sentinels], name, role: 'slave' })))).toThrow(message)
    const store = stored(redisStore({ sentinels, name }, { replica: source }))
    expect(await failure(took(store, charge('a')))).toEqual({})
  })
})
