import { connectionAddress, type Host } from '@sluice/core/adapter-kit'
import type { Context } from 'hono'

/** How core reads a request of Hono, on any runtime. */
export const host: Host<Context> = {
  // The context, because middleware may replace the raw request.
  id: (c) => c,
  method: (c) => c.req.method,
  path: (c) => c.req.path,
  address: addressOf,
  header: (c, name) => c.req.header(name),
  route: routeOf,
  body: bodyOf,
}

/** From what the servers of Node, Bun and Deno pass to `app.fetch(request, …)`; some adapters wrap it in `server`. */
function addressOf(c: Context): string | undefined {
  const env = c.env as { readonly server?: unknown } | undefined
  return connectionAddress(c.req.raw, env?.server ?? env)
}

/** The pattern of the first route from here on. A wildcard for all methods is middleware, which also runs where no route matches. */
function routeOf(c: Context): string | undefined {
  // Without 'hono/route': an app loaded by `require` is of Hono's CommonJS build, whose contexts that module does not recognise.
  const here = c.req.matchedRoutes.slice(c.req.routeIndex)
  return here.find(({ method, path }) => method !== 'ALL' || !path.endsWith('*'))?.path
}

/** Hono keeps the body it has read, so the handler can read it again. A body that cannot be parsed has no fields. */
function bodyOf(c: Context): Promise<unknown> | undefined {
  const type = c.req.header('content-type')?.toLowerCase() ?? ''
  const body = type.includes('json') ? c.req.json<unknown>() : type.includes('form') ? c.req.parseBody() : undefined
  return body?.catch(() => undefined)
}
