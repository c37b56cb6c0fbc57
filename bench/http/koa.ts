import type { AddressInfo } from 'node:net'
import { rateLimit } from '@sluice/koa'
import Koa, { type Middleware } from 'koa'
import koaRatelimit from 'koa-ratelimit'
import { connect } from '../peers.ts'
import { type Backing, BODY, BY_HAND, HOST, LIMIT, type Setup, type Serve, WINDOW, WINDOW_MS } from './setup.ts'

export const serve: Serve = (setup, backing) =>
  new Promise((resolve) => {
    const app = new Koa()
    for (const middleware of inFront(setup, backing)) app.use(middleware)
    app.use((ctx) => {
      ctx.type = 'application/json'
      ctx.body = BODY
    })
    const server = app.listen(0, HOST, () => resolve((server.address() as AddressInfo).port))
  })

function inFront(setup: Setup, { store, url }: Backing): readonly Middleware[] {
  switch (setup) {
    case 'bare':
      return []
    case 'by hand':
      return [
        (ctx, next) => {
          for (const [name, value] of BY_HAND) ctx.set(name, value)
          return next()
        },
      ]
    case 'sluice':
      return [rateLimit({ limit: LIMIT, window: WINDOW, store })]
    case 'sluice as the peer':
      return [rateLimit({ limit: LIMIT, window: WINDOW, store, standard: false })]
    case 'peer':
      return [
        url === undefined
          ? koaRatelimit({ driver: 'memory', db: new Map(), max: LIMIT, duration: WINDOW_MS })
          : koaRatelimit({ driver: 'redis', db: connect(url) as never, max: LIMIT, duration: WINDOW_MS }),
      ]
  }
}
