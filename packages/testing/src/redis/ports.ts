/// <reference types="node" />
import { randomInt } from 'node:crypto'
import { createConnection, createServer } from 'node:net'

export const HOST = '127.0.0.1'
/** The cluster bus of a node listens this far above its port. */
export const BUS_OFFSET = 10_000

/** Below the ports that systems use for outgoing connections, which could take the port while a server restarts. */
const FIRST = 12_000
const LAST = 22_000

/** A port with nothing listening on it, nor on its cluster bus port. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 100; tries += 1) {
    const port = randomInt(FIRST, LAST)
    if ((await isFree(port)) && (await isFree(port + BUS_OFFSET))) return port
  }
  throw new Error(`freePort: no free port found from ${FIRST} to ${LAST}`)
}

export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, HOST, () => server.close(() => resolve(true)))
  })
}

/** Whether something listens on a port. */
export function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(port, HOST)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
