/// <reference types="node" />
import { Cluster, type ClusterOptions, Redis } from 'ioredis'
import { agreed } from './cluster-view.ts'
import { BUS_OFFSET, HOST } from './ports.ts'
import { type TcpProxy, tcpProxy } from './proxy.ts'
import { type RedisServer, startRedis } from './server.ts'
import { moveSlot, type MoveHooks, SLOTS } from './slots.ts'
import { waitUntil } from '../processes/wait-until.ts'

/** Options of `startCluster()`. */
export interface StartCluster {
  /** Default 3. */
  readonly primaries?: number
  /** Default 0. */
  readonly replicasPerPrimary?: number
  /** Default false. True: each node announces a proxy in front of it, so that every client uses the proxies without an option. */
  readonly proxied?: boolean
  /** More arguments of redis-server, for every node. */
  readonly args?: readonly string[]
}

export interface ClusterNode {
  /** Address for clients: the proxy's, where there is one. */
  readonly host: string
  readonly port: number
  readonly server: RedisServer
  readonly proxy?: TcpProxy
}

export interface RedisCluster {
  /** First the primaries, then the replicas in the order of their primaries, then added nodes. A failover does not change the order. */
  readonly nodes: readonly ClusterNode[]
  /** A new client of the cluster. `stop()` disconnects it, and its `error` events are ignored. */
  client(options?: ClusterOptions & { redisOptions?: { replyMapping?: 'legacy' } }): Cluster
  /** Index of the node that serves the slot. */
  ownerOf(slot: number): Promise<number>
  /** Moves slots one by one, as `redis-cli --cluster reshard` does, and calls the hooks in between. Then waits until all nodes agree. */
  moveSlots(slots: number | readonly number[], from: number, to: number, hooks?: MoveHooks): Promise<void>
  /** Adds a primary without slots. Resolves with its index. */
  addNode(): Promise<number>
  /** SIGKILL. Where it has a replica, `settled()` waits for the promotion. */
  killPrimary(index: number): Promise<void>
  /** Resolves when every living node reports `cluster_state:ok`, all agree about roles and slots, and replicas are in sync. */
  settled(): Promise<void>
  stop(): Promise<void>
}

/**
 * Starts a Redis Cluster on 127.0.0.1, and waits until all nodes agree.
 *
 * @example
 * ```ts
 * import { startCluster } from '@sluice/testing/redis'
 *
 * const cluster = await startCluster({ primaries: 3, replicasPerPrimary: 1 })
 * await cluster.killPrimary(0)
 * await cluster.settled() // its replica is promoted
 * await cluster.stop()
 * ```
 */
export async function startCluster(options: StartCluster = {}): Promise<RedisCluster> {
  const { primaries = 3, replicasPerPrimary = 0 } = options
  const cluster = new RunningCluster(options)
  try {
    await cluster.add(primaries * (1 + replicasPerPrimary))
    await cluster.join(primaries)
    return cluster
  } catch (error) {
    await cluster.stop()
    throw error
  }
}

class RunningCluster implements RedisCluster {
  readonly nodes: ClusterNode[] = []
  private readonly options: StartCluster
  private readonly clients = new Set<Cluster>()

  constructor(options: StartCluster) {
    this.options = options
  }

  async add(count: number): Promise<void> {
    const started = await Promise.allSettled(Array.from({ length: count }, () => startNode(this.options)))
    for (const result of started) if (result.status === 'fulfilled') this.nodes.push(result.value)
    for (const result of started) if (result.status === 'rejected') throw result.reason
  }

  /** Joins the nodes to one cluster. The first ones are the primaries. */
  async join(primaries: number): Promise<void> {
    await Promise.all(
      this.nodes.slice(0, primaries).map(async ({ server }, i) => {
        // Different epochs from the start: nodes that meet with equal epochs need seconds to change them.
        await server.call('CLUSTER', 'SET-CONFIG-EPOCH', i + 1)
        const first = Math.floor((i * SLOTS) / primaries)
        const end = Math.floor(((i + 1) * SLOTS) / primaries)
        await server.call('CLUSTER', 'ADDSLOTS', ...Array.from({ length: end - first }, (_, at) => first + at))
      }),
    )
    await Promise.all(this.nodes.map((node) => this.meet(node)))
    await Promise.all(this.nodes.slice(primaries).map((node, i) => follow(node, this.nodes[i % primaries]!)))
    await this.settled()
  }

