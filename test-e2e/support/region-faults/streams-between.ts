// Streams of Redis between the regions: each region writes into its own Redis, and reads those of the others through proxies.
import { streamTransport } from '@sluice/redis'
import type { RegionTransport } from '@sluice/regions'
import { type RedisServer, type TcpProxy, tcpProxy } from '@sluice/testing/redis'
import { type Between, NAMES } from './between.ts'

const STREAM = '{sluice:regions}:messages'

export class StreamsBetween implements Between {
  readonly patience = 90_000
  private readonly servers: readonly RedisServer[]
  /** By region that reads, then by region that is read. */
  private readonly proxies: readonly (readonly TcpProxy[])[]

  private constructor(servers: readonly RedisServer[], proxies: readonly (readonly TcpProxy[])[]) {
    this.servers = servers
    this.proxies = proxies
  }

  static async open(this: void, servers: readonly RedisServer[]): Promise<StreamsBetween> {
    const proxies = await Promise.all(NAMES.map(() => Promise.all(servers.map((server) => tcpProxy(server)))))
    return new StreamsBetween(servers, proxies)
  }

  join(region: number): RegionTransport {
    const others = Object.fromEntries(
      NAMES.flatMap((name, i) => (i === region ? [] : [[name, { url: `redis://127.0.0.1:${this.proxies[region]?.[i]?.port}` }] as const])),
    )
    const self = { url: this.servers[region]?.url ?? '' }
    return streamTransport({ self, others, claimAfter: 2_000, on: { warning: () => undefined } })
  }

  cut(region: number, on: boolean): void {
    this.proxies.forEach((row, reader) =>
      row.forEach((proxy, source) => (reader === region || source === region ? proxy.blackHole(on) : undefined)),
    )
  }

  async replay(region: number): Promise<void> {
    const others = this.servers.filter((_, i) => i !== region)
    await Promise.all(others.map((server) => server.call('XGROUP', 'SETID', STREAM, NAMES[region] ?? '', '0')))
  }

  async sendStrange(region: number, bodies: readonly string[]): Promise<void> {
    for (const body of bodies) await this.servers[region]?.call('XADD', STREAM, '*', 'b', body)
  }

  async stop(): Promise<void> {
    await Promise.all(this.proxies.flat().map((proxy) => proxy.close()))
  }
}
