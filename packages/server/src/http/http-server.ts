import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Address } from '../options.ts'
import { problem, problemOf } from './answers.ts'
import type { Answer, Route } from './route.ts'
import { Router } from './router.ts'

/** A server that listens. */
export interface Listening {
  /** Such as `http://127.0.0.1:8080`. */
  readonly url: string
  close(): Promise<void>
}

/** Serves routes over HTTP. @param report gets errors that are no mistake of the caller */
export async function listenHttp({ host, port }: Address, routes: readonly Route[], report: (error: unknown) => void): Promise<Listening> {
  const router = new Router(routes)
  const server = createServer((incoming, response) => {
    answerTo(router, incoming).then(
      (answer) => send(response, answer),
      (error: unknown) => {
        const answer = problemOf(error)
        if (answer.status === 500) report(error)
        send(response, answer)
      },
    )
  })
  await listening(server, host, port)
  const at = server.address() as AddressInfo
  const name = at.family === 'IPv6' ? `[${at.address}]` : at.address
  return { url: `http://${name}:${at.port}`, close: () => closed(server) }
}

async function answerTo(router: Router, incoming: IncomingMessage): Promise<Answer> {
  const target = incoming.url ?? '/'
  // `//host/path` would otherwise be a URL of another host.
  const url = target.startsWith('/') && URL.canParse(`http://service${target}`) ? new URL(`http://service${target}`) : undefined
  return url === undefined ? problem(400, 'Expected a path.') : await router.answer({ incoming, url })
}

function send(response: ServerResponse, { status, headers = [], body }: Answer): void {
  if (response.destroyed || response.headersSent) return
  for (const [name, value] of headers) response.setHeader(name, value)
  response.writeHead(status).end(response.req.method === 'HEAD' ? undefined : body)
}

function listening(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeIdleConnections()
  })
}
