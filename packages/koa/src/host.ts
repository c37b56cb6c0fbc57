import { dropNodeRequest, expressHost, type Host, nodeHeader, type NodeSocket } from '@sluice/core/adapter-kit'
import type Koa from 'koa'

/** Koa's context, as option functions get it, with the application's own types of state and context. */
export type KoaContext<State = Koa.DefaultState, Context = Koa.DefaultContext> = Koa.ParameterizedContext<State, Context>

/** How core reads Koa's context. Its `address` is Koa's own, by the settings `proxy`, `maxIpsCount` and `proxyIpHeader`. */
export const host: Host<KoaContext> = {
  id: (ctx) => ctx.req,
  method: (ctx) => ctx.req.method as string,
  target: (ctx) => ctx.originalUrl,
  // Koa returns '' where there is no address.
  address: (ctx) => ctx.ip || undefined,
  addressHint: (ctx) => expressHost.addressHint(ctx.req),
  socketAddress: ({ req }) => (req as { readonly socket?: NodeSocket }).socket?.remoteAddress,
  trust({ app: { proxy, maxIpsCount, proxyIpHeader } }) {
    if (!proxy) return 'none'
    // Without a count, Koa takes the leftmost entry of X-Forwarded-For, which the client chooses, since proxies append.
    return maxIpsCount > 0 || proxyIpHeader.toLowerCase() !== 'x-forwarded-for' ? 'some' : 'anyone'
  },
  header: (ctx, name) => nodeHeader(ctx.req.headers, name),
  route,
  body: (ctx) => (ctx.request as { readonly body?: unknown }).body,
  drop: (ctx) => dropNodeRequest(ctx.req),
  unparsedHint: () => 'add the parser before the limiter, such as app.use(bodyParser()) of @koa/bodyparser',
}

/**
 * The pattern that @koa/router set on the context: of the running route, else of the last match. A layer of `router.use` is no route.
 * `undefined` before a router has run.
 */
function route(ctx: KoaContext): string | undefined {
  const layers = ctx['matched'] as readonly { readonly methods: readonly string[]; readonly path: unknown }[] | undefined
  if (layers === undefined) return undefined
  const routes = layers.filter(({ methods }) => methods.includes(ctx.method))
  const found = routes.find(({ path }) => path === ctx['_matchedRoute']) ?? routes.at(-1)
  return found === undefined ? '*' : String(found.path)
}
