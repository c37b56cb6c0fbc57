import { chmodSync, lstatSync, unlinkSync } from 'node:fs'
import { type AddressInfo, connect, type Server } from 'node:net'
import type { Address } from './listen.ts'

/** Resolves when the server listens. @throws the error of a port or a path that is taken */
export async function listenOn(server: Server, { host, port, path, mode }: Address): Promise<void> {
  if (path !== undefined) await removeLeftOver(path)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(path === undefined ? { host, port } : { path }, () => {
      server.off('error', reject)
      resolve()
    })
  })
  if (path !== undefined && mode !== undefined) chmodSync(path, mode)
}

/** Such as `http://127.0.0.1:8080`, `https://[::1]:8443` or `unix:/run/sluice.sock`. */
export function urlOf(server: Server, { path, tls }: Address, scheme: 'http'): string {
  if (path !== undefined) return `unix:${path}`
  const { family, address, port } = server.address() as AddressInfo
  return `${scheme}${tls === undefined ? '' : 's'}://${family === 'IPv6' ? `[${address}]` : address}:${port}`
}

/** A process that was killed leaves its socket, and nobody could listen there again. One with a listener is left alone. */
async function removeLeftOver(path: string): Promise<void> {
  const stats = lstatSync(path, { throwIfNoEntry: false })
  if (stats?.isSocket() !== true || (await hasListener(path))) return
  unlinkSync(path)
}

function hasListener(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
