// One process: an app whose limit lives in Redis. It sends its port to its parent.
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { rateLimit } from '@sluice/express'
import { redisStore } from '@sluice/redis'
import express from 'express'
import { policy } from './policy.ts'

const store = redisStore(
  { url: process.env['REDIS_URL'] ?? 'redis://localhost:6379' },
  { prefix: process.env['PREFIX'], failover: { deadline: Number(process.env['DEADLINE'] ?? 50) } },
)

const app = express()
app.use((_req, res, next) => {
  res.set('x-answered-by', process.env['NAME'] ?? String(process.pid))
  next()
})
app.use(rateLimit({ store, ...policy }))
app.get('/', (req, res) => res.json({ hello: 'world', left: req.rateLimit?.remaining }))

const server = app.listen(Number(process.env['PORT'] ?? 0))
await once(server, 'listening')
process.send?.((server.address() as AddressInfo).port)

// Ctrl-C reaches every process of the terminal. This one ignores it, and ends when its parent disconnects.
process.on('SIGINT', () => undefined)
process.once('disconnect', () => {
  // The server first, then the store, which ends the connection to Redis that it made.
  server.close(() => void store.close?.())
  server.closeAllConnections()
})
