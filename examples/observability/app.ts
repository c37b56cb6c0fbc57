// One process: an app with metrics, events, analytics and a block list. It sends its ports to its parent.
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { blockList } from '@sluice/blocklist'
import { rateLimit } from '@sluice/express'
import { kafkaSink } from '@sluice/kafka'
import { fileSource, policyFeed } from '@sluice/policies'
import { redisAnalytics, redisBlockStorage, redisStore } from '@sluice/redis'
import { decisionEvents } from '@sluice/telemetry'
import { prometheusMetrics } from '@sluice/telemetry/prometheus'
import express from 'express'
import { Kafka, Partitioners } from 'kafkajs'
import { Registry } from 'prom-client'

const redis = { url: process.env['REDIS_URL'] ?? 'redis://localhost:6379' }
const secret = process.env['SLUICE_SECRET']
const region = 'eu-1'

const store = redisStore(redis)
const feed = await policyFeed({ source: fileSource(process.env['POLICY'] ?? 'sluice.yaml'), store })

// The rule is in shadow by default: it only reports. The rest of the rule is as it is by default.
const blocks = blockList({ storage: redisBlockStorage(redis), rule: { mode: 'enforce', afterRevision: '1ms' } })
await blocks.ready()

const producer = new Kafka({ brokers: [process.env['KAFKA'] ?? 'localhost:9092'] }).producer({
  createPartitioner: Partitioners.DefaultPartitioner,
})
await producer.connect()
const events = decisionEvents({ sink: kafkaSink({ producer }), secret, region, sample: 0.1 })
const analytics = redisAnalytics(redis, { secret, region })
const registry = new Registry()
prometheusMetrics(registry, { feeds: [feed], blockLists: [blocks], events: [events] })

const app = express()
// The client comes from a header here. In a real application, it comes from authentication.
const limit = rateLimit({ policies: feed, blockList: blocks, trustProxy: 1, attributes: (req) => ({ client: req.get('x-client') }) })
for (const route of ['/orders/:id', '/items/:id', '/reviews/:id', '/search', '/cart', '/profile'])
  app.get(route, limit, (_req, res) => void res.json({ answeredBy: process.env['NAME'] }))

// On a port that clients do not reach.
const metrics = createServer((_req, res) => {
  void registry.metrics().then((text) => res.setHeader('content-type', registry.contentType).end(text))
})
const server = app.listen(Number(process.env['PORT'] ?? 0))
metrics.listen(0, '127.0.0.1')
await Promise.all([once(server, 'listening'), once(metrics, 'listening')])
const portOf = (each: Server): number => (each.address() as AddressInfo).port
process.send?.({ port: portOf(server), metrics: portOf(metrics) })

// Ctrl-C reaches every process of the terminal. This one ignores it, and ends when its parent disconnects.
process.on('SIGINT', () => undefined)
process.once('disconnect', () => void end())

async function end(): Promise<void> {
  for (const each of [server, metrics]) {
    each.close()
    each.closeAllConnections()
  }
  // They send what they have counted.
  await Promise.all([analytics.close(), events.close(), blocks.close(), feed.close()])
  await Promise.all([producer.disconnect(), store.close?.()])
}
