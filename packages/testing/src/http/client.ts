/// <reference types="node" />
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import type { AbortBy } from './adapter.ts'

/** One request of a case. */
export interface RequestSpec {
  /** Default `GET`. */
  readonly method?: string | undefined
  /** Default `/`. */
  readonly path?: string | undefined
  /** Sent in this order; a name may be repeated. */
  readonly headers?: readonly (readonly [string, string])[] | undefined
  /** JSON text, unless `headers` has another `Content-Type`. */
  readonly body?: string | undefined
}

/** The parts of a response that the suite asserts. */
export interface Reply {
  readonly status: number
  /** The header lines that a limiter may write: lower-case names, sorted. A line that was sent twice is in the list twice. */
  readonly lines: readonly string[]
  readonly body: string
}

/** A response whose body is still coming. */
export interface OpenResponse {
  readonly status: number
  readonly lines: readonly string[]
  /** The part of the body received so far. */
  text(): string
  ended(): boolean
  /** Aborts the connection. */
  abort(): void
}

/** The header fields that a limiter may write. */
const LIMITER_FIELDS = [
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

/** Sends one request on a new connection. */
export async function send(url: string, request: RequestSpec = {}): Promise<Reply> {
  const incoming = await open(url, request).response
  return new Promise((resolve, reject) => {
    let body = ''
    incoming.setEncoding('utf8')
    incoming.on('data', (chunk: string) => (body += chunk))
    incoming.once('error', reject)
    incoming.once('end', () => resolve({ status: incoming.statusCode ?? 0, lines: linesOf(headersOf(incoming)), body }))
  })
}

/** Sends one request, and resolves with the head of its response. The body is still coming. */
export async function stream(url: string, request: RequestSpec = {}, abortBy: AbortBy = 'close'): Promise<OpenResponse> {
  const { response, abort } = open(url, request, abortBy)
  const incoming = await response
  let body = ''
  let ended = false
  incoming.setEncoding('utf8')
  incoming.on('data', (chunk: string) => (body += chunk))
  incoming.once('end', () => (ended = true))
  // An abort is reported as an error.
  incoming.on('error', () => undefined)
  return {
    status: incoming.statusCode ?? 0,
    lines: linesOf(headersOf(incoming)),
    text: () => body,
    ended: () => ended,
    abort,
  }
}

/** Sends one request without waiting. The returned function aborts the connection. */
export function sendAbortable(url: string, request: RequestSpec = {}, abortBy: AbortBy = 'close'): () => void {
  const { response, abort } = open(url, request, abortBy)
  response.catch(() => undefined)
  return abort
}

/** Sends text as raw bytes. Resolves with all that the server sends until it closes the connection. */
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

/** Sends text as raw bytes without waiting. The returned function aborts the connection. */
export function bytesAbortable(url: string, text: string, abortBy: AbortBy): () => void {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname, () => socket.write(text))
  socket.on('error', () => undefined)
  return () => void (abortBy === 'reset' ? socket.resetAndDestroy() : socket.destroy())
}

function open(
  url: string,
  { method = 'GET', path = '/', headers = [], body }: RequestSpec,
  abortBy: AbortBy = 'close',
): { response: Promise<IncomingMessage>; abort: () => void } {
  const { hostname, port, host } = new URL(url)
  const own: (readonly [string, string])[] = [
    ['Host', host],
    ['Connection', 'close'],
  ]
  if (body !== undefined) own.push(['Content-Length', String(new TextEncoder().encode(body).length)])
  if (body !== undefined && !headers.some(([name]) => name === 'Content-Type')) own.push(['Content-Type', 'application/json'])
  // As a flat list, Node sends the headers unchanged: nothing is merged, renamed or added.
  const request = httpRequest({ hostname, port, method, path, agent: false, headers: [...own, ...headers].flat() })
  const response = new Promise<IncomingMessage>((resolve, reject) => {
    request.once('response', resolve)
    request.on('error', reject)
  })
  request.end(body)
  return { response, abort: () => void (abortBy === 'reset' ? request.socket?.resetAndDestroy() : request.destroy()) }
}

function headersOf({ rawHeaders }: IncomingMessage): readonly (readonly [string, string])[] {
  const all: [string, string][] = []
  for (let i = 0; i < rawHeaders.length; i += 2) all.push([rawHeaders[i]?.toLowerCase() ?? '', rawHeaders[i + 1] ?? ''])
  return all
}

/** The lines that the suite asserts. Names are in lower case. */
export function linesOf(all: readonly (readonly [string, string])[]): readonly string[] {
  // The limiter writes `content-type` only where it sends the body itself.
  const refused = all.some(([name, value]) => name === 'cache-control' && value === 'no-store')
  return all
    .filter(([name]) => LIMITER_FIELDS.includes(name) || (refused && name === 'content-type'))
    .map(([name, value]) => `${name}: ${value}`)
    .toSorted()
}
