import { createHash } from 'node:crypto'
import { onTestFinished } from 'vitest'
import { type AdminOptions, type RunningService, serve, type ServeOptions } from '../../src/index.ts'

/** A token that is long enough, and its entry in the configuration. */
export function tokenOf(
  name: string,
  scopes: readonly string[],
  expires?: string,
): { readonly token: string; readonly entry: NonNullable<AdminOptions['tokens']>[number] } {
  const token = `token-of-${name}-${'x'.repeat(40)}`
  const sha256 = createHash('sha256').update(token).digest('hex')
  return { token, entry: { name, sha256, scopes, ...(expires === undefined ? {} : { expires }) } }
}

/** An answer of the admin API. */
export interface AdminAnswer {
  readonly status: number
  readonly headers: Headers
  readonly body: any
}

/** Asks the admin API. */
export type Ask = (method: string, path: string, body?: unknown, token?: string | null) => Promise<AdminAnswer>

/** A service with the admin API, until the test ends. `ask` sends the token of the start, unless another one is given, or `null` for none. */
export async function adminService(
  options: ServeOptions = {},
): Promise<{ readonly service: RunningService; readonly ask: Ask; readonly url: string }> {
  const service = await serve({ http: { port: 0 }, admin: {}, drain: { delay: 0 }, ...options })
  onTestFinished(() => service.close())
  const url = service.http?.url ?? ''
  return { service, url, ask: asking(url, service.adminToken) }
}

export function asking(url: string, own: string | undefined): Ask {
  return async (method, path, body, token = own) => {
    const response = await fetch(path.startsWith('/') ? `${url}${path}` : `${url}/admin/v1/${path}`, {
      method,
      headers: {
        ...(token === undefined || token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    return {
      status: response.status,
      headers: response.headers,
      body: (response.headers.get('content-type') ?? '').includes('json') ? JSON.parse(text) : text,
    }
  }
}

/** The events of a stream, as they come. */
export async function* eventsOf(
  url: string,
  path: string,
  token: string,
  headers: Record<string, string> = {},
): AsyncGenerator<{ readonly event: string; readonly id: string | undefined; readonly data: any }> {
  const end = new AbortController()
  onTestFinished(() => end.abort())
  const response = await fetch(`${url}${path}`, { headers: { authorization: `Bearer ${token}`, ...headers }, signal: end.signal })
  if (response.status !== 200) throw new Error(`the stream answers ${response.status}: ${await response.text()}`)
  let rest = ''
  for await (const chunk of (response.body as ReadableStream<any>).pipeThrough(new TextDecoderStream())) {
    rest += chunk
    for (let end = rest.indexOf('\n\n'); end >= 0; end = rest.indexOf('\n\n')) {
      const lines = rest.slice(0, end).split('\n')
      rest = rest.slice(end + 2)
      const field = (name: string) => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2)
      const event = field('event')
      if (event !== undefined) yield { event, id: field('id'), data: JSON.parse(field('data') ?? 'null') }
    }
  }
}
