// One process of one region: an app whose limits hold in all regions together. It sends its port to its parent.
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { rateLimit } from '@sluice/express'
import { kafkaTransport } from '@sluice/kafka'
import { redisStore, streamTransport } from '@sluice/redis'
import { regions } from '@sluice/regions'
import express, { type Request } from 'express'
import { Kafka, logLevel } from 'kafkajs'

/** The Redis of each region. In all processes of all regions the same, in the same order. */
const servers = JSON.parse(process.env['REGIONS'] ?? '{}') as Readonly<Record<string, string>>
const self = process.env['REGION'] ?? ''
const others = Object.fromEntries(Object.entries(servers).filter(([name]) => name !== self))
const redisOf = (url = 'redis://localhost:6379'): { readonly url: string } => ({ url })

/** Each region writes into its own Redis and reads the others, or all write into a topic of Kafka. */
const broker = process.env['KAFKA']
const transport =
  broker === undefined
    ? streamTransport({
        self: redisOf(servers[self]),
        others: Object.fromEntries(Object.entries(others).map(([name, url]) => [name, redisOf(url)])),
      })
    : kafkaTransport(new Kafka({ clientId: 'shop', brokers: [broker], logLevel: logLevel.NOTHING }))
const store = redisStore(redisOf(servers[self]), {
  // Six processes and their servers share one machine here. In production, leave the deadline at its 50 ms.
  failover: { deadline: 5_000 },
  regions: regions({ self, all: Object.keys(servers), transport, policies: { payments: 'strict', login: 'local' } }),
})

// In a real application, the client comes from authentication.
const key = (req: Request): string => req.get('x-client') ?? 'nobody'
// `closed`: while Redis is away, nobody decides alone. The mode strict needs it.
const perDay = (name: string) => rateLimit({ name, limit: 100, window: '1d', key, store, failMode: 'closed' })

const app = express()
app.get('/orders', perDay('orders'), (_req, res) => void res.json({ answeredIn: self }))
app.get('/payments', perDay('payments'), (_req, res) => void res.json({ answeredIn: self }))
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
