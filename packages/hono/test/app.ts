// How httpConformance() drives Hono. It runs on every runtime, so it must not import from node:.
import type { Answer, AppSpec, Feature, Mount, ContextReader, Route } from '@sluice/testing/http'
import { type Context, Hono, type MiddlewareHandler } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { type HonoOptions, type HonoRateLimit, rateLimit } from '../src/index.ts'

export const read: ContextReader = {
  method: (c: Context) => c.req.method,
  path: (c: Context) => c.req.path,
  header: (c: Context, name) => c.req.header(name),
  decision: (c: Context) => c.get('rateLimit'),
  responseHeader: (response: Response, name) => response.headers.get(name) ?? undefined,
  reply: (c: Context, status, text) => c.text(text, status as 429),
}

/** Hono has no setting that trusts a proxy, and a `Response` has no head that can be written early. */
export const unsupported: readonly Feature[] = ['framework proxy trust', 'early response head', 'HTTP/2', 'dropped connections']

export function appOf(spec: AppSpec, framework: typeof Hono = Hono): Hono {
  const made = new Map<Mount, HonoRateLimit>()
  const limiterOf = (mount: Mount): MiddlewareHandler => {
    const handler = made.get(mount) ?? rateLimit(mount as HonoOptions)
    made.set(mount, handler)
    spec.onLimiter(mount, handler.limiter)
    return handler
  }
  const app = new framework()
  const { before } = spec
  if (before !== undefined)
    app.use(async (c, next) => {
      // As hono/cors does it.
      for (const [name, value] of Object.entries(before)) c.res.headers.set(name, value)
      await next()
    })
  for (const mount of spec.use) app.use(limiterOf(mount))
  for (const route of spec.routes) {
    const router = route.under === undefined ? app : new framework()
    router.on(route.method ?? 'GET', [route.path], ...(route.use ?? []).map(limiterOf), handlerOf(route))
    if (route.under !== undefined) app.route(route.under, router)
  }
  // As Hono's default, which also prints the error.
  app.onError((error, c) => {
    spec.onError(error)
    if (!(error instanceof HTTPException)) return c.text('Internal Server Error', 500)
    const response = error.getResponse()
    return c.newResponse(response.body, response)
  })
  return app
}

// Synchronous if the answer is.
function handlerOf(route: Route): (c: Context) => Response | Promise<Response> {
  return (c) => {
    const answer = asHono(() => route.answer({ decision: c.get('rateLimit') }))
    return answer instanceof Promise ? answer.then((later) => apply(later, c), thrown) : apply(answer, c)
  }
}

function asHono<T>(run: () => T): T {
  try {
    return run()
  } catch (error) {
    return thrown(error)
  }
}

function thrown(error: unknown): never {
  const { status, message } = error as Error & { readonly status?: 418 }
  throw status === undefined ? error : new HTTPException(status, { message })
}

function apply({ status = 200, headers = {}, json, stream, raw }: Answer, c: Context): Response {
  if (raw !== undefined) return new Response(raw, { status, headers })
  if (stream !== undefined) return c.body(streamOf(stream), status as 200, headers)
  return c.json(json, status as 200, headers)
}

function streamOf(parts: AsyncIterable<string>): ReadableStream<Uint8Array> {
  const source = parts[Symbol.asyncIterator]()
  const encoder = new TextEncoder()
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await source.next()
      if (done === true) controller.close()
      else controller.enqueue(encoder.encode(value))
    },
  })
}
