import type { AddressInfo } from 'node:net'
import { rateLimit } from '@sluice/express'
import express, { type RequestHandler } from 'express'
import { rateLimit as expressRateLimit } from 'express-rate-limit'
import { type RedisReply, RedisStore } from 'rate-limit-redis'
import { connect } from '../peers.ts'
import { type Backing, BODY, BY_HAND, HOST, LIMIT, type Setup, type Serve, WINDOW, WINDOW_MS } from './setup.ts'

export const serve: Serve = (setup, backing) =>
  new Promise((resolve) => {
    const app = express()
    for (const handler of inFront(setup, backing)) app.use(handler)
    app.get('/', (_, res) => void res.type('application/json').send(BODY))
    const server = app.listen(0, HOST, () => resolve((server.address() as AddressInfo).port))
  })

function inFront(setup: Setup, { store, url }: Backing): readonly RequestHandler[] {
  switch (setup) {
    case 'bare':
      return []
    case 'by hand':
      return [
        (_, res, next) => {
          for (const [name, value] of BY_HAND) res.setHeader(name, value)
          next()
        },
      ]
    case 'sluice':
      return [rateLimit({ limit: LIMIT, window: WINDOW, store })]
    case 'sluice as the peer':
      return [rateLimit({ limit: LIMIT, window: WINDOW, store, standard: false })]
    case 'peer': {
      const client = url === undefined ? undefined : connect(url)
      const sendCommand = (command: string, ...args: string[]) => client?.call(command, ...args) as Promise<RedisReply>
      return [
        expressRateLimit({
          limit: LIMIT,
          windowMs: WINDOW_MS,
          ...(client === undefined ? {} : { store: new RedisStore({ sendCommand }) }),
        }),
      ]
    }
  }
}
