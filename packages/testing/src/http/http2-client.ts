/// <reference types="node" />
import { type ClientHttp2Stream, connect, constants, type IncomingHttpHeaders } from 'node:http2'
import { linesOf, type OpenResponse, type Reply, type RequestSpec } from './client.ts'

// The client of cases that run over HTTP/2, without TLS. A request body is not sent: no case needs one.

/** Sends one request on a new connection. */
export async function send(url: string, request: RequestSpec = {}): Promise<Reply> {
  const response = await stream(url, request)
  await new Promise<void>((resolve) => response.whenClosed(resolve))
  return { status: response.status, lines: response.lines, body: response.text() }
}

/** Sends one request, and resolves with the head of its response. The body is still coming. */
export async function stream(url: string, request: RequestSpec = {}): Promise<OpenResponse & { whenClosed(run: () => void): void }> {
  const { sent, abort } = open(url, request)
  const head = await new Promise<IncomingHttpHeaders>((resolve, reject) => {
    sent.once('response', resolve)
    sent.once('error', reject)
    // A server that cancels a stream causes no error.
    sent.once('close', () => reject(new Error('the stream was closed without a response')))
  })
  let body = ''
  let ended = false
  sent.setEncoding('utf8')
  sent.on('data', (chunk: string) => (body += chunk))
  sent.once('end', () => (ended = true))
  return {
    status: Number(head[':status']),
    lines: linesOf(Object.entries(head).flatMap(([name, value]) => [value ?? []].flat().map((each) => [name, each] as const))),
    text: () => body,
    ended: () => ended,
    abort,
    whenClosed: (run) => void (sent.closed ? run() : sent.once('close', run)),
  }
}

/** Sends one request without waiting. The returned function cancels it. */
export function sendAbortable(url: string, request: RequestSpec = {}): () => void {
  return open(url, request).abort
}

function open(
  url: string,
  { method = 'GET', path = '/', headers = [] }: RequestSpec,
): { readonly sent: ClientHttp2Stream; readonly abort: () => void } {
  const session = connect(url)
  session.on('error', () => undefined)
  const sent = session.request({ ':method': method, ':path': path, ...Object.fromEntries(headers) })
  // A cancelled stream is reported as an error.
  sent.on('error', () => undefined)
  sent.once('close', () => session.close())
  return { sent, abort: () => sent.close(constants.NGHTTP2_CANCEL) }
}
