import { type HttpBindings, serve as listen } from '@hono/node-server'
import { getConnInfo } from '@hono/node-server/conninfo'
import { rateLimit } from '@sluice/hono'
import { Hono, type MiddlewareHandler } from 'hono'
import { RedisStore, rateLimiter } from 'hono-rate-limiter'
import { connect } from '../peers.ts'
import { type Backing, BODY, BY_HAND, HOST, LIMIT, type Setup, type Serve, WINDOW, WINDOW_MS } from './setup.ts'

type App = { Bindings: HttpBindings }

export const serve: Serve = (setup, backing) =>
  new Promise((resolve) => {
    const app = new Hono<App>()
    for (const handler of inFront(setup, backing)) app.use(handler)
    app.get('/', (c) => c.body(BODY, 200, { 'content-type': 'application/json' }))
    listen({ fetch: app.fetch, port: 0, hostname: HOST }, ({ port }) => resolve(port))
  })

function inFront(setup: Setup, { store, url }: Backing): readonly MiddlewareHandler<App>[] {
  switch (setup) {
    case 'bare':
      return []
    case 'by hand':
      return [
        async (c, next) => {
          await next()
          for (const [name, value] of BY_HAND) c.res.headers.set(name, value)
        },
      ]
    case 'sluice':
      return [rateLimit({ limit: LIMIT, window: WINDOW, store })]
    case 'sluice as the peer':
      return [rateLimit({ limit: LIMIT, window: WINDOW, store, standard: 'draft-6', legacy: false })]
    case 'peer':
      return [
        rateLimiter<App>({
          limit: LIMIT,
          windowMs: WINDOW_MS,
          keyGenerator: (c) => getConnInfo(c).remote.address ?? '',
          ...(url === undefined ? {} : { store: new RedisStore({ client: fourCommands(url) }) }),
        }),
      ]
  }
}

/** The four commands that the store of the peer calls, on ioredis. */
function fourCommands(url: string): ConstructorParameters<typeof RedisStore>[0]['client'] {
  const client = connect(url)
  return {
    scriptLoad: (script) => client.script('LOAD', script) as Promise<string>,
    evalsha: (sha, keys, args) => client.evalsha(sha, keys.length, ...keys, ...(args as unknown as string[])) as Promise<never>,
    decr: (key) => client.decr(key),
    del: (key) => client.del(key),
  }
}
