// Another primary: with another clock, by Sentinel, in a Cluster.
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
import type { Bench, Case } from './case.ts'

interface Pair extends Bench {
  readonly primary: RedisServer
  readonly replica: RedisServer
  readonly proxy: TcpProxy
}

async function pair(): Promise<Pair> {
  const primary = await startRedis()
  const replica = await startRedis({ args: ['--replicaof', '127.0.0.1', `${primary.port}`] })
  await waitUntil('the replica to be in sync', async () =>
    String(await replica.call('INFO', 'replication')).includes('master_link_status:up'),
  )
  const proxy = await tcpProxy(primary)
  const stop = () => Promise.all([primary.stop(), replica.stop(), proxy.close()])
  return { primary, replica, proxy, clock: 'store', source: { url: `redis://127.0.0.1:${proxy.port}` }, stop }
}

/** The clock is that of the store's `clock`: a server's own cannot be set, and libfaketime hangs in the allocator of Debian's redis-server. */
const step = (milliseconds: number, told: string): Case<Pair> => ({
  name: `new primary, its clock ${told}`,
  bars: { latency: 'opens', normal: 2_000 },
  // Replication is not waited for, and a clock ahead gives at most a burst, and a window of each: both begin anew.
  losses: 1,
  steps: true,
  seconds: [1, 3],
  setUp: pair,
  begin: ({ primary }) => primary.kill(),
  end: async ({ replica, proxy }, load) => {
    await replica.call('REPLICAOF', 'NO', 'ONE')
    await load.shift(milliseconds)
    proxy.retarget(replica)
  },
})

const HOUR = 3_600_000
export const steps: readonly Case<Pair>[] = [
  step(-1_000, '1 s behind'),
  step(1_000, '1 s ahead'),
  step(-HOUR, '1 h behind'),
  step(HOUR, '1 h ahead'),
]

interface Watched extends Bench {
  readonly lab: RedisSentinel
  dead?: RedisServer
}

export const sentinel: Case<Watched> = {
  name: 'Sentinel: primary killed, another promoted',
  bars: { latency: 'opens', normal: 2_000 },
  losses: 1,
  seconds: [0.5, 0.5],
  setUp: async () => {
    const lab = await startSentinel()
    return { lab, source: { sentinels: lab.sentinels, name: lab.name }, stop: () => lab.stop() }
  },
  begin: async (bench) => {
    bench.dead = await bench.lab.killPrimary()
  },
  end: ({ lab, dead }) =>
    waitUntil(
      'a promotion',
      async () => (await lab.primary()) !== dead && String(await (await lab.primary()).call('INFO', 'replication')).includes('role:master'),
      60_000,
    ),
}

interface Clustered extends Bench {
  readonly cluster: RedisCluster
  under?: Promise<unknown>
}

const clustered = async (options: Parameters<typeof startCluster>[0] = {}): Promise<Clustered> => {
  const cluster = await startCluster(options)
  return { cluster, source: { cluster: cluster.nodes.map(({ host, port }) => ({ host, port })) }, stop: () => cluster.stop() }
}
/** Its slots that hold something. */
async function slotsOf(cluster: RedisCluster, node: number): Promise<readonly number[]> {
  const { server } = cluster.nodes[node]!
  const keys = (await server.call('KEYS', '*')) as string[]
  return [...new Set(await Promise.all(keys.map((key) => server.call('CLUSTER', 'KEYSLOT', key) as Promise<number>)))]
}
const BOUNDED = { latency: 55, normal: 2_000 } as const

export const clusters: readonly Case<Clustered>[] = [
  {
    name: 'Cluster: every slot in use of a node migrates',
    bars: BOUNDED,
    losses: 0,
    seconds: [0.5, 0.5],
    setUp: () => clustered(),
    begin: async (bench) => {
      const { cluster } = bench
      bench.under = cluster.moveSlots(await slotsOf(cluster, 0), 0, 1)
      bench.under.catch(() => undefined)
    },
    end: async ({ under }) => under,
  },
  {
    name: 'Cluster: a node is added and takes slots over',
    bars: BOUNDED,
    losses: 0,
    seconds: [0.5, 0.5],
    setUp: () => clustered(),
    begin: async (bench) => {
      const { cluster } = bench
      bench.under = cluster.addNode().then(async (index) => cluster.moveSlots(await slotsOf(cluster, 0), 0, index))
      bench.under.catch(() => undefined)
    },
    end: async ({ under }) => under,
  },
  {
    name: 'Cluster: one node cut off from the clients',
    bars: BOUNDED,
    losses: 0,
    seconds: [3, 6],
    setUp: () => clustered({ proxied: true }),
    begin: async ({ cluster }) => cluster.nodes[0]?.proxy?.blackHole(true),
    end: async ({ cluster }) => cluster.nodes[0]?.proxy?.blackHole(false),
  },
  {
    name: 'Cluster: primary killed, its replica promoted',
    bars: BOUNDED,
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