  client(options: ClusterOptions & { redisOptions?: { replyMapping?: 'legacy' } } = {}): Cluster {
    const startup = this.nodes.filter(({ server }) => server.alive).map(({ host, port }) => ({ host, port }))
    const client = new Cluster(startup, options)
    client.on('error', () => undefined)
    this.clients.add(client)
    return client
  }

  async ownerOf(slot: number): Promise<number> {
    const ranges = (await this.living()[0]!.server.call('CLUSTER', 'SLOTS')) as [number, number, [string, number]][]
    const owner = ranges.find(([first, last]) => first <= slot && slot <= last)?.[2][1]
    return this.nodes.findIndex(({ port }) => port === owner)
  }

  async moveSlots(slots: number | readonly number[], from: number, to: number, hooks: MoveHooks = {}): Promise<void> {
    const others = this.living().filter((node) => node !== this.at(from) && node !== this.at(to))
    const admins = [this.at(from), this.at(to), ...others].map(({ server }) => new Redis(server.options))
    const [source, target, ...rest] = admins
    try {
      for (const slot of [slots].flat()) await moveSlot(slot, source!, target!, rest, hooks)
    } finally {
      for (const admin of admins) admin.disconnect()
    }
    await this.settled()
  }

  async addNode(): Promise<number> {
    await this.add(1)
    const index = this.nodes.length - 1
    await this.meet(this.at(index))
    await this.settled()
    return index
  }

  async killPrimary(index: number): Promise<void> {
    await this.at(index).server.kill()
  }

  async settled(): Promise<void> {
    await waitUntil('the cluster to be in order', async () => agreed(this.living().map(({ server, port }) => ({ server, port }))), 60_000)
  }

  async stop(): Promise<void> {
    for (const client of this.clients) client.disconnect()
    await Promise.all(this.nodes.flatMap(({ server, proxy }) => [server.stop(), proxy?.close()]))
  }

  private at(index: number): ClusterNode {
    const node = this.nodes[index]
    if (node === undefined) throw new Error(`cluster: expected the index of a node from 0 to ${this.nodes.length - 1}, got ${index}`)
    return node
  }

  private living(): readonly ClusterNode[] {
    return this.nodes.filter(({ server }) => server.alive)
  }

  /** Introduces the node to every other one, since gossip alone takes seconds. */
  private async meet(node: ClusterNode): Promise<void> {
    const { port } = node.server
    const others = this.living().filter((other) => other !== node)
    await Promise.all(others.map(({ server }) => server.call('CLUSTER', 'MEET', HOST, port, port + BUS_OFFSET)))
  }
}

async function startNode({ proxied = false, args = [] }: StartCluster): Promise<ClusterNode> {
  let proxy: TcpProxy | undefined
  const announced = async (port: number): Promise<readonly string[]> => {
    if (!proxied) return []
    await proxy?.close()
    proxy = await tcpProxy({ host: HOST, port })
    return [
      '--cluster-announce-ip',
      HOST,
      '--cluster-announce-port',
      `${proxy.port}`,
      '--cluster-announce-bus-port',
      `${port + BUS_OFFSET}`,
    ]
  }
  const clustered = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '2000', '--cluster-config-file', 'nodes.conf']
  try {
    const server = await startRedis({ args: async (port) => [...clustered, ...(await announced(port)), ...args] })
    return { host: HOST, port: proxy?.port ?? server.port, server, ...(proxy ? { proxy } : {}) }
  } catch (error) {
    await proxy?.close()
    throw error
  }
}

/** Makes a node a replica, as soon as it knows its primary. */
async function follow(replica: ClusterNode, primary: ClusterNode): Promise<void> {
  const id = (await primary.server.call('CLUSTER', 'MYID')) as string
  await waitUntil('a replica to know its primary', async () => (await replica.server.call('CLUSTER', 'REPLICATE', id)) === 'OK')
}
