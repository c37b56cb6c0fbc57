// A client that needs little CPU: 32 connections with one request at a time on each. It finds the end of a response by its length only.
// On Linux each connection has an address of its own, so that each is a subject of its own.
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { HOST } from './setup.ts'

const CONNECTIONS = 32
// The compiler optimises the last function of a request after about 60,000 requests.
const WARM_UP = { quick: { requests: 6_000, ms: 1_000 }, full: { requests: 80_000, ms: 20_000 } }
const REQUEST = `GET / HTTP/1.1\r\nHost: ${HOST}\r\nAccept: */*\r\n\r\n`

export interface Burst {
  /** Sends requests for about `ms`. Returns how many were answered, and the time it took. */
  readonly run: (ms: number) => Promise<{ readonly count: number; readonly ms: number }>
  readonly close: () => void
}

/** Opens connections for one burst. A server closes connections that idle while the others have their turns. */
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

/** Sends requests until the compiler has optimised the server, or until a time limit. */
export async function warmUp(port: number, isQuick: boolean): Promise<void> {
  const { requests: wanted, ms } = isQuick ? WARM_UP.quick : WARM_UP.full
  const { run, close } = await burst(port)
  const end = performance.now() + ms
  for (let count = 0; count < wanted && performance.now() < end;) count += (await run(100)).count
  close()
}

async function open(port: number, i: number): Promise<Socket> {
  const localAddress = process.platform === 'linux' ? `127.0.0.${i + 2}` : HOST
  const socket = connect({ port, host: HOST, localAddress, noDelay: true })
  socket.setEncoding('latin1')
  await once(socket, 'connect')
  return socket
}

/** Sends one request after the other until `end`. Returns how many were answered. */
function requests(socket: Socket, end: number): Promise<number> {
  return new Promise((resolve, reject) => {
    let count = 0
    let received = ''
    const finish = (error?: Error) => {
      socket.off('data', onData).off('error', finish).off('close', onClose)
      if (error === undefined) resolve(count)
      else reject(error)
    }
    const onClose = () => finish(new Error('the server closed the connection'))
    const onData = (chunk: string) => {
      received += chunk
      if (!isComplete(received)) return
      if (!received.startsWith('HTTP/1.1 200')) return finish(new Error(`answered ${received}`))
      received = ''
      count += 1
      if (performance.now() < end) socket.write(REQUEST)
      else finish()
    }
    socket.on('data', onData).on('error', finish).on('close', onClose)
    socket.write(REQUEST)
  })
}

function isComplete(response: string): boolean {
  const end = response.indexOf('\r\n\r\n')
  if (end < 0) return false
  const length = /\r\ncontent-length: (\d+)/i.exec(response)
  return length === null ? response.endsWith('\r\n0\r\n\r\n') : response.length >= end + 4 + Number(length[1])
}
