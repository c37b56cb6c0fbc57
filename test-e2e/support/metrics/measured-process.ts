// A process that metrics.test.ts starts: `measured-process.ts <redis url> <folder of policies>`. It makes every kind of decision some times a
// second until it is asked for /end, and serves /metrics. It prints its port.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { blockList } from '@sluice/blocklist'
import { createLimiter, fixedWindow, memoryStore, slidingWindow } from '@sluice/core'
import { clientDirectory, fileSource, policyFeed } from '@sluice/policies'
import { redisStore, streamTransport } from '@sluice/redis'
import { regions } from '@sluice/regions'
import { decisionEvents } from '@sluice/telemetry'
import { prometheusMetrics } from '@sluice/telemetry/prometheus'
import { register } from 'prom-client'

const [url = '', policies = ''] = process.argv.slice(2)
const quiet = { warning: () => undefined }
// A full queue of a sink that is away: events are dropped.
const events = decisionEvents({
  sink: () => Promise.reject(new Error('away')),
  secret: 'a secret of at least 16',
  maxQueue: 1,
  sample: 1,
  on: quiet,
})
const clients = clientDirectory({
  table: { name: 'plans', load: (ids) => Promise.resolve(ids.map((id) => ({ client_id: id, tier: 'pro' }))) },
})
const store = redisStore({ url }, { leases: { hot: 10 }, failover: { instances: 2 } })
const metrics = prometheusMetrics(register, { events: [events], clients: [clients] })
const blocks = blockList({ on: { ...quiet, anomaly: () => undefined } })
await blocks.ready()
await blocks.block('203.0.113.66', '1h')
metrics.add({ blockLists: [blocks] })
const feed = await policyFeed({ source: fileSource(policies), store, on: quiet })
metrics.add({ feeds: [feed] })
const api = createLimiter({
  name: 'api',
  store,
  on: quiet,
  tiers: {
    free: [slidingWindow({ name: 'minute', limit: 5, window: '1m' })],
    pro: [slidingWindow({ name: 'minute', limit: 100_000, window: '1m' })],
  },
})
// Nobody listens there, so each decision is local.
const lost = createLimiter({
  name: 'lost',
  store: redisStore({ url: 'redis://127.0.0.1:1' }, { failover: { instances: 2 } }),
  on: quiet,
  limits: [fixedWindow({ name: 'hour', limit: 9, window: '1h' })],
})
// Two subjects at most, each of which has used its limit: a third is an anomaly.
const small = createLimiter({
  name: 'small',
  store: memoryStore({ maxSubjects: 2 }),
  on: quiet,
  limits: [fixedWindow({ name: 'hour', limit: 1, window: '1h' })],
})
const blocked = createLimiter({ name: 'admin', store, on: quiet, limits: [fixedWindow({ name: 'hour', limit: 9, window: '1h' })] })
// Two regions that hear of each other, over one Redis with two prefixes.
const all = ['eu', 'us'] as const
const regional = all.flatMap((self) => {
  const transport = streamTransport({ self: { url }, others: { [self === 'eu' ? 'us' : 'eu']: { url } } })
  const region = regions({ self, all, transport, interval: 200, policies: { paid: 'strict' } })
  const regionStore = redisStore({ url }, { prefix: self, failover: { instances: 1 }, regions: region })
  const limits = [fixedWindow({ name: 'hour', limit: 1_000_000, window: '1h' })]
  return ['roaming', 'paid'].map((name) => createLimiter({ name, store: regionStore, failMode: 'closed', on: quiet, limits }))
})
await store.ready?.()
await blocked.block('user:666', '1h')

/** What the callers saw, by namespace and verdict: Prometheus must have the same numbers. */
const seen: Record<string, number> = {}
let isEnding = false
const server = createServer(({ url: path }, response) => {
  if (path === '/end') isEnding = true
  if (path === '/end') void ended.then(() => response.end(JSON.stringify(seen)))
  else void register.metrics().then((text) => response.setHeader('content-type', register.contentType).end(text))
}).listen(0, '127.0.0.1', () => console.log(`listening on ${(server.address() as AddressInfo).port}`))

async function decideUntilTheEnd(): Promise<void> {
  for (let round = 0; !isEnding; round += 1) {
    const decisions = await Promise.all([
      ...Array.from({ length: 20 }, () => api.consume('user:hot', { tier: 'pro' })),
      api.consume('203.0.113.7', { tier: 'free' }),
      api.consume('203.0.113.7', { tier: 'free' }),
      blocked.consume('user:666'),
      feed.check({ method: 'GET', path: '/private/path', attributes: { client: `user:${round % 9}` } }),
      lost.consume('user:1'),
      small.consume(`user:${round}`),
      ...regional.map((limiter) => limiter.consume('user:1', { cost: 10_000 })),
    ])
    for (const { policy, verdict } of decisions) seen[`${policy} ${verdict}`] = (seen[`${policy} ${verdict}`] ?? 0) + 1
    await clients.rowOf(`user:${round % 9}`)
    await sleep(50)
  }
}
const ended = decideUntilTheEnd()
