/// <reference types="node" />
import { connect, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Direction, ProxiedConnection, type ProxyStats } from './proxied-connection.ts'
import { freePort, HOST } from './ports.ts'

export interface LoseReplies {
  /** The first request whose reply is dropped: after this many others, or the first for which this returns true. Default 0. */
  readonly after?: number | ((request: Buffer) => boolean)
  /** How many requests in all lose their reply. Each loses its connection too. Default 1. */
  readonly times?: number
}

/** Receives a chunk of request bytes before the server does. The chunk and those after it wait for its promise. */
export type RequestHook = (request: Buffer) => void | Promise<void>

/** A TCP proxy between clients and a server that can inject network faults. */
export interface TcpProxy {
  readonly host: string
  readonly port: number
  /** Number of open connections. */
  readonly connections: number
  readonly stats: Readonly<ProxyStats>
  /** Delays replies by `ms` from now on. With `requests`, the server receives and runs requests later. */
  delay(ms: number, direction?: Direction): void
  /** Closes every open connection. */
  cut(): void
  /** Makes every open connection half-open: nothing passes, and neither side is notified. New connections work. */
  makeHalfOpen(): void
  /** Leads new connections to another server, as when a DNS name changes its address. */
  retarget(target: { readonly host: string; readonly port: number }): void
  /** True: nothing passes and nothing is closed. False: held bytes are passed on, as by a network that has recovered. */
  blackHole(on: boolean): void
  /** True: the system refuses new connections; open ones go on. */
  refuse(on: boolean): Promise<void>
  /**
   * Drops replies: the server runs the request, then the client sees its connection closed, without a byte of the reply.
   * Earlier replies that still wait on this connection are lost too.
   */
  loseReplies(options?: LoseReplies): void
  /** Adds a hook. The returned function removes it. */
  onRequest(hook: RequestHook): () => void
  close(): Promise<void>
}

/**
 * Starts a proxy on a free port of 127.0.0.1.
 *
 * @example
 * ```ts
 * import { startRedis, tcpProxy } from '@sluice/testing/redis'
 *
 * const server = await startRedis()
 * const proxy = await tcpProxy(server)
 * const client = server.client({ port: proxy.port })
 * proxy.delay(100) // replies now take 100 ms
 * proxy.loseReplies() // the next request runs, but its client gets no reply
 * await proxy.close()
 * await server.stop()
 * ```
 */
export async function tcpProxy(target: { readonly host: string; readonly port: number }): Promise<TcpProxy> {
  const proxy = new Proxy(target, await freePort())
  await proxy.refuse(false)
  return proxy
}

class Proxy implements TcpProxy {
  readonly host: string = HOST
  readonly port: number
  readonly stats: ProxyStats = { accepted: 0, requests: 0, requestBytes: 0, replyBytes: 0, lost: 0 }
  private target: { readonly host: string; readonly port: number }
  private readonly open = new Set<ProxiedConnection>()
  private readonly hooks = new Set<RequestHook>()
  private readonly closing = new AbortController()
  private readonly delays = { replies: 0, requests: 0 }
  private server: Server | undefined
  private hole: { readonly passed: Promise<void>; end(): void } | undefined
  private dropping: { matches(request: Buffer): boolean; times: number } | undefined

  constructor(target: { readonly host: string; readonly port: number }, port: number) {
    this.target = target
    this.port = port
  }

  get connections(): number {
    return this.open.size
  }

  delay(ms: number, direction: Direction = 'replies'): void {
    this.delays[direction] = ms
  }

  cut(): void {
    for (const connection of this.open) void connection.destroy()
  }

  makeHalfOpen(): void {
    for (const connection of this.open) connection.makeHalfOpen()
  }

  retarget(target: { readonly host: string; readonly port: number }): void {
    this.target = target
  }

  blackHole(on: boolean): void {
    if (!on) {
      this.hole?.end()
      this.hole = undefined
      return
    }
    let end = (): void => undefined
    const passed = new Promise<void>((resolve) => (end = resolve))
    this.hole ??= { passed, end }
  }

  async refuse(on: boolean): Promise<void> {
    if (on) {
      // Not awaited: it resolves only when the open connections have ended.
      this.server?.close()
      this.server = undefined
    } else this.server ??= await listen(this.port, (client) => this.accept(client))
  }

  loseReplies({ after = 0, times = 1 }: LoseReplies = {}): void {
    let left = typeof after === 'number' ? after : 0
    this.dropping = { matches: typeof after === 'number' ? () => (left -= 1) < 0 : after, times }
  }

  onRequest(hook: RequestHook): () => void {
    this.hooks.add(hook)
    return () => this.hooks.delete(hook)
  }

  async close(): Promise<void> {
    this.closing.abort()
    this.blackHole(false)
    await this.refuse(true)
    await Promise.all(Array.from(this.open, (connection) => connection.destroy()))
  }

  private accept(client: Socket): void {
    this.stats.accepted += 1
    const upstream = connect({ host: this.target.host, port: this.target.port, allowHalfOpen: true, noDelay: true })
    const connection = new ProxiedConnection(client, upstream, this.stats, {
      request: (bytes) => this.request(bytes),
      mayPass: (direction) => this.mayPass(direction),
      dropsReply: (bytes) => this.dropsReply(bytes),
      closed: (closed) => void this.open.delete(closed),
    })
    this.open.add(connection)
  }

  /** Delays count from the arrival of each chunk, so chunks wait at the same time and leave in order. */
  private async mayPass(direction: Direction): Promise<void> {
    const ms = this.delays[direction]
    if (ms > 0) await sleep(ms, undefined, { signal: this.closing.signal })
    while (this.hole !== undefined) await this.hole.passed
  }

  private async request(bytes: Buffer): Promise<void> {
    for (const hook of this.hooks) await hook(bytes)
  }

  private dropsReply(bytes: Buffer): boolean {
    if (this.dropping === undefined || !this.dropping.matches(bytes)) return false
    this.dropping.times -= 1
    if (this.dropping.times <= 0) this.dropping = undefined
    return true
  }
}

function listen(port: number, accept: (client: Socket) => void): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, accept)
    server.once('error', reject)
    server.listen(port, HOST, () => resolve(server))
  })
}
