import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'

/** A request that a server got. */
export interface Asked {
  readonly path: string
  readonly headers: IncomingMessage['headers']
}

/** A server of Node on 127.0.0.1, whose answers a test changes while it runs. */
export class TestServer {
  answer: (request: IncomingMessage, response: ServerResponse) => void = (_, response) => void response.writeHead(500).end()
  readonly asked: Asked[] = []
  /** Responses that are open: streams of events. */
  readonly streams = new Set<ServerResponse>()
  private server: Server | undefined
  private port = 0

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  /** Again on the same port after `stop`. */
  async start(): Promise<void> {
    if (this.server !== undefined) return
    const server = createServer((request, response) => {
      this.asked.push({ path: request.url ?? '', headers: request.headers })
      this.answer(request, response)
    })
    this.server = server
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(this.port, '127.0.0.1', resolve)
    })
    this.port = (server.address() as AddressInfo).port
  }

  /** Closes all connections, as a network does. */
  cut(): void {
    this.server?.closeAllConnections()
  }

  async stop(): Promise<void> {
    const { server } = this
    this.server = undefined
    this.streams.clear()
    server?.closeAllConnections()
    await new Promise<void>((resolve) => (server === undefined ? resolve() : server.close(() => resolve())))
  }
}

export async function testServer(): Promise<TestServer> {
  const server = new TestServer()
  await server.start()
  onTestFinished(() => server.stop())
  return server
}
