import { connectionAddress, type Host } from '@sluice/core'
import type { Context } from 'hono'

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

/** By what the servers of Node, Bun and Deno hand to `app.fetch(request, …)`; some adapters wrap it. */
function addressOf(c: Context): string | undefined {
  const env = c.env as { readonly server?: unknown } | undefined
  return connectionAddress(c.req.raw, env?.server ?? env)
}

/** The first route from here on. A wildcard for all methods is middleware, which also sees what is not there. */
function routeOf(c: Context): string | undefined {
  // Not by 'hono/route': under `require` the app is of Hono's other build, which that one does not know.
  const here = c.req.matchedRoutes.slice(c.req.routeIndex)
  return here.find(({ method, path }) => method !== 'ALL' || !path.endsWith('*'))?.path
}

/** Hono keeps what it has read, so the handler can read it again. What cannot be parsed has no fields. */
function bodyOf(c: Context): Promise<unknown> | undefined {
  const type = c.req.header('content-type')?.toLowerCase() ?? ''
  const body = type.includes('json') ? c.req.json<unknown>() : type.includes('form') ? c.req.parseBody() : undefined
  return body?.catch(() => undefined)
}
