/// <reference types="node" />
import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

export const HOST = '127.0.0.1'
/** A cluster node's bus listens this far above its port. */
export const BUS = 10_000

/** Below what a system hands out for outgoing connections: one of those would take the port while its server restarts. */
const FIRST = 12_000
const LAST = 22_000

/** A port on which nothing listens now, nor on its bus port. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 100; tries += 1) {
    const port = randomInt(FIRST, LAST)
    if ((await isFree(port)) && (await isFree(port + BUS))) return port
  }
  throw new Error(`No free port was found from ${FIRST} to ${LAST}.`)
}

export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, HOST, () => server.close(() => resolve(true)))
  })
}
