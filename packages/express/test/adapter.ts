import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Answer, AppSpec, HttpAdapter, Mount, ContextReader, Route } from '@sluice/testing'
import type expressModule from 'express'
import type { ErrorRequestHandler, NextFunction, Request, RequestHandler, Response } from 'express'
import { type ExpressRateLimit, rateLimit } from '../src/index.ts'

const read: ContextReader = {
  method: (req: Request) => req.method,
  path: (req: Request) => req.path,
  header: (req: Request, name) => req.get(name),
  decision: (req: Request) => req.rateLimit,
  responseHeader: (res: Response, name) => res.get(name),
  reply: (_req: Request, status, text, res: Response) => res.status(status).send(text),
}

/** How httpConformance() drives Express, 4 or 5. */
export function expressAdapter(express: typeof expressModule): HttpAdapter {
  return {
    read,
    // Express replaces the prototype of Node's response by that of HTTP/1.1.
    unsupported: ['HTTP/2'],
    async serve(spec) {
      const server = createServer(appOf(express, spec)).listen(0, '127.0.0.1')
      await once(server, 'listening')
      const close = async () => {
        server.close()
        server.closeAllConnections()
        await once(server, 'close')
      }
      return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close }
    },
  }
}

function appOf(express: typeof expressModule, spec: AppSpec) {
  const made = new Map<Mount, ExpressRateLimit>()
  const limiterOf = (mount: Mount): RequestHandler => {
    const handler = made.get(mount) ?? rateLimit(mount)
    made.set(mount, handler)
    spec.onLimiter(mount, handler.limiter)
    return handler
  }
  const app = express()
  app.set('trust proxy', spec.trust === 'anyone' ? true : spec.trust && 1)
  if (spec.parse) app.use(express.json())
  if (spec.early !== undefined) app.use(early(spec.early))
  const { before } = spec
  if (before !== undefined)
    app.use((_req, res, next) => {
      res.set(before)
      next()
    })
  for (const mount of spec.use) app.use(limiterOf(mount))
  for (const route of spec.routes) {
    const method = (route.method ?? 'GET').toLowerCase() as 'get'
    const router = route.under === undefined ? app : express.Router()
    router[method](route.path, ...(route.use ?? []).map(limiterOf), handlerOf(route))
    if (route.under !== undefined) app.use(route.under, router)
  }
  const failed: ErrorRequestHandler = (error, _req, _res, next) => {
    spec.onError(error)
    next(error)
  }
  app.use(failed)
  return app
}

function early(end: () => Promise<void>): RequestHandler {
  return (_req, res, next) => {
    res.write('early')
    next()
    void end().then(() => res.end())
  }
}

// Express 4 looks at no promise: its applications do this, or have a package do it.
function handlerOf(route: Route): RequestHandler {
  return (req, res, next: NextFunction) => {
    const answer = route.answer({ decision: req.rateLimit })
    if (answer instanceof Promise) answer.then((later) => apply(later, res)).catch(next)
    else void apply(answer, res)
  }
}

async function apply({ status = 200, headers = {}, json, stream, raw }: Answer, res: Response): Promise<void> {
  if (raw !== undefined) {
    res.writeHead(status, headers)
    res.end(raw)
  } else if (stream !== undefined) {
    res.status(status).set(headers)
    for await (const part of stream) res.write(part)
    res.end()
  } else if (json !== undefined) res.status(status).set(headers).json(json)
}
