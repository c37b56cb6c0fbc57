// A server of each adapter, with limiters before and after the parser of bodies, and the same server without them.
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import { bodyParser } from '@koa/bodyparser'
import { Router } from '@koa/router'
import { All, Controller, Get, Req, type Type, UseGuards } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { ExpressAdapter } from '@nestjs/platform-express'
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify'
import * as core from '@sluice/core'
import { rateLimit as expressLimit } from '@sluice/express'
import { rateLimit as fastifyLimit } from '@sluice/fastify'
import { rateLimit as fetchLimit, type FetchHandler } from '@sluice/fetch'
import { rateLimit as honoLimit } from '@sluice/hono'
import { rateLimit as koaLimit } from '@sluice/koa'
import { rateLimit as nestLimit, RateLimitFilter, requestOf } from '@sluice/nestjs'
import express from 'express'
import express4 from 'express4'
import fastify from 'fastify'
import { Hono } from 'hono'
import Koa from 'koa'

export const SLOTS = 100_000
const QUIET = { warning: () => undefined } as const

/** What happened to the requests of a server, by their ids. */
export class Ledger {
  /** Requests that reached the server's framework. */
  readonly arrived = new Set<string>()
  /** Requests that reached a handler of the app. */
  readonly handled = new Set<string>()
  /** For each limiter, the requests that it decided. */
  readonly decided = new Map<string, Set<string>>()

  readonly slots = core.createLimiter({ name: 'slots', limits: [core.concurrency({ name: 'slots', limit: SLOTS, ttl: '1h' })], on: QUIET })

  /** Options of the limiters, by where they are mounted: before and after the parser of bodies. */
  limiters(idOf: (context: any) => string): { readonly before: readonly Options[]; readonly after: readonly Options[] } {
    const counting = (options: Options): Options => {
      const decided = new Set<string>()
      this.decided.set(options.name ?? 'slots', decided)
      const cost = (context: unknown): number => {
        decided.add(idOf(context))
        return 1
      }
      return options.limiter === undefined ? { cost, on: QUIET, store: core.memoryStore(), ...options } : { cost, ...options }
    }
    const many = 1_000_000_000
    const minute = (name: string, key: core.KeyOf<any>) => core.fixedWindow({ name, limit: many, window: '1m', key })
    return {
      before: [
        { name: 'framework', limit: many },
        { name: 'one-hop', limit: many, trustProxy: 1, ipv6Prefix: 64 },
        { name: 'forwarded', limit: many, trustProxy: ['loopback'], forwardedHeader: 'forwarded', standard: 'draft-7' as const },
      ].map(counting),
      after: [
        {
          name: 'keys',
          limits: [
            minute('route', [core.ip(), core.route()]),
            minute('body', core.body('a.b')),
            minute('proto', core.body('__proto__.b')),
            minute('toString', core.body('a.toString.name')),
            minute('index', core.body('0.0')),
            minute('credentials', [core.header('x-api-key'), core.cookie('session')]),
          ],
          exposeHeaders: true,
        },
        {
          limiter: this.slots,
          key: () => 'all',
          refundWhen: (_: unknown, { status }: { readonly status: number }) => status >= 400,
          settle: () => 1,
        },
        // Refuses: the other limiters never do.
        { name: 'refusing', limit: 1, key: core.header('x-refused'), missing: 'skip' as const },
      ].map(counting),
    }
  }
}
type Options = Omit<core.RateLimitOptions<any, any>, 'handler'>

export interface FuzzedServer {
  readonly port: number
  close(): Promise<unknown>
}

/** Starts a server. Without a ledger, it has no limiters. */
type Start = (ledger: Ledger | undefined) => Promise<FuzzedServer>

const NO_LIMITERS = { before: [], after: [] } as const
const idOf = (request: { readonly headers: IncomingMessage['headers'] }) => String(request.headers['x-fuzz'])

async function served(server: Server, ledger: Ledger | undefined): Promise<FuzzedServer> {
  server.prependListener('request', (request) => void ledger?.arrived.add(idOf(request)))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { port: (server.address() as AddressInfo).port, close: () => closed(server) }
}

async function closed(server: Server): Promise<void> {
  server.close()
  server.closeAllConnections()
  await once(server, 'close')
}

const onExpress =
  (framework: typeof express): Start =>
  (ledger) => {
    const { before, after } = ledger?.limiters(idOf) ?? NO_LIMITERS
    const app = framework()
    // Otherwise Express prints errors.
    app.set('env', 'test')
    app.set('trust proxy', 2)
    for (const options of before) app.use(expressLimit(options))
    app.use(framework.json({ strict: false }), framework.urlencoded({ extended: true }))
    for (const options of after) app.use(expressLimit(options))
    const handler: express.RequestHandler = (request, response) => {
      ledger?.handled.add(idOf(request))
      response.json({ ok: true })
    }
    app.all('/users/:id', handler)
    app.use(handler)
    return served(createServer(app), ledger)
  }

