/// <reference types="node" />
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import type { HangUp } from './adapter.ts'

export interface Ask {
  readonly method?: string | undefined
  readonly path?: string | undefined
  /** In this order, repeated names too. */
  readonly headers?: readonly (readonly [string, string])[] | undefined
  readonly body?: string | undefined
}

/** A response, down to what the suite judges. */
export interface Reply {
  readonly status: number
  /** The lines that are a limiter's business, names in lower case (HTTP/1.1 does not care), in the order of the alphabet; a repeated line twice. */
  readonly lines: readonly string[]
  readonly body: string
}

/** A response whose body is still coming. */
export interface Incoming {
  readonly status: number
  readonly lines: readonly string[]
  /** What has come of the body. */
  text(): string
  ended(): boolean
  /** Hangs up. */
  destroy(): void
}

const OURS = [
  'ratelimit-policy',
  'ratelimit',
  'ratelimit-limit',
  'ratelimit-remaining',
  'ratelimit-reset',
  'x-ratelimit-limit',
  'x-ratelimit-remaining',
  'x-ratelimit-reset',
  'retry-after',
  'access-control-expose-headers',
  'cache-control',
  'www-authenticate',
]

/** Sends one request on a connection of its own. */
export async function send(url: string, ask: Ask = {}): Promise<Reply> {
  const incoming = await open(url, ask).response
  return new Promise((resolve, reject) => {
    let body = ''
    incoming.setEncoding('utf8')
    incoming.on('data', (chunk: string) => (body += chunk))
    incoming.once('error', reject)
    incoming.once('end', () => resolve({ status: incoming.statusCode ?? 0, lines: linesOf(incoming), body }))
  })
}

/** Sends one request, and resolves with the head of its response. */
export async function stream(url: string, ask: Ask = {}, how: HangUp = 'close'): Promise<Incoming> {
  const { response, destroy } = open(url, ask, how)
  const incoming = await response
  let body = ''
  let ended = false
  incoming.setEncoding('utf8')
  incoming.on('data', (chunk: string) => (body += chunk))
  incoming.once('end', () => (ended = true))
  // Hanging up is one.
  incoming.on('error', () => undefined)
  return {
    status: incoming.statusCode ?? 0,
    lines: linesOf(incoming),
    text: () => body,
    ended: () => ended,
    destroy,
  }
}

/** Sends one request; the function returned hangs up, whatever has come. */
export function hang(url: string, ask: Ask = {}, how: HangUp = 'close'): () => void {
  const { response, destroy } = open(url, ask, how)
  response.catch(() => undefined)
  return destroy
}

/** Sends text as it is, and resolves with all that comes until the server closes the connection. */
export function bytes(url: string, text: string): Promise<string> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    let received = ''
    const socket = connect(Number(port), hostname, () => socket.write(text))
    socket.setEncoding('latin1')
    socket.on('data', (chunk: string) => (received += chunk))
    socket.once('error', reject)
    socket.once('end', () => resolve(received))
  })
}

function open(
  url: string,
  { method = 'GET', path = '/', headers = [], body }: Ask,
  how: HangUp = 'close',
): { response: Promise<IncomingMessage>; destroy: () => void } {
  const { hostname, port, host } = new URL(url)
  const own: (readonly [string, string])[] = [
    ['Host', host],
    ['Connection', 'close'],
  ]
  if (body !== undefined) own.push(['Content-Type', 'application/json'], ['Content-Length', String(new TextEncoder().encode(body).length)])
  // A flat list, so that nothing is merged, renamed or added.
  const request = httpRequest({ hostname, port, method, path, agent: false, headers: [...own, ...headers].flat() })
  const response = new Promise<IncomingMessage>((resolve, reject) => {
    request.once('response', resolve)
    request.on('error', reject)
  })
  request.end(body)
  return { response, destroy: () => void (how === 'reset' ? request.socket?.resetAndDestroy() : request.destroy()) }
}

function linesOf({ rawHeaders }: IncomingMessage): readonly string[] {
  const all: [string, string][] = []
  for (let i = 0; i < rawHeaders.length; i += 2) all.push([rawHeaders[i]?.toLowerCase() ?? '', rawHeaders[i + 1] ?? ''])
  // The type of a body is the limiter's business where the limiter answers.
  const refused = all.some(([name, value]) => name === 'cache-control' && value === 'no-store')
  return all
    .filter(([name]) => OURS.includes(name) || (refused && name === 'content-type'))
    .map(([name, value]) => `${name}: ${value}`)
    .toSorted()
}
