import { type Duration, fixedWindow, header, type Limiter, rateLimit, slidingLog } from '@sluice/express'
import express, { type Express } from 'express'

export interface Settings {
  readonly limit: number
  readonly window: Duration
}

/** An app, and the limiters to close after its server. */
export interface App {
  readonly app: Express
  readonly limiters: readonly Limiter[]
}

/** An API with one limit for each client address, and two stricter limits for its login. */
export function createApp({ limit, window }: Settings): App {
  const app = express()
  const requests = rateLimit({ limits: [fixedWindow({ name: 'requests', limit, window, anchor: 'first' })] })
  app.use(requests)
  app.get('/', (req, res) => res.json({ hello: 'world', left: req.rateLimit?.remaining }))

  const login = rateLimit({
    name: 'login',
    limits: [
      slidingLog({ name: 'address', limit: 5, window: '15m' }),
      slidingLog({ name: 'account', limit: 10, window: '30m', key: header('x-account') }),
    ],
    // Only failed attempts count.
    refundWhen: (_req, { status }) => status < 400,
  })
  app.post('/login', login, (req, res) => res.sendStatus(req.headers['x-account'] === 'alice' ? 204 : 401))
  return { app, limiters: [requests.limiter, login.limiter] }
}
