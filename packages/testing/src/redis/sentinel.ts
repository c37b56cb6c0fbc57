import { Redis } from 'ioredis'
import { HOST } from './ports.ts'
import { type ClientOptions, type RedisServer, startRedis } from './server.ts'
import { waitUntil } from '../processes/wait-until.ts'

/** One primary, two replicas, and three sentinels. Only the first one starts a failover, when another one also takes the primary for down. */
export interface RedisSentinel {
  /** The name of the primary in the sentinels' configuration. */
  readonly name: string
  readonly sentinels: readonly { readonly host: string; readonly port: number }[]
  /** The first primary, then its two replicas. A failover does not change the order. */
  readonly servers: readonly RedisServer[]
  /** A new client of the current primary. `stop()` disconnects it, and its `error` events are ignored. */
  client(options?: ClientOptions): Redis
  /** The server that the sentinels currently name as the primary. */
  primary(): Promise<RedisServer>
  /** Kills the primary by SIGKILL and returns it. `settled()` waits for the promotion of a replica. */
  killPrimary(): Promise<RedisServer>
  /** Resolves when all sentinels name the same living primary, and all living replicas are in sync with it. */
  settled(): Promise<void>
  stop(): Promise<void>
}

const NAME = 'sluice'
/**
 * ms that a server is silent before a sentinel takes it for down. After a promotion, a sentinel may wait 1 s before it connects to the new
 * primary, and that counts as silence. At 1000, a busy machine failed over once more, and the decisions in between were lost.
 */
const DOWN_AFTER = 3000
/**
 * How many sentinels must take the primary for down before this one starts a failover. There are three, so only the first one ever does.
 * Two that start at the same time could each promote a replica, and the decisions of one of them would be lost.
 */
const QUORUMS = [2, 4, 4]
/** From Redis 7.0 on: sentinels find each other sooner, and do not take a busy machine for a broken one ("tilt"). */
const DEBUG_SETTINGS = ['info-period', 1000, 'publish-period', 250, 'tilt-trigger', 20_000]

/**
 * Starts a primary, two replicas and three sentinels on 127.0.0.1, and waits until the sentinels agree.
 *
 * @example
 * ```ts
 * import { startSentinel } from '@sluice/testing/redis'
 *
 * const redis = await startSentinel()
 * await redis.killPrimary()
 * await redis.settled() // a replica is promoted
 * await redis.stop()
 * ```
 */
export async function startSentinel(): Promise<RedisSentinel> {
  const started: RedisServer[] = []
  const start = async (options: Parameters<typeof startRedis>[0]): Promise<RedisServer> => {
    const server = await startRedis(options)
    started.push(server)
    return server
  }
  try {
    const primary = await start({})
    const following = { args: ['--replicaof', HOST, `${primary.port}`] }
    const servers = [primary, ...(await Promise.all([start(following), start(following)]))]
    await waitUntil('the replicas to be in sync', () => inSync(primary, servers))
    const configuration = (quorum: number): string =>
      [
        `sentinel monitor ${NAME} ${HOST} ${primary.port} ${quorum}`,
        `sentinel down-after-milliseconds ${NAME} ${DOWN_AFTER}`,
        `sentinel failover-timeout ${NAME} 5000`,
        '',
      ].join('\n')
    const sentinels = await Promise.all(QUORUMS.map((quorum) => start({ sentinel: configuration(quorum) })))
    await Promise.all(sentinels.map((sentinel) => sentinel.call('SENTINEL', 'DEBUG', ...DEBUG_SETTINGS).catch(() => undefined)))
    const running = new RunningSentinel(servers, sentinels)
    await running.settled()
    return running
  } catch (error) {
    await Promise.all(started.map((server) => server.stop()))
    throw error
  }
}

class RunningSentinel implements RedisSentinel {
  readonly name: string = NAME
  readonly sentinels: readonly { readonly host: string; readonly port: number }[]
  readonly servers: readonly RedisServer[]
  private readonly sentinelServers: readonly RedisServer[]
  private readonly clients = new Set<Redis>()

  constructor(servers: readonly RedisServer[], sentinels: readonly RedisServer[]) {
    this.servers = servers
    this.sentinelServers = sentinels
    this.sentinels = sentinels.map(({ host, port }) => ({ host, port }))
  }

  client(options: ClientOptions = {}): Redis {
    const client = new Redis({ sentinels: [...this.sentinels], name: this.name, ...options })
    client.on('error', () => undefined)
    this.clients.add(client)
    return client
  }

  async primary(): Promise<RedisServer> {
    const port = await primaryPort(this.sentinelServers[0]!)
    const server = this.servers.find((server) => server.port === port)
    if (server === undefined) throw new Error(`sentinel: expected a primary among the servers started here, got port ${port}`)
    return server
  }

  async killPrimary(): Promise<RedisServer> {
    const primary = await this.primary()
    await primary.kill()
    return primary
  }

  async settled(): Promise<void> {
    await waitUntil('the sentinels to agree on a primary', () => this.agreed(), 60_000)
  }

  async stop(): Promise<void> {
    for (const client of this.clients) client.disconnect()
    await Promise.all([...this.sentinelServers, ...this.servers].map((server) => server.stop()))
  }

  private async agreed(): Promise<boolean> {
    const primary = await this.primary()
    for (const sentinel of this.sentinelServers) {
      const state = fields(await sentinel.call('SENTINEL', 'MASTER', NAME))
      if (Number(state['port']) !== primary.port || state['flags'] !== 'master') return false
      if (Number(state['num-other-sentinels']) !== this.sentinelServers.length - 1) return false
      if (Number(state['num-slaves']) !== this.servers.length - 1) return false
    }
    return inSync(primary, this.servers)
  }
}

/** True if this server is the primary, and every other living server replicates it. */
async function inSync(primary: RedisServer, servers: readonly RedisServer[]): Promise<boolean> {
  for (const server of servers.filter(({ alive }) => alive)) {
    const info = String(await server.call('INFO', 'replication'))
    const expected = server === primary ? ['role:master'] : ['role:slave', `master_port:${primary.port}`, 'master_link_status:up']
    if (!expected.every((line) => info.includes(`${line}\r\n`))) return false
  }
  return primary.alive
}

async function primaryPort(sentinel: RedisServer): Promise<number> {
  const [, port] = (await sentinel.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', NAME)) as string[]
  return Number(port)
}

function fields(reply: unknown): Readonly<Record<string, string>> {
  const flat = reply as string[]
  return Object.fromEntries(Array.from({ length: flat.length / 2 }, (_, i) => [flat[2 * i]!, flat[2 * i + 1]!]))
}
