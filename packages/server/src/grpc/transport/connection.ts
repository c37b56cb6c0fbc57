import type { ServerHttp2Session } from 'node:http2'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { systemClock } from '@sluice/core'
import type { LongCall } from './long-call.ts'

/** ms that a client has to begin HTTP/2, and to answer a ping. */
const PATIENCE = 10_000
/** ms that the calls of a connection have to end, once no new ones are taken. */
const GRACE = 30_000

/** GOAWAY whose last stream is the highest there is: "open no more streams; those that you have opened are still answered". */
const NOTICE = Buffer.from([0, 0, 8, 7, 0, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0])

/** One connection of a client, until it ends. */
export class Connection {
  readonly calls: Set<LongCall> = new Set()
  private readonly session: ServerHttp2Session
  private readonly socket: Socket
  private readonly cancels: (() => void)[] = []
  private isEnding = false

  /** @param age ms after which the connection ends */
  constructor(session: ServerHttp2Session, socket: Socket, age: number) {
    this.session = session
    this.socket = socket
    this.after(age, () => this.end())
    const silent = this.after(PATIENCE, () => this.cut())
    session.once('remoteSettings', silent)
    socket.on('close', () => {
      for (const cancel of this.cancels) cancel()
    })
  }

  /**
   * Ends the connection without losing a call. A client that gets GOAWAY with the last stream may already have opened another one, which would
   * not be answered. So it first gets a notice, then a ping: once that is answered, all streams that it opened before the notice are here. By
   * TLS there is no notice: clients of gRPC send a stream again that is above the last one.
   * @param grace ms that the calls have to end
   */
  end(grace: number = GRACE): void {
    const { session } = this
    if (this.isEnding || session.destroyed) return
    this.isEnding = true
    for (const call of this.calls) call.drain()
    // nghttp2 ignores new streams after a GOAWAY of its own, so this one goes beside it.
    // A TLS socket has one write at a time, and aborts the process if this one meets one of nghttp2.
    if (!(this.socket instanceof TLSSocket)) this.socket.write(NOTICE)
    let isClosed = false
    const close = () => {
      if (isClosed || session.destroyed) return
      isClosed = true
      session.close()
    }
    session.ping(close)
    this.after(Math.min(PATIENCE, grace / 2), close)
    this.after(grace, () => this.cut())
  }

  /** Ends the connection with its calls. A client that does not close its side is not waited for. */
  private cut(): void {
    this.session.destroy()
    this.socket.destroy()
  }

  private after(ms: number, run: () => void): () => void {
    const cancel = systemClock.after(ms, run)
    this.cancels.push(cancel)
    return cancel
  }
}
