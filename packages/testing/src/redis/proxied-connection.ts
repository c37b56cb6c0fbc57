/// <reference types="node" />
import type { Socket } from 'node:net'

export type Direction = 'replies' | 'requests'

export interface ProxyStats {
  /** Connections accepted so far. */
  accepted: number
  /** Chunks of request bytes seen; a client may send several commands in one. */
  requests: number
  requestBytes: number
  /** Reply bytes let through. */
  replyBytes: number
  /** Chunks whose reply was kept back. */
  lost: number
}

/** What a pair asks at each chunk. */
export interface Rules {
  /** Resolves when those who watch have seen it. */
  request(bytes: Buffer): Promise<void>
  /** Resolves when a chunk that came now may pass. */
  passing(direction: Direction): Promise<void>
  /** Whether this request's reply is to be lost. */
  loses(bytes: Buffer): boolean
  closed(pair: Pair): void
}

/** One client's connection and the one to the server that stands for it. */
export class Pair {
  private readonly client: Socket
  private readonly upstream: Socket
  private readonly stats: ProxyStats
  private readonly rules: Rules
  private readonly closed: Promise<void>
  private losing = false
  private isStranded = false

  constructor(client: Socket, upstream: Socket, stats: ProxyStats, rules: Rules) {
    this.client = client
    this.upstream = upstream
    this.stats = stats
    this.rules = rules
    const requests = this.line()
    const replies = this.line()
    client.on('data', (bytes: Buffer) => requests(this.passing('requests'), () => this.request(bytes)))
    client.on('end', () => requests(this.passing('requests'), () => this.upstream.end()))
    upstream.on('data', (bytes: Buffer) => replies(this.passing('replies'), () => this.reply(bytes)))
    upstream.on('end', () => replies(this.passing('replies'), () => (this.losing ? this.destroy() : this.client.end())))
    for (const socket of [client, upstream]) {
      // An end is not an error: what came before it may still be on its way.
      socket.on('error', () => void this.destroy())
    }
    const closed = [client, upstream].map((socket) => new Promise((resolve) => socket.once('close', resolve)))
    this.closed = Promise.all(closed).then(() => rules.closed(this))
  }

  /** Dead from now on, and neither end is told: what comes is swallowed. */
  strand(): void {
    this.isStranded = true
  }

  /** Resolves when both connections are closed. */
  destroy(): Promise<void> {
    this.client.destroy()
    this.upstream.destroy()
    return this.closed
  }

  private passing(direction: Direction): Promise<void> {
    return this.isStranded ? NEVER : this.rules.passing(direction)
  }

  private async request(bytes: Buffer): Promise<void> {
    this.stats.requests += 1
    this.stats.requestBytes += bytes.length
    await this.rules.request(bytes)
    if (this.losing || this.upstream.destroyed) return
    this.losing = this.rules.loses(bytes)
    if (this.losing) {
      this.stats.lost += 1
      // The server runs what it got, finds no more, and closes: its end is the proof that the request has run.
      this.upstream.end(bytes)
    } else this.upstream.write(bytes)
  }

  private reply(bytes: Buffer): void {
    if (this.losing || this.client.destroyed) return
    this.stats.replyBytes += bytes.length
    this.client.write(bytes)
  }

  /** Does things one after the other, each when it may pass. */
  private line(): (passes: Promise<void>, act: () => unknown) => void {
    let tail = Promise.resolve()
    return (passes, act) => {
      passes.catch(() => undefined)
      tail = tail
        .then(() => passes)
        .then(act)
        .then(() => undefined)
        .catch(() => this.destroy())
    }
  }
}

const NEVER = new Promise<never>(() => undefined)
