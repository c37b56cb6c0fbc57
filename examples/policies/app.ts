// One process: an app whose limits are a document. It sends its port, and what happens to the document, to its parent.
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { rateLimit } from '@sluice/express'
import { fileSource, policyFeed } from '@sluice/policies'
import { redisStore } from '@sluice/redis'
import express from 'express'

const store = redisStore({ url: process.env['REDIS_URL'] ?? 'redis://localhost:6379' })
const feed = await policyFeed({
  source: fileSource(process.env['POLICY'] ?? 'sluice.yaml'),
  store,
  on: {
    change: ({ document }) => process.send?.({ revision: document.revision }),
    warning: ({ message }) => process.send?.({ warning: message }),
  },
})

const app = express()
app.use((_req, res, next) => {
  res.set('x-answered-by', process.env['NAME'] ?? String(process.pid))
  next()
})
// In a real application, the client and its plan come from authentication.
app.use(rateLimit({ policies: feed, attributes: (req) => ({ client: req.get('x-client'), plan: req.get('x-plan') }) }))
app.get('/healthz', (_req, res) => res.send('ok'))
app.get('/orders/:id', (req, res) => res.json({ id: req.params.id, revision: req.rateLimit?.revision }))
app.post('/login', (_req, res) => res.sendStatus(401))

const server = app.listen(Number(process.env['PORT'] ?? 0))
await once(server, 'listening')
process.send?.({ port: (server.address() as AddressInfo).port })

// Ctrl-C reaches every process of the terminal. This one ignores it, and ends when its parent disconnects.
process.on('SIGINT', () => undefined)
process.once('disconnect', () => {
  server.close()
  server.closeAllConnections()
  void feed.close().then(() => store.close?.())
})
