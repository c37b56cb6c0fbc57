import { connectionAddress, dropConnection, type Host, platformAddress } from '@sluice/core/adapter-kit'
import type { Context } from 'hono'

/** How core reads a request of Hono, on any runtime. */
export const host: Host<Context> = {
  // The context, because middleware may replace the raw request.
  id: (c) => c,
  method: (c) => c.req.method,
  target: (c) => c.req.url,
  address: addressOf,
  addressHint: () => HINT,
  platformAddress: (c) => platformAddress(c.req.raw),
  header: (c, name) => c.req.header(name),
  route: routeOf,
  body: bodyOf,
  drop: (c) => dropConnection(c.req.raw, connectionOf(c)),
}

const HINT =
  "pass on what the server passed after the request, as in app.fetch(request, server); in a test, app.request(path, {}, { incoming: { socket: { remoteAddress: '127.0.0.1' } } }); on a platform that sends the address in a header, use ip(read); otherwise limit by another key"

function addressOf(c: Context): string | undefined {
  return connectionAddress(c.req.raw, connectionOf(c))
}

/** The servers of Node, Bun and Deno pass the connection to `app.fetch(request, …)`. Some adapters wrap it in `server`. */
export function connectionOf(c: Context): unknown {
  const env = c.env as { readonly server?: unknown } | undefined
  return env?.server ?? env
}

/** The pattern of the next route; `*` if none matches. A wildcard for all methods is skipped: it is middleware, which also runs if no route matches. */
function routeOf(c: Context): string {
  // 'hono/route' would not recognise the contexts of Hono's CommonJS build, which `require` loads.
  const here = c.req.matchedRoutes.slice(c.req.routeIndex)
  return here.find(({ method, path }) => method !== 'ALL' || !path.endsWith('*'))?.path ?? '*'
}

/** Hono keeps the body that it has read, so the handler can read it again. A body that cannot be parsed has no fields. */
function bodyOf(c: Context): Promise<unknown> | undefined {
  const type = c.req.header('content-type')?.toLowerCase() ?? ''
  return type.includes('json') ? parsed(() => c.req.json()) : type.includes('form') ? parsed(() => c.req.parseBody()) : undefined
}

/** `read` may throw at once: Node's server makes the `Request` here, and some URLs that a client can send make none. */
async function parsed(read: () => Promise<unknown>): Promise<unknown> {
  try {
    return await read()
  } catch {
    return undefined
  }
}
