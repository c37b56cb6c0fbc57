import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import {
  All,
  type CanActivate,
  Catch,
  Controller,
  type ExecutionContext,
  HttpException,
  type INestApplication,
  Module,
  NotFoundException,
  Req,
  RequestMapping,
  RequestMethod,
  Res,
  StreamableFile,
  type Type,
  UseGuards,
} from '@nestjs/common'
import { APP_GUARD, BaseExceptionFilter, HttpAdapterHost, NestFactory } from '@nestjs/core'
import { ExpressAdapter } from '@nestjs/platform-express'
import { FastifyAdapter } from '@nestjs/platform-fastify'
import type { Answer, AppSpec, HttpAdapter, Mount, ContextReader, Route } from '@sluice/testing'
import { type NestRateLimit, rateLimit, RateLimitFilter, RateLimitGuard, RateLimitModule, requestOf } from '../src/index.ts'

type Platform = 'express' | 'fastify'

const read: ContextReader = {
  method: (context: ExecutionContext) => requestOf(context).method,
  path: (context: ExecutionContext) => requestOf(context).url.split('?')[0],
  header: (context: ExecutionContext, name) => requestOf(context).headers[name],
  decision: (context: ExecutionContext) => requestOf(context).rateLimit,
  responseHeader: (response, name) => response.getHeader(name),
  reply: (context: ExecutionContext, status, text) => context.switchToHttp().getResponse().status(status).send(text),
}

/** How httpConformance() drives Nest: the first limiter of the app is the module's, the others are rateLimit() guards. */
export function nestAdapter(platform: Platform): HttpAdapter {
  return {
    read,
    unsupported: platform === 'express' ? ['HTTP/2'] : [],
    async serve(spec) {
      const app = await appOf(platform, spec)
      await app.listen(0, '127.0.0.1')
      const server = app.getHttpServer()
      const close = async () => {
        server.closeAllConnections?.()
        await app.close()
      }
      return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close }
    },
  }
}

function fastifyAdapter({ trust, http2 }: AppSpec): FastifyAdapter {
  const trustProxy = trust === 'anyone' ? true : trust && '127.0.0.1'
  return http2 ? new FastifyAdapter({ trustProxy, http2: true }) : new FastifyAdapter({ trustProxy })
}

async function appOf(platform: Platform, spec: AppSpec): Promise<INestApplication> {
  const [first, ...others] = spec.use
  const made = new Map<Mount, NestRateLimit>()
  const guardOf = (mount: Mount): CanActivate | Type<CanActivate> => {
    if (mount === first) return RateLimitGuard
    const guard = made.get(mount) ?? rateLimit(mount)
    made.set(mount, guard)
    spec.onLimiter(mount, guard.limiter)
    return guard
  }
  @Module({
    imports: first === undefined ? [] : [RateLimitModule.forRoot(first)],
    controllers: [...routesOf(spec).map((route) => controllerOf(route, (route.use ?? []).map(guardOf))), Unknown],
    providers: [
      ...(first === undefined ? [] : [{ provide: APP_GUARD, useClass: RateLimitGuard }]),
      ...others.map((mount) =>
        mount === first ? { provide: APP_GUARD, useClass: RateLimitGuard } : { provide: APP_GUARD, useValue: guardOf(mount) },
      ),
    ],
  })
  class App {}
  const adapter = platform === 'express' ? new ExpressAdapter() : fastifyAdapter(spec)
  const app = await NestFactory.create(App, adapter as ExpressAdapter, { logger: false, bodyParser: spec.parse })
  if (platform === 'express')
    app
      .getHttpAdapter()
      .getInstance()
      .set('trust proxy', spec.trust === 'anyone' ? true : spec.trust && 1)
  const { early, before } = spec
  if (before !== undefined) {
    app.use((_req: unknown, res: import('node:http').ServerResponse, next: () => void) => {
      for (const [name, value] of Object.entries(before)) res.setHeader(name, value)
      next()
    })
  }
  if (early !== undefined) {
    app.use((_req: unknown, res: import('node:http').ServerResponse, next: () => void) => {
      res.write('early')
      next()
      void early().then(() => res.end())
    })
  }
  app.useGlobalFilters(new Failed(spec.onError, app.get(HttpAdapterHost).httpAdapter), new RateLimitFilter())
  return app
}

/** Drops a second handler of one route: the first answers, and Fastify refuses a second. */
function routesOf({ routes }: AppSpec): readonly Route[] {
  const same = (a: Route) => (b: Route) => a.under === b.under && a.path === b.path && (a.method ?? 'GET') === (b.method ?? 'GET')
  return routes.filter((route, i) => routes.findIndex(same(route)) === i)
}

function controllerOf(route: Route, guards: readonly (CanActivate | Type<CanActivate>)[]): Type {
  class Routed {
    private readonly host: HttpAdapterHost
    constructor(host: HttpAdapterHost) {
      this.host = host
    }
    async answer(req: { rateLimit?: never }, res: never): Promise<void> {
      await apply(await route.answer({ decision: req.rateLimit }), res, this.host.httpAdapter)
    }
  }
  Reflect.defineMetadata('design:paramtypes', [HttpAdapterHost], Routed)
  const descriptor = Object.getOwnPropertyDescriptor(Routed.prototype, 'answer')!
  const method = RequestMethod[(route.method ?? 'GET') as 'GET']
  Req()(Routed.prototype, 'answer', 0)
  Res()(Routed.prototype, 'answer', 1)
  RequestMapping({ path: route.path, method })(Routed.prototype, 'answer', descriptor)
  if (guards.length > 0) UseGuards(...guards)(Routed.prototype, 'answer', descriptor)
  Controller(route.under ?? '')(Routed)
  return Routed
}

// Nest runs no guard where no route matches, so this controller matches everything, as in docs/nestjs.md.
class Unknown {
  missing(): never {
    throw new NotFoundException()
  }
}
All('*')(Unknown.prototype, 'missing', Object.getOwnPropertyDescriptor(Unknown.prototype, 'missing')!)
Controller()(Unknown)

/** Reports every error that reaches Nest's own filter, which then answers. */
class Failed extends BaseExceptionFilter {
  private readonly failed: (error: unknown) => void
  constructor(failed: (error: unknown) => void, adapter: HttpAdapterHost['httpAdapter']) {
    super(adapter)
    this.failed = failed
  }
  override catch(error: unknown, host: import('@nestjs/common').ArgumentsHost): void {
    if (!(error instanceof NotFoundException)) this.failed(error)
    const status = (error as { status?: unknown }).status
    super.catch(error instanceof HttpException || typeof status !== 'number' ? error : new HttpException(String(error), status), host)
  }
}
Catch()(Failed)

async function apply(
  { status = 200, headers = {}, json, stream, raw }: Answer,
  res: any,
  adapter: HttpAdapterHost['httpAdapter'],
): Promise<void> {
  if (raw !== undefined) {
    const node = res.raw ?? res
    node.writeHead(status, headers)
    node.end(raw)
    return
  }
  for (const [name, value] of Object.entries(headers)) res.header(name, value)
  if (stream !== undefined) await adapter.reply(res, new StreamableFile(Readable.from(stream)), status)
  // Nest sends null as an empty body.
  else if (json === null) res.header('content-type', 'application/json').send('null')
  else if (json !== undefined) await adapter.reply(res, json, status)
}
