// One process of one region: an app whose limits hold in all regions together. It sends its port to its parent.
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { rateLimit } from '@sluice/express'
import { redisStore, streamTransport } from '@sluice/redis'
import { regions } from '@sluice/regions'
import express, { type Request } from 'express'

/** The Redis of each region. In all processes of all regions the same, in the same order. */
const servers = JSON.parse(process.env['REGIONS'] ?? '{}') as Readonly<Record<string, string>>
const self = process.env['REGION'] ?? ''
const others = Object.fromEntries(Object.entries(servers).filter(([name]) => name !== self))
const redisOf = (url = 'redis://localhost:6379'): { readonly url: string } => ({ url })

const transport = streamTransport({
  self: redisOf(servers[self]),
  others: Object.fromEntries(Object.entries(others).map(([name, url]) => [name, redisOf(url)])),
})
const store = redisStore(redisOf(servers[self]), {
  regions: regions({ self, all: Object.keys(servers), transport, policies: { login: 'local' } }),
})

// In a real application, the client comes from authentication.
const key = (req: Request): string => req.get('x-client') ?? 'nobody'
const perDay = (name: string) => rateLimit({ name, limit: 100, window: '1d', key, store })

const app = express()
app.get('/orders', perDay('orders'), (_req, res) => void res.json({ answeredIn: self }))
app.get('/login', perDay('login'), (_req, res) => void res.json({ answeredIn: self }))
app.get('/health', (_req, res) => void res.json(store.health?.().regions))

const server = app.listen(Number(process.env['PORT'] ?? 0))
await once(server, 'listening')
process.send?.({ port: (server.address() as AddressInfo).port })

// Ctrl-C reaches every process of the terminal. This one ignores it, and ends when its parent disconnects.
process.on('SIGINT', () => undefined)
process.once('disconnect', () => {
  server.close()
  server.closeAllConnections()
  void store.close?.()
})
