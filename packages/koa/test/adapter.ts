import { once } from 'node:events'
import { createServer } from 'node:http'
import { createServer as createHttp2Server } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { bodyParser } from '@koa/bodyparser'
import { Router } from '@koa/router'
import type { Answer, AppSpec, HttpAdapter, Mount, ContextReader, Route } from '@sluice/testing'
import type Koa from 'koa'
import { type KoaContext, type KoaRateLimit, rateLimit } from '../src/index.ts'

const read: ContextReader = {
  method: (ctx: KoaContext) => ctx.method,
  path: (ctx: KoaContext) => ctx.path,
  header: (ctx: KoaContext, name) => ctx.get(name) || undefined,
  decision: (ctx: KoaContext) => ctx.state.rateLimit,
  responseHeader: (response: Koa.Response, name) => response.get(name) || undefined,
  reply(_ctx: KoaContext, status, text, response: Koa.Response) {
    response.status = status
    response.body = text
  },
}

/** How httpConformance() drives Koa, 2 or 3. */
export function koaAdapter(koa: typeof Koa): HttpAdapter {
  return {
    read,
    async serve(spec) {
      const app = appOf(koa, spec)
      const callback = app.callback() as (...args: any[]) => void
      const server = spec.http2 ? createHttp2Server(callback) : createServer(callback)
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      const close = async () => {
        server.close()
        if ('closeAllConnections' in server) server.closeAllConnections()
        await once(server, 'close')
      }
      return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close }
    },
  }
}

function appOf(koa: typeof Koa, spec: AppSpec): Koa {
  const made = new Map<Mount, KoaRateLimit>()
  const limiterOf = (mount: Mount): Koa.Middleware => {
    const handler = made.get(mount) ?? rateLimit(mount)
    made.set(mount, handler)
    spec.onLimiter(mount, handler.limiter)
    return handler
  }
  const app = new koa({ proxy: spec.trust !== false, maxIpsCount: spec.trust === true ? 1 : 0 })
  app.on('error', (error: Error & { readonly code?: string }) => {
    // Koa 3 reports each client that leaves a stream to its error handlers; Koa 2 does not.
    if (error.code !== 'ERR_STREAM_PREMATURE_CLOSE') spec.onError(error)
  })
  if (spec.parse) app.use(bodyParser())
  if (spec.early !== undefined) app.use(early(spec.early))
  const { before } = spec
  if (before !== undefined)
    app.use(async (ctx, next) => {
      ctx.set({ ...before })
      await next()
    })
  for (const mount of spec.use) app.use(limiterOf(mount))
  const router = new Router()
  for (const route of spec.routes) {
    const methods = route.method === undefined ? ['GET', 'HEAD'] : [route.method]
    const inner = route.under === undefined ? router : new Router()
    inner.register(route.path, methods, [...(route.use ?? []).map(limiterOf), handlerOf(route)])
    if (route.under !== undefined) router.use(route.under, inner.routes())
  }
  app.use(router.routes() as Koa.Middleware)
  return app
}

function early(end: () => Promise<void>): Koa.Middleware {
  return async (ctx, next) => {
    ctx.respond = false
    ctx.status = 200
    ctx.res.write('early')
    await next()
    void end().then(() => ctx.res.end())
  }
}

function handlerOf(route: Route): Koa.Middleware {
  return async (ctx) => apply(await route.answer({ decision: ctx.state.rateLimit }), ctx)
}

function apply({ status = 200, headers = {}, json, stream, raw }: Answer, ctx: Koa.Context): void {
  if (raw !== undefined) {
    ctx.respond = false
    ctx.res.writeHead(status, headers)
    ctx.res.end(raw)
    return
  }
  if (stream === undefined && json === undefined) return
  ctx.status = status
  ctx.set({ ...headers })
  // A body of null is Koa's word for none.
  if (stream === undefined) ctx.type = 'json'
  ctx.body = stream === undefined ? (json ?? 'null') : Readable.from(stream)
}
