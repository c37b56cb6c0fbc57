/// <reference types="node" />
import type { Socket } from 'node:net'

/** From the server to the client, or from the client to the server. */
export type Direction = 'replies' | 'requests'

export interface ProxyStats {
  /** Connections accepted so far. */
  accepted: number
  /** Chunks of request bytes received. A client may send several commands in one chunk. */
  requests: number
  requestBytes: number
  /** Reply bytes passed on. */
  replyBytes: number
  /** Chunks whose reply was dropped. */
  lost: number
}

/** How the proxy decides about each chunk. */
export interface Rules {
  /** Resolves when all request hooks have run. */
  request(bytes: Buffer): Promise<void>
  /** Resolves when a chunk that arrived now may pass. */
  mayPass(direction: Direction): Promise<void>
  /** True to drop the reply of this request. */
  dropsReply(bytes: Buffer): boolean
  closed(connection: ProxiedConnection): void
}

/** One connection of a client, and the connection to the server that stands for it. */
export class ProxiedConnection {
  private readonly client: Socket
  private readonly upstream: Socket
  private readonly stats: ProxyStats
  private readonly rules: Rules
  private readonly closed: Promise<void>
  private dropping = false
  private isHalfOpen = false

  constructor(client: Socket, upstream: Socket, stats: ProxyStats, rules: Rules) {
    this.client = client
    this.upstream = upstream
    this.stats = stats
    this.rules = rules
    const requests = this.queue()
    const replies = this.queue()
    client.on('data', (bytes: Buffer) => requests(this.mayPass('requests'), () => this.request(bytes)))
    client.on('end', () => requests(this.mayPass('requests'), () => this.upstream.end()))
    upstream.on('data', (bytes: Buffer) => replies(this.mayPass('replies'), () => this.reply(bytes)))
    upstream.on('end', () => replies(this.mayPass('replies'), () => (this.dropping ? this.destroy() : this.client.end())))
    for (const socket of [client, upstream]) {
      // An `end` is not an error: chunks before it may still wait.
      socket.on('error', () => void this.destroy())
    }
    const closed = [client, upstream].map((socket) => new Promise((resolve) => socket.once('close', resolve)))
    this.closed = Promise.all(closed).then(() => rules.closed(this))
  }

  /** From now on nothing passes, and neither side is notified, as when a peer loses its network. */
  makeHalfOpen(): void {
    this.isHalfOpen = true
  }

  /** Resolves when both connections are closed. */
  destroy(): Promise<void> {
    this.client.destroy()
    this.upstream.destroy()
    return this.closed
  }

  private mayPass(direction: Direction): Promise<void> {
    return this.isHalfOpen ? NEVER : this.rules.mayPass(direction)
  }

  private async request(bytes: Buffer): Promise<void> {
    this.stats.requests += 1
    this.stats.requestBytes += bytes.length
    await this.rules.request(bytes)
    if (this.dropping || this.upstream.destroyed) return
    this.dropping = this.rules.dropsReply(bytes)
    if (this.dropping) {
      this.stats.lost += 1
      // The server runs the request, reads the end of input, and closes. Its `end` proves that the request has run.
      this.upstream.end(bytes)
    } else this.upstream.write(bytes)
  }

  private reply(bytes: Buffer): void {
    if (this.dropping || this.client.destroyed) return
    this.stats.replyBytes += bytes.length
    this.client.write(bytes)
  }

  /** Runs actions in order, each when its own promise has resolved. */
  private queue(): (mayPass: Promise<void>, act: () => unknown) => void {
    let tail = Promise.resolve()
    return (mayPass, act) => {
      mayPass.catch(() => undefined)
      tail = tail
        .then(() => mayPass)
        .then(act)
        .then(() => undefined)
        .catch(() => this.destroy())
    }
  }
}

const NEVER = new Promise<never>(() => undefined)
