/// <reference types="node" />
import { connect, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { type Direction, Pair, type ProxyStats } from './proxied-connection.ts'
import { freePort, HOST } from './ports.ts'

export interface LoseReplies {
  /** The first request to lose the reply of: the one after n others from now on, or the first of which this says yes. Default 0. */
  readonly after?: number | ((request: Buffer) => boolean)
  /** How many requests, each on its own connection, before all is well again. Default 1. */
  readonly times?: number
}

/** Sees a chunk of request bytes before the server does; while its promise is open, the chunk and those behind it wait. */
export type RequestHook = (request: Buffer) => void | Promise<void>

/** A connection between a client and a server that fails as told. */
export interface TcpProxy {
  readonly host: string
  readonly port: number
  /** Open now. */
  readonly connections: number
  readonly stats: Readonly<ProxyStats>
  /** From now on replies come this much later (or requests: then the server runs them late). */
  delay(ms: number, direction?: Direction): void
  /** Closes every open connection. */
  cut(): void
  /** Every open connection is half-open from now on: its peer is gone and nobody says so. New ones are well. */
  strand(): void
  /** New connections go there: an address that moved to another server. */
  retarget(target: { readonly host: string; readonly port: number }): void
  /** True: nothing passes, nothing is closed. False: what was held goes on its way, as on a network that has recovered. */
  blackHole(on: boolean): void
  /** True: new connections are refused by the system; the open ones go on. */
  refuse(on: boolean): Promise<void>
  /** The server has run the request before its client sees the connection closed, and no byte of the reply arrives. Earlier
   * replies that are still on their way on this connection are lost with it. */
  loseReplies(options?: LoseReplies): void
  /** Returns what removes the hook. */
  onRequest(hook: RequestHook): () => void
  close(): Promise<void>
}

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
  private readonly pairs = new Set<Pair>()
  private readonly hooks = new Set<RequestHook>()
  private readonly closing = new AbortController()
  private readonly delays = { replies: 0, requests: 0 }
  private server: Server | undefined
  private hole: { readonly passed: Promise<void>; end(): void } | undefined
  private losing: { take(request: Buffer): boolean; times: number } | undefined

  constructor(target: { readonly host: string; readonly port: number }, port: number) {
    this.target = target
    this.port = port
  }

  get connections(): number {
    return this.pairs.size
  }

  delay(ms: number, direction: Direction = 'replies'): void {
    this.delays[direction] = ms
  }

  cut(): void {
    for (const pair of this.pairs) void pair.destroy()
  }

  strand(): void {
    for (const pair of this.pairs) pair.strand()
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
      // Not waited for: it ends when the open connections have.
      this.server?.close()
      this.server = undefined
    } else this.server ??= await listen(this.port, (client) => this.accept(client))
  }

  loseReplies({ after = 0, times = 1 }: LoseReplies = {}): void {
    let left = typeof after === 'number' ? after : 0
    this.losing = { take: typeof after === 'number' ? () => (left -= 1) < 0 : after, times }
  }

  onRequest(hook: RequestHook): () => void {
    this.hooks.add(hook)
    return () => this.hooks.delete(hook)
  }

  async close(): Promise<void> {
    this.closing.abort()
    this.blackHole(false)
    await this.refuse(true)
    await Promise.all(Array.from(this.pairs, (pair) => pair.destroy()))
  }

  private accept(client: Socket): void {
    this.stats.accepted += 1
    const upstream = connect({ host: this.target.host, port: this.target.port, allowHalfOpen: true, noDelay: true })
    const pair = new Pair(client, upstream, this.stats, {
      request: (bytes) => this.request(bytes),
      passing: (direction) => this.passing(direction),
      loses: (bytes) => this.loses(bytes),
      closed: (pair) => void this.pairs.delete(pair),
    })
    this.pairs.add(pair)
  }

  /** What a chunk waits for, from its arrival: chunks wait side by side, and leave in order. */
  private async passing(direction: Direction): Promise<void> {
    const ms = this.delays[direction]
    if (ms > 0) await wait(ms, undefined, { signal: this.closing.signal })
    while (this.hole !== undefined) await this.hole.passed
  }

  private async request(bytes: Buffer): Promise<void> {
    for (const hook of this.hooks) await hook(bytes)
  }

  private loses(bytes: Buffer): boolean {
    if (this.losing === undefined || !this.losing.take(bytes)) return false
    this.losing.times -= 1
    if (this.losing.times <= 0) this.losing = undefined
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
