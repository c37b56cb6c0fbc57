// A client that costs little: kept connections, one request at a time on each, responses told apart by their length alone. Where the
// system lets it, each comes from an address of its own, and so is a subject of its own.
import { connect, type Socket } from 'node:net'
import { HOST } from './plan.ts'

const CONNECTIONS = 32
const WARM = 10_000
const WARM_MS = 2_000
const REQUEST = `GET / HTTP/1.1\r\nHost: ${HOST}\r\nAccept: */*\r\n\r\n`

export class Burst {
  private readonly sockets: readonly Socket[]
  private done = 0
  private isOver = true
  private busy = 0
  private idle = (): void => {}
  private failed: Error | undefined

  constructor(port: number) {
    this.sockets = Array.from({ length: CONNECTIONS }, (_, i) =>
      this.open(port, process.platform === 'linux' ? `127.0.0.${i + 2}` : undefined),
    )
  }

  /** Requests answered in about so many ms, and how long it took. */
  async run(ms: number): Promise<{ readonly count: number; readonly ms: number }> {
    this.done = 0
    this.isOver = false
    this.busy = CONNECTIONS
    const start = performance.now()
    const timer = setTimeout(() => (this.isOver = true), ms)
    for (const socket of this.sockets) socket.write(REQUEST)
    await new Promise<void>((resolve) => (this.idle = resolve))
    clearTimeout(timer)
    if (this.failed !== undefined) throw this.failed
    return { count: this.done, ms: performance.now() - start }
  }

  /** Until so many are answered, so that what runs is what the compiler makes of it in the end; but no longer than this. */
  async warmUp(): Promise<void> {
    const end = performance.now() + WARM_MS
    for (let count = 0; count < WARM && performance.now() < end;) count += (await this.run(100)).count
  }

  close(): void {
    for (const socket of this.sockets) socket.destroy()
  }

  private open(port: number, localAddress: string | undefined): Socket {
    const socket = connect({ port, host: HOST, noDelay: true, ...(localAddress === undefined ? {} : { localAddress }) })
    let held = ''
    socket.setEncoding('latin1')
    socket.on('error', (error) => this.fail(error))
    socket.on('data', (chunk: string) => {
      held = held === '' ? chunk : held + chunk
      if (!isWhole(held)) return
      if (!held.startsWith('HTTP/1.1 200')) this.fail(new Error(`answered ${held}`))
      held = ''
      this.done += 1
      if (!this.isOver) socket.write(REQUEST)
      else if (--this.busy === 0) this.idle()
    })
    return socket
  }

  private fail(error: Error): void {
    this.failed ??= error
    this.isOver = true
    this.idle()
  }
}

function isWhole(response: string): boolean {
  const end = response.indexOf('\r\n\r\n')
  if (end < 0) return false
  const length = /\r\ncontent-length: (\d+)/i.exec(response)
  return length === null ? response.endsWith('\r\n0\r\n\r\n') : response.length >= end + 4 + Number(length[1])
}
