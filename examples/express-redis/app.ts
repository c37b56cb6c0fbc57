// One of the processes: an app whose limit lives in Redis. It tells its parent where it listens.
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { type Duration, fixedWindow, rateLimit } from '@sluice/express'
import { redisStore } from '@sluice/redis'
import express from 'express'

const limit = Number(process.env['LIMIT'] ?? 6)
const window = (process.env['WINDOW'] ?? '20s') as Duration
const store = redisStore(
  { url: process.env['REDIS_URL'] ?? 'redis://localhost:6379' },
  { prefix: process.env['PREFIX'], failover: { deadline: Number(process.env['DEADLINE'] ?? 50) } },
)

const app = express()
app.use((_req, res, next) => {
  res.set('x-answered-by', process.env['NAME'] ?? String(process.pid))
  next()
})
// Every process says the same, so every process shares the same count.
app.use(rateLimit({ store, limits: [fixedWindow({ name: 'requests', limit, window, anchor: 'first' })] }))
app.get('/', (req, res) => res.json({ hello: 'world', left: req.rateLimit?.remaining }))

const server = app.listen(Number(process.env['PORT'] ?? 0))
await once(server, 'listening')
process.send?.((server.address() as AddressInfo).port)

// Ctrl-C reaches every process of the terminal: this one waits for its parent to let go of it.
process.on('SIGINT', () => undefined)
process.once('disconnect', () => {
  server.close()
  server.closeAllConnections()
  void store.close?.()
})
