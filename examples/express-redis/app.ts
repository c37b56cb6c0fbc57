// One process: an app whose limit lives in Redis. It sends its port to its parent.
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
// Processes share a count when their limits have the same name, algorithm and window.
app.use(rateLimit({ store, limits: [fixedWindow({ name: 'requests', limit, window, anchor: 'first' })] }))
app.get('/', (req, res) => res.json({ hello: 'world', left: req.rateLimit?.remaining }))

const server = app.listen(Number(process.env['PORT'] ?? 0))
await once(server, 'listening')
process.send?.((server.address() as AddressInfo).port)

// Ctrl-C reaches every process of the terminal. This one ignores it, and ends when its parent disconnects.
process.on('SIGINT', () => undefined)
process.once('disconnect', () => {
  server.close()
  server.closeAllConnections()
  void store.close?.()
})
