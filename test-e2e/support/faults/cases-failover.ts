// Faults that end with another primary: with another clock, by Sentinel, in a Redis Cluster.
import {
  type RedisCluster,
  type RedisSentinel,
  type RedisServer,
  startCluster,
  startRedis,
  startSentinel,
  type TcpProxy,
  tcpProxy,
  waitUntil,
} from '@sluice/testing/redis'
import type { Setup, Case } from './case.ts'

interface PrimaryAndReplica extends Setup {
  readonly primary: RedisServer
  readonly replica: RedisServer
  readonly proxy: TcpProxy
}

async function primaryAndReplica(): Promise<PrimaryAndReplica> {
  const primary = await startRedis()
  const replica = await startRedis({ args: ['--replicaof', '127.0.0.1', `${primary.port}`] })
  await waitUntil('the replica to be in sync', async () =>
    String(await replica.call('INFO', 'replication')).includes('master_link_status:up'),
  )
  const proxy = await tcpProxy(primary)
  const stop = () => Promise.all([primary.stop(), replica.stop(), proxy.close()])
  return { primary, replica, proxy, clock: 'store', source: { url: `redis://127.0.0.1:${proxy.port}` }, stop }
}

/** Changes the store's `clock`. A server's clock cannot be set, and libfaketime hangs in the allocator of Debian's redis-server. */
const step = (milliseconds: number, description: string): Case<PrimaryAndReplica> => ({
  name: `new primary, its clock ${description}`,
  thresholds: { latency: 'opens', normal: 2_000 },
  // Replication is not awaited, and a clock that is ahead frees at most one burst and one window. Either restarts the limit.
  losses: 1,
  steps: true,
  seconds: [1, 3],
  setUp: primaryAndReplica,
  begin: ({ primary }) => primary.kill(),
  end: async ({ replica, proxy }, load) => {
    await replica.call('REPLICAOF', 'NO', 'ONE')
    await load.shift(milliseconds)
    proxy.retarget(replica)
  },
})

const HOUR = 3_600_000
export const steps: readonly Case<PrimaryAndReplica>[] = [
  step(-1_000, '1 s behind'),
  step(1_000, '1 s ahead'),
  step(-HOUR, '1 h behind'),
  step(HOUR, '1 h ahead'),
]

interface SentinelSetup extends Setup {
  readonly servers: RedisSentinel
  dead?: RedisServer
}

export const sentinel: Case<SentinelSetup> = {
  name: 'Sentinel: primary killed, another promoted',
  thresholds: { latency: 'opens', normal: 2_000 },
  losses: 1,
  seconds: [0.5, 0.5],
  setUp: async () => {
    const servers = await startSentinel()
    return { servers, source: { sentinels: servers.sentinels, name: servers.name }, stop: () => servers.stop() }
  },
  begin: async (setup) => {
    setup.dead = await setup.servers.killPrimary()
  },
  end: ({ servers, dead }) =>
    waitUntil(
      'a promotion',
      async () =>
        (await servers.primary()) !== dead && String(await (await servers.primary()).call('INFO', 'replication')).includes('role:master'),
      60_000,
    ),
}

interface ClusterSetup extends Setup {
  readonly cluster: RedisCluster
  pending?: Promise<unknown>
}

const clustered = async (options: Parameters<typeof startCluster>[0] = {}): Promise<ClusterSetup> => {
  const cluster = await startCluster(options)
  return { cluster, source: { cluster: cluster.nodes.map(({ host, port }) => ({ host, port })) }, stop: () => cluster.stop() }
}
/** The slots of a node that have keys. */
async function usedSlotsOf(cluster: RedisCluster, node: number): Promise<readonly number[]> {
  const { server } = cluster.nodes[node]!
  const keys = (await server.call('KEYS', '*')) as string[]
  return [...new Set(await Promise.all(keys.map((key) => server.call('CLUSTER', 'KEYSLOT', key) as Promise<number>)))]
}
const BOUNDED = { latency: 55, normal: 2_000 } as const

export const clusters: readonly Case<ClusterSetup>[] = [
  {
    name: 'Cluster: every slot in use of a node migrates',
    thresholds: BOUNDED,
    losses: 0,
    seconds: [0.5, 0.5],
    setUp: () => clustered(),
    begin: async (setup) => {
      const { cluster } = setup
      setup.pending = cluster.moveSlots(await usedSlotsOf(cluster, 0), 0, 1)
      setup.pending.catch(() => undefined)
    },
    end: async ({ pending }) => pending,
  },
  {
    name: 'Cluster: a node is added and takes slots over',
    thresholds: BOUNDED,
    losses: 0,
    seconds: [0.5, 0.5],
    setUp: () => clustered(),
    begin: async (setup) => {
      const { cluster } = setup
      setup.pending = cluster.addNode().then(async (index) => cluster.moveSlots(await usedSlotsOf(cluster, 0), 0, index))
      setup.pending.catch(() => undefined)
    },
    end: async ({ pending }) => pending,
  },
  {
    name: 'Cluster: one node cut off from the clients',
    thresholds: BOUNDED,
    losses: 0,
    seconds: [3, 6],
    setUp: () => clustered({ proxied: true }),
    begin: async ({ cluster }) => cluster.nodes[0]?.proxy?.blackHole(true),
    end: async ({ cluster }) => cluster.nodes[0]?.proxy?.blackHole(false),
  },
  {
    name: 'Cluster: primary killed, its replica promoted',
    thresholds: BOUNDED,
    losses: 1,
    seconds: [0.5, 0.5],
    setUp: () => clustered({ replicasPerPrimary: 1 }),
    begin: ({ cluster }) => cluster.killPrimary(0),
    end: ({ cluster }) =>
      waitUntil(
        'the promotion',
        async () => String(await cluster.nodes[3]?.server.call('INFO', 'replication')).includes('role:master'),
        60_000,
      ),
  },
]
