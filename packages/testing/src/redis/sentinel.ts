import { Redis } from 'ioredis'
import { HOST } from './ports.ts'
import { type ClientOptions, type RedisServer, startRedis } from './server.ts'
import { waitUntil } from '../processes/wait-until.ts'

export interface StartSentinel {
  /** How long the primary is silent, in ms, before a sentinel takes it for down. Default 1000. */
  readonly downAfter?: number
}

/** One primary, two replicas, three sentinels of which two must agree. */
export interface RedisSentinel {
  /** Of the primary, as the sentinels call it. */
  readonly name: string
  readonly sentinels: readonly { readonly host: string; readonly port: number }[]
  /** The one that was the primary at first, and the two that were its replicas. */
  readonly servers: readonly RedisServer[]
  /** A client of the primary, whichever it is; let go by `stop()`. Its `error` events are heard. */
  client(options?: ClientOptions): Redis
  /** The one that the sentinels name now. */
  primary(): Promise<RedisServer>
  /** SIGKILL; returns the one killed. `settled()` waits for the promotion of another. */
  killPrimary(): Promise<RedisServer>
  /** Resolves when all sentinels name the same living primary, and the replicas that live are in sync with it. */
  settled(): Promise<void>
  stop(): Promise<void>
}

const NAME = 'sluice'
const QUORUM = 2
/** From 7.0 on they can be made faster at finding each other, and slow to take a busy machine for one that is broken ("tilt"). */
const HURRY = ['info-period', 1000, 'publish-period', 250, 'tilt-trigger', 20_000]

export async function startSentinel({ downAfter = 1000 }: StartSentinel = {}): Promise<RedisSentinel> {
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
    const sentinel = [
      `sentinel monitor ${NAME} ${HOST} ${primary.port} ${QUORUM}`,
      `sentinel down-after-milliseconds ${NAME} ${downAfter}`,
      `sentinel failover-timeout ${NAME} 5000`,
      '',
    ].join('\n')
    const watchers = await Promise.all([start({ sentinel }), start({ sentinel }), start({ sentinel })])
    await Promise.all(watchers.map((watcher) => watcher.call('SENTINEL', 'DEBUG', ...HURRY).catch(() => undefined)))
    const lab = new Lab(servers, watchers)
    await lab.settled()
    return lab
  } catch (error) {
    await Promise.all(started.map((server) => server.stop()))
    throw error
  }
}

class Lab implements RedisSentinel {
  readonly name: string = NAME
  readonly sentinels: readonly { readonly host: string; readonly port: number }[]
  readonly servers: readonly RedisServer[]
  private readonly watchers: readonly RedisServer[]
  private readonly clients = new Set<Redis>()

  constructor(servers: readonly RedisServer[], watchers: readonly RedisServer[]) {
    this.servers = servers
    this.watchers = watchers
    this.sentinels = watchers.map(({ host, port }) => ({ host, port }))
  }

  client(options: ClientOptions = {}): Redis {
    const client = new Redis({ sentinels: [...this.sentinels], name: this.name, ...options })
    client.on('error', () => undefined)
    this.clients.add(client)
    return client
  }

  async primary(): Promise<RedisServer> {
    const port = await named(this.watchers[0]!)
    const server = this.servers.find((server) => server.port === port)
    if (server === undefined) throw new Error(`The sentinels name a primary at port ${port}, where none was started.`)
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
    await Promise.all([...this.watchers, ...this.servers].map((server) => server.stop()))
  }

  private async agreed(): Promise<boolean> {
    const primary = await this.primary()
    for (const watcher of this.watchers) {
      const state = fields(await watcher.call('SENTINEL', 'MASTER', NAME))
      if (Number(state['port']) !== primary.port || state['flags'] !== 'master') return false
      if (Number(state['num-other-sentinels']) !== this.watchers.length - 1) return false
      if (Number(state['num-slaves']) !== this.servers.length - 1) return false
    }
    return inSync(primary, this.servers)
  }
}

/** Whether this one is the primary, and every other that lives follows it. */
async function inSync(primary: RedisServer, servers: readonly RedisServer[]): Promise<boolean> {
  for (const server of servers.filter(({ alive }) => alive)) {
    const info = String(await server.call('INFO', 'replication'))
    const right = server === primary ? ['role:master'] : ['role:slave', `master_port:${primary.port}`, 'master_link_status:up']
    if (!right.every((line) => info.includes(`${line}\r\n`))) return false
  }
  return primary.alive
}

async function named(watcher: RedisServer): Promise<number> {
  const [, port] = (await watcher.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', NAME)) as string[]
  return Number(port)
}

function fields(reply: unknown): Readonly<Record<string, string>> {
  const flat = reply as string[]
  return Object.fromEntries(Array.from({ length: flat.length / 2 }, (_, i) => [flat[2 * i]!, flat[2 * i + 1]!]))
}
