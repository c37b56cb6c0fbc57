// A client that costs little: 32 connections, one request at a time on each, responses told apart by their length alone. Where the system
// lets it, each connection comes from an address of its own, and so is a subject of its own.
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { HOST } from './plan.ts'

const CONNECTIONS = 32
// The compiler takes up the last of the functions that a request runs after some 60,000 of them.
const WARM = { quick: { requests: 6_000, ms: 1_000 }, full: { requests: 80_000, ms: 20_000 } }
const REQUEST = `GET / HTTP/1.1\r\nHost: ${HOST}\r\nAccept: */*\r\n\r\n`

export interface Burst {
  /** Requests answered in about so many ms, and how long it took. */
  readonly run: (ms: number) => Promise<{ readonly count: number; readonly ms: number }>
  readonly close: () => void
}

/** Connections are of one burst: a server closes those that idle while it is the turn of others. */
export async function burst(port: number): Promise<Burst> {
  const sockets = await Promise.all(Array.from({ length: CONNECTIONS }, (_, i) => open(port, i)))
  return {
    async run(ms) {
      const start = performance.now()
      const counts = await Promise.all(sockets.map((socket) => requests(socket, start + ms)))
      return { count: counts.reduce((sum, count) => sum + count, 0), ms: performance.now() - start }
    },
    close: () => sockets.forEach((socket) => socket.destroy()),
  }
}

/** Until so many are answered, so that what runs is what the compiler makes of it in the end; but no longer than this. */
export async function warmUp(port: number, isQuick: boolean): Promise<void> {
  const { requests: most, ms } = isQuick ? WARM.quick : WARM.full
  const { run, close } = await burst(port)
  const end = performance.now() + ms
  for (let count = 0; count < most && performance.now() < end;) count += (await run(100)).count
  close()
}

async function open(port: number, i: number): Promise<Socket> {
  const localAddress = process.platform === 'linux' ? `127.0.0.${i + 2}` : HOST
  const socket = connect({ port, host: HOST, localAddress, noDelay: true })
  socket.setEncoding('latin1')
  await once(socket, 'connect')
  return socket
}

/** One after the other until then; how many were answered. */
function requests(socket: Socket, end: number): Promise<number> {
  return new Promise((resolve, reject) => {
    let count = 0
    let held = ''
    const over = (error?: Error) => {
      socket.off('data', more).off('error', over).off('close', lost)
      if (error === undefined) resolve(count)
      else reject(error)
    }
    const lost = () => over(new Error('the server closed the connection'))
    const more = (chunk: string) => {
      held += chunk
      if (!isWhole(held)) return
      if (!held.startsWith('HTTP/1.1 200')) return over(new Error(`answered ${held}`))
      held = ''
      count += 1
      if (performance.now() < end) socket.write(REQUEST)
      else over()
    }
    socket.on('data', more).on('error', over).on('close', lost)
    socket.write(REQUEST)
  })
}

function isWhole(response: string): boolean {
  const end = response.indexOf('\r\n\r\n')
  if (end < 0) return false
  const length = /\r\ncontent-length: (\d+)/i.exec(response)
  return length === null ? response.endsWith('\r\n0\r\n\r\n') : response.length >= end + 4 + Number(length[1])
}
