// Requests by hand: raw bytes, and what came back.
import { connect, type NetConnectOpts, type Socket } from 'node:net'

export interface RawConnection {
  readonly socket: Socket
  write(text: string): void
  /** All that has come so far. */
  text(): string
  /** Resolves when the server has closed the connection. */
  readonly closed: Promise<void>
}

export function rawConnection(where: NetConnectOpts): Promise<RawConnection> {
  return new Promise((resolve, reject) => {
    const socket = connect(where)
    let text = ''
    const closed = new Promise<void>((ended) => socket.once('close', () => ended()))
    socket.on('data', (chunk) => (text += chunk.toString('latin1')))
    socket.once('error', reject)
    socket.once('connect', () => {
      socket.off('error', reject)
      // A reset is an end, too.
      socket.on('error', () => undefined)
      resolve({ socket, write: (more) => void socket.write(more), text: () => text, closed })
    })
  })
}

export function portOf(url: string | undefined): number {
  return Number(new URL(url ?? '').port)
}
