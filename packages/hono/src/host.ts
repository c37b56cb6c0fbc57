import type { Host } from '@sluice/core'
import type { Context } from 'hono'
import { matchedRoutes } from 'hono/route'

/** What Hono is told about a request, on any runtime. */
export const host: Host<Context> = {
  // Not the raw request, which middleware may replace.
  id: (c) => c,
  method: (c) => c.req.method,
  path: (c) => c.req.path,
  address: addressOf,
  header: (c, name) => c.req.header(name),
  route: routeOf,
  body: bodyOf,
}

/** What the servers of Node, Bun and Deno hand to `app.fetch(request, …)`; some adapters wrap it. */
interface Connection {
  readonly incoming?: { readonly socket?: { readonly remoteAddress?: string } }
  requestIP?(request: Request): { readonly address: string } | null
  readonly remoteAddr?: { readonly hostname?: string }
}

function addressOf(c: Context): string | undefined {
  const request = c.req.raw as Request & { readonly cf?: { readonly clientIp?: string } | undefined }
  // Requests have this property on workerd alone. There, what is in `c.env` are bindings: touching one may call it.
  if ('cf' in request) {
    // Cloudflare overwrites the header, and says nothing in `cf`; a workerd on its own knows its connection, and passes on any header.
    return request.cf === undefined ? undefined : (request.cf.clientIp ?? c.req.header('cf-connecting-ip'))
  }
  const env = c.env as (Connection & { readonly server?: Connection }) | undefined
  const connection = env?.server ?? env
  if (connection?.incoming !== undefined) return connection.incoming.socket?.remoteAddress
  if (typeof connection?.requestIP === 'function') return connection.requestIP(c.req.raw)?.address
  return connection?.remoteAddr?.hostname
}

/** The first route from here on. A wildcard for all methods is middleware, which also sees what is not there. */
function routeOf(c: Context): string | undefined {
  const here = matchedRoutes(c).slice(c.req.routeIndex)
  return here.find(({ method, path }) => method !== 'ALL' || !path.endsWith('*'))?.path
}

/** Hono keeps what it has read, so the handler can read it again. What cannot be parsed has no fields. */
function bodyOf(c: Context): Promise<unknown> | undefined {
  const type = c.req.header('content-type')?.toLowerCase() ?? ''
  const body = type.includes('json') ? c.req.json<unknown>() : type.includes('form') ? c.req.parseBody() : undefined
  return body?.catch(() => undefined)
}
