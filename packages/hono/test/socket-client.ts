import { once } from 'node:events'
import { WebSocket } from 'ws'

/** Connects a WebSocket client that keeps the messages it receives. */
export async function connect(url: string, headers: Readonly<Record<string, string>> = {}) {
  const socket = new WebSocket(url.replace('http', 'ws'), { headers })
  const got: string[] = []
  socket.on('message', (data: Buffer) => void got.push(data.toString()))
  const closed = once(socket, 'close').then(([code, reason]) => [code, String(reason)] as const)
  closed.catch(() => undefined)
  await once(socket, 'open')
  socket.on('error', () => undefined)
  return { got, closed, send: (text: string | Uint8Array) => socket.send(text), leave: () => socket.terminate() }
}
