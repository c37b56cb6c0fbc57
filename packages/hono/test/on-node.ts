import { once } from 'node:events'
import type { Server } from 'node:http'
import { createServer as createHttp2Server } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import type { HttpAdapter } from '@sluice/testing'
import type { Hono } from 'hono'
import { WebSocketServer } from 'ws'
import { appOf, unsupported, read } from './app.ts'

/** Serves an app and its WebSockets on a free port of 127.0.0.1. */
export async function serveOnNode(app: Hono<any>, http2 = false): Promise<{ readonly url: string; close(): Promise<void> }> {
  const sockets = new WebSocketServer({ noServer: true })
  // The types of the two packages do not match.
  const server = createAdaptorServer({
    fetch: app.fetch,
    websocket: { server: sockets as never },
    ...(http2 ? { createServer: createHttp2Server } : {}),
  }).listen(0, '127.0.0.1') as Server
  await once(server, 'listening')
  const close = async () => {
    server.close()
    server.closeAllConnections?.()
    for (const client of sockets.clients) client.terminate()
    await once(server, 'close')
  }
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close }
}

/** How httpConformance() drives Hono on Node: this version, or the given one. */
export const onNode = (framework?: typeof Hono): HttpAdapter => ({
  read,
  unsupported: unsupported.filter((feature) => feature !== 'HTTP/2' && feature !== 'dropped connections'),
  serve: (spec) => serveOnNode(appOf(spec, framework), spec.http2),
})