const onKoa: Start = (ledger) => {
  const { before, after } = ledger?.limiters((ctx: Koa.Context) => idOf(ctx.req)) ?? NO_LIMITERS
  const app = new Koa({ proxy: true, maxIpsCount: 2 })
  app.silent = true
  for (const options of before) app.use(koaLimit(options))
  app.use(bodyParser())
  for (const options of after) app.use(koaLimit(options))
  const handler = (ctx: Koa.Context): void => {
    ledger?.handled.add(idOf(ctx.req))
    ctx.body = { ok: true }
  }
  app.use(new Router().all('/users/:id', handler as never).routes() as Koa.Middleware)
  app.use(handler)
  return served(createServer(app.callback() as never), ledger)
}

const onFastify: Start = async (ledger) => {
  const { before, after } = ledger?.limiters(({ raw }: { readonly raw: IncomingMessage }) => idOf(raw)) ?? NO_LIMITERS
  const app = fastify({ trustProxy: true, forceCloseConnections: true })
  for (const options of before) await app.register(fastifyLimit, options)
  for (const options of after) await app.register(fastifyLimit, { ...options, hook: 'preValidation' })
  const handler = ({ raw }: { readonly raw: IncomingMessage }) => {
    ledger?.handled.add(idOf(raw))
    return { ok: true }
  }
  app.all('/users/:id', handler)
  app.all('/*', handler)
  app.server.prependListener('request', (request) => void ledger?.arrived.add(idOf(request)))
  await app.listen({ port: 0, host: '127.0.0.1' })
  return { port: (app.server.address() as AddressInfo).port, close: () => app.close() }
}

const onNest =
  (platform: 'express' | 'fastify'): Start =>
  async (ledger) => {
    const { before, after } = ledger?.limiters((context) => idOf(requestOf(context) as IncomingMessage)) ?? NO_LIMITERS
    class App {
      user(request: IncomingMessage): object {
        ledger?.handled.add(idOf(request))
        return { ok: true }
      }
      other(request: IncomingMessage): object {
        return this.user(request)
      }
    }
    const method = (name: 'user' | 'other') => [App.prototype, name, Object.getOwnPropertyDescriptor(App.prototype, name)!] as const
    for (const name of ['user', 'other'] as const) Req()(App.prototype, name, 0)
    Get('users/:id')(...method('user'))
    All('*')(...method('other'))
    UseGuards(...[...before, ...after].map((options) => nestLimit(options)))(App)
    Controller()(App)
    // oxlint-disable-next-line typescript/no-extraneous-class -- Nest's module
    class Root {}
    const adapter = platform === 'express' ? new ExpressAdapter() : new FastifyAdapter({ trustProxy: true, forceCloseConnections: true })
    const app = await NestFactory.create<NestFastifyApplication>({ module: Root, controllers: [App as Type] }, adapter as FastifyAdapter, {
      logger: false,
    })
    if (platform === 'express') (app.getHttpAdapter().getInstance() as unknown as express.Express).set('trust proxy', 2)
    app.useGlobalFilters(new RateLimitFilter())
    const server: Server = app.getHttpServer()
    server.prependListener('request', (request) => void ledger?.arrived.add(idOf(request)))
    await app.listen(0, '127.0.0.1')
    const close = async () => {
      server.closeAllConnections()
      await app.close()
    }
    return { port: (server.address() as AddressInfo).port, close }
  }

const onHono: Start = (ledger) => {
  const { before, after } = ledger?.limiters((c) => String(c.req.header('x-fuzz'))) ?? NO_LIMITERS
  const app = new Hono()
  for (const options of [...before, ...after]) app.use(honoLimit(options))
  const handler = (c: { readonly req: { header(name: string): string | undefined }; json(value: object): Response }): Response => {
    ledger?.handled.add(String(c.req.header('x-fuzz')))
    return c.json({ ok: true })
  }
  app.all('/users/:id', handler as never)
  app.all('*', handler as never)
  app.onError((_error, c) => c.text('failed', 500))
  return served(createAdaptorServer({ fetch: app.fetch }) as Server, ledger)
}

const onFetch: Start = (ledger) => {
  const { before, after } = ledger?.limiters((request: Request) => String(request.headers.get('x-fuzz'))) ?? NO_LIMITERS
  const handler: FetchHandler = (request) => {
    ledger?.handled.add(String(request.headers.get('x-fuzz')))
    return Response.json({ ok: true })
  }
  const limited = [...before, ...after].reduceRight<FetchHandler>((inner, options) => fetchLimit(inner, options), handler)
  return served(createAdaptorServer({ fetch: limited, overrideGlobalObjects: false }) as Server, ledger)
}

export const SERVERS: readonly (readonly [name: string, start: Start])[] = [
  ['Express 5', onExpress(express)],
  ['Express 4', onExpress(express4)],
  ['Koa', onKoa],
  ['Fastify', onFastify],
  ['Nest on Express', onNest('express')],
  ['Nest on Fastify', onNest('fastify')],
  ['Hono on Node', onHono],
  ['fetch on Node', onFetch],
]
