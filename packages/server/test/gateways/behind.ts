import { createServer, type IncomingHttpHeaders, type RequestListener, type Server } from 'node:http'
import { createServer as createTcpServer, type Socket } from 'node:net'
import type { AddressInfo } from 'node:net'

/** A server that listens on a free port of 127.0.0.1. */
export interface Behind {
  readonly port: number
  close(): Promise<void>
}

/** What the application saw of a request. It answers with the same as JSON. */
export interface Seen {
  readonly method: string | undefined
  readonly url: string | undefined
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** The application behind a gateway. It admits everything, and keeps what it saw. */
export interface App extends Behind {
  readonly seen: readonly Seen[]
}

export async function startApp(): Promise<App> {
  const seen: Seen[] = []
  const handle: RequestListener = (request, response) => {
    let body = ''
    request.setEncoding('utf8')
    request.on('data', (chunk: string) => (body += chunk))
    request.on('end', () => {
      const { method, url, headers } = request
      seen.push({ method, url, headers, body })
      response.setHeader('Content-Type', 'application/json')
      response.end(JSON.stringify({ method, url, headers, body }))
    })
  }
  return { ...(await listen(createServer(handle))), seen }
}

/** Answers each check as the service does whose code has a fault. */
export function startFailure(): Promise<Behind> {
  const handle: RequestListener = (_request, response) => {
    response.writeHead(500, { 'Content-Type': 'application/problem+json' }).end('{"type":"about:blank","status":500}')
  }
  return listen(createServer(handle))
}

/** Accepts connections, and never answers. */
export async function startSilence(): Promise<Behind> {
  const sockets = new Set<Socket>()
  const server = createTcpServer((socket) => {
    sockets.add(socket.on('error', () => undefined))
  })
  const { port, close } = await listen(server)
  return {
    port,
    close() {
      for (const socket of sockets) socket.destroy()
      return close()
    },
  }
}

async function listen(server: Server | ReturnType<typeof createTcpServer>): Promise<Behind> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve())
      if ('closeAllConnections' in server) server.closeAllConnections()
    })
  return { port, close }
}
