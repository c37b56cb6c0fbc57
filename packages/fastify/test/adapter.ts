import type { Answer, AppSpec, HttpAdapter, Mount, ContextReader, Route } from '@sluice/testing'
import fastify, {
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type onRequestHookHandler,
  type RouteShorthandOptions,
} from 'fastify'
import { Readable } from 'node:stream'
import { type FastifyLimitOptions, type FastifyRateLimit, rateLimit } from '../src/index.ts'

const read: ContextReader = {
  method: (request: FastifyRequest) => request.method,
  path: (request: FastifyRequest) => request.url.split('?', 1)[0] as string,
  header: (request: FastifyRequest, name) => request.headers[name] as string | undefined,
  decision: (request: FastifyRequest) => request.rateLimit,
  responseHeader: (reply: FastifyReply, name) => reply.getHeader(name) as string | undefined,
  reply: (_request: FastifyRequest, status, text, reply: FastifyReply) => reply.code(status).send(text),
}

/**
 * How httpConformance() drives Fastify: limiters of the app are registrations; those of a route are hooks, or, where the app has
 * none and the route one, `config.rateLimit`.
 */
export const fastifyAdapter: HttpAdapter = {
  read,
  async serve(spec) {
    const app = await appOf(spec)
    const url = await app.listen({ port: 0, host: '127.0.0.1' })
    return { url, close: () => app.close() }
  },
}

async function appOf(spec: AppSpec): Promise<FastifyInstance> {
  // For a number of hops, Fastify trusts no proxy.
  const trustProxy = spec.trust === 'anyone' ? true : spec.trust && 'loopback'
  const app = spec.http2
    ? (fastify({ trustProxy, http2: true }) as never as FastifyInstance)
    : fastify({ trustProxy, forceCloseConnections: true })
  if (spec.early !== undefined) app.addHook('onRequest', early(spec.early))
  const { before } = spec
  if (before !== undefined) app.addHook('onRequest', async (_request, reply) => void reply.headers(before))
  // Last, so that it sees the errors of all hooks; it answers as Fastify does by default.
  app.setErrorHandler((error, _request, reply) => {
    spec.onError(error)
    return reply.send(error)
  })

  // An empty registration, so that the hooks of routes inherit nothing.
  await app.register(rateLimit, { global: false })
  const made = new Map<Mount, FastifyRateLimit>()
  const hookOf = (mount: Mount): FastifyRateLimit => {
    const hook = made.get(mount) ?? app.rateLimit(mount)
    made.set(mount, hook)
    spec.onLimiter(mount, hook.limiter)
    return hook
  }
  for (const mount of spec.use) {
    if (spec.routes.some(({ use }) => use?.includes(mount))) app.addHook('onRequest', hookOf(mount))
    else await app.register(rateLimit, mount)
  }
  for (const route of spec.routes) {
    const { use = [], method = 'GET', path, under = '' } = route
    // Elsewhere the first route wins; Fastify refuses a second one.
    if (app.hasRoute({ method, url: under + path })) continue
    const [only] = use
    const inConfig = spec.use.length === 0 && use.length === 1 && spec.routes.every((other) => other === route || other.use?.[0] !== only)
    const limits: RouteShorthandOptions =
      inConfig && only !== undefined ? { config: { rateLimit: named(only) } } : { onRequest: use.map(hookOf) }
    await app.register(async (nested) => void nested.route({ method, url: path, ...limits, handler: handlerOf(route) }), { prefix: under })
  }
  return app
}

/** A limiter among a route's options is called after the route; the cases expect core's name. */
function named(mount: Mount): FastifyLimitOptions {
  return mount.limiter === undefined && mount.policies === undefined ? { name: 'default', ...mount } : mount
}

function early(end: () => Promise<void>): onRequestHookHandler {
  return (_request, reply, done) => {
    reply.raw.write('early')
    done()
    void end().then(() => reply.raw.end())
  }
}

function handlerOf(route: Route) {
  // No async function: where there is nothing to answer, the response is left alone.
  return (request: FastifyRequest, reply: FastifyReply): unknown => {
    const answer = route.answer({ decision: request.rateLimit })
    return answer instanceof Promise ? answer.then((later) => apply(later, reply)) : apply(answer, reply)
  }
}

function apply({ status = 200, headers = {}, json, stream, raw }: Answer, reply: FastifyReply): unknown {
  if (raw !== undefined) {
    reply.hijack()
    reply.raw.writeHead(status, headers)
    reply.raw.end(raw)
  } else if (stream !== undefined) return reply.code(status).headers(headers).send(Readable.from(stream))
  else if (json !== undefined) return reply.code(status).headers(headers).send(json)
  return undefined
}
