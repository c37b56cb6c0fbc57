// A service of recorded answers, to draw the console while nothing real runs: `node --conditions=source packages/server/test/console/recorded.ts 8090`.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { consoleRoutes } from '../../src/console/routes.ts'
import type { Exchange, Route } from '../../src/http/route.ts'
import { answers, type Recorded } from './recorded-answers.ts'
import { sampleAt } from './recorded-samples.ts'

/** Starts it. @param options what is out of the ordinary */
export async function recordedService(options: Recorded = {}, port = 0): Promise<{ readonly url: string; close(): Promise<void> }> {
  const pages = consoleRoutes()
  const server = createServer((incoming, response) => {
    const url = new URL(incoming.url ?? '/', 'http://service')
    if (url.pathname === '/admin/v1/live') return live(response, options)
    if (url.pathname.startsWith('/admin/v1/')) return void admin(incoming, url, response, options)
    void file(pages, incoming, url, response)
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => closed(server) }
}

async function file(pages: readonly Route[], incoming: IncomingMessage, url: URL, response: ServerResponse): Promise<void> {
  const route = pages.find(({ path }) => path === url.pathname)
  if (route === undefined) return void response.writeHead(404).end()
  const { status, headers = [], body } = await route.handle({ incoming, url, params: {} } as Exchange)
  for (const [name, value] of headers) response.setHeader(name, value)
  response.writeHead(status).end(body)
}

async function admin(incoming: IncomingMessage, url: URL, response: ServerResponse, options: Recorded): Promise<void> {
  const path = url.pathname.slice('/admin/v1/'.length)
  const body = await text(incoming)
  const { status, value } = answers(options, incoming, `${incoming.method} ${path}`, url.searchParams, body === '' ? {} : JSON.parse(body))
  const type = status < 400 ? 'application/json' : 'application/problem+json'
  response.writeHead(status, { 'content-type': type }).end(JSON.stringify(value))
}

function live(response: ServerResponse, options: Recorded): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  const send = (event: string, value: unknown): void => void response.write(`event: ${event}\ndata: ${JSON.stringify(value)}\n\n`)
  send('overview', answers(options, undefined, 'GET overview', new URLSearchParams(), {}).value)
  const sample = (): void => send('sample', sampleAt(Math.floor(Date.now() / 1000) * 1000, options.store))
  sample()
  const timer = setInterval(sample, 1000)
  response.on('close', () => clearInterval(timer))
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}

if (import.meta.main) console.log((await recordedService({}, Number(process.argv[2] ?? 8090))).url)
