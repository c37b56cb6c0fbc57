// Programs of a user who has installed the packages.

/** Runs after `import` or `require` of `core`, `rateLimit`, `redisStore`, `durableObjectStore` and `express`. Prints `ok`. */
export const PROGRAM = `
const check = (what, got, expected) => {
  if (String(got) !== String(expected)) throw new Error(what + ': ' + got + ' instead of ' + expected)
}
const main = async () => {
  const limiter = core.createLimiter({ limits: [core.slidingWindow({ name: 'minute', limit: 1, window: '1m' })] })
  check('first', (await limiter.consume('user:42')).allowed, true)
  check('second', (await limiter.consume('user:42')).allowed, false)

  // No server listens on this port, so the store rejects, at once since its client does not try again. Afterwards nothing keeps the process alive.
  const away = redisStore({ url: 'redis://127.0.0.1:1', options: { retryStrategy: null, disconnectTimeout: 50 } }, { failover: false })
  const unheard = core.createLimiter({ name: 'away', limits: [core.slidingWindow({ name: 'minute', limit: 1, window: '1m' })], store: away })
  check('away', await unheard.consume('user:42').then(() => 'decided', (error) => error.code), 'ERR_STORE_UNAVAILABLE')
  await away.close()

  // The package of Cloudflare can be imported outside Cloudflare.
  const edge = durableObjectStore({ idFromName: (name) => name, get: () => ({ fetch: () => Promise.reject(new Error('no object')) }) })
  const charges = [{ limit: core.slidingWindow({ name: 'minute', limit: 1, window: '1m' }).limit, scope: 'a', subject: 'b', cost: 1 }]
  check('edge', await edge.consume(charges).then(() => 'decided', (error) => error.code), 'ERR_STORE_UNAVAILABLE')

  const app = express()
  app.use(rateLimit({ limit: 1, window: '1m' }))
  app.get('/', (req, res) => { res.send('hello') })
  const server = app.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const url = 'http://127.0.0.1:' + server.address().port
  const one = await fetch(url)
  check('status', one.status, 200)
  check('body', await one.text(), 'hello')
  check('header', one.headers.has('ratelimit') && one.headers.has('ratelimit-policy'), true)
  const two = await fetch(url)
  check('status', two.status, 429)
  check('retry', Number(two.headers.get('retry-after')) > 0, true)
  await two.text()
  server.closeAllConnections()
  server.close()
  console.log('ok')
}
main().catch((error) => { console.error(error); process.exitCode = 1 })
`

/** Compiles as ESM and as CommonJS. Each expected error must be reported by the compiler. */
export const TYPES = `
import { createLimiter, type Decision, fixedWindow, slidingWindow } from '@sluice/core'
import { algorithms } from '@sluice/core/algorithms'
import { rateLimit } from '@sluice/express'
import { publishPolicy, redisSource, redisStore, redisTable } from '@sluice/redis'
import { durableObjectStore, type ObjectNamespace, RateLimitObject } from '@sluice/cloudflare'
import { type DynamoClient, dynamoTable } from '@sluice/dynamodb'
import { etcdSource } from '@sluice/etcd'
import { type KafkaClient, type KafkaProducer, kafkaSink, kafkaSource } from '@sluice/kafka'
import { clientDirectory, type ClientTable, httpSource, policyFeed, type PolicyFeed, type PolicySource } from '@sluice/policies'
import { type DecisionEvents, decisionEvents, type EventBatch, httpSink, INSTRUMENTS, jsonLines } from '@sluice/telemetry'
import { annotateSpans, openTelemetryMetrics } from '@sluice/telemetry/opentelemetry'
import { type Metrics, prometheusMetrics } from '@sluice/telemetry/prometheus'
import { metrics } from '@opentelemetry/api'
import { AggregatorRegistry, register, Registry } from 'prom-client'
import express from 'express'

export const limiter = createLimiter({
  limits: [slidingWindow({ name: 'minute', limit: 100, window: '1m' }), fixedWindow({ name: 'day', limit: 1_000, window: 'day' })],
})
export const use = async (): Promise<Decision<'minute' | 'day'>> => limiter.consume('user:42', { cost: { minute: 2 } })
// @ts-expect-error: no limit is called hour
export const misspelt = limiter.consume('user:42', { cost: { hour: 2 } })
// @ts-expect-error: not a duration
export const window = slidingWindow({ name: 'minute', limit: 100, window: '1 minute' })
export const names: string[] = Object.keys(algorithms)

export const edge = (namespace: ObjectNamespace) => durableObjectStore(namespace, { objects: 128, locationHint: 'weur' })
export class Sooner extends RateLimitObject {
  override readonly keepExpired = 60_000
}

export const sources: PolicySource[] = [
  httpSource('https://config.example.com/sluice.yaml'),
  redisSource({ url: 'redis://localhost' }),
  etcdSource({ endpoints: ['http://127.0.0.1:2379'], fetch: (url, init) => fetch(url, init) }),
  {
    name: 'of my own',
    load: async (signal) => ({ documents: [{ key: 'shop', text: await (await fetch('https://config.example.com/', { signal })).text() }] }),
    watch: async (cursor, emit, signal) => signal.throwIfAborted(),
  },
]
export const ofKafka = (client: KafkaClient): PolicySource => kafkaSource({ client, topic: 'policies' })
export const tables = (client: DynamoClient): ClientTable[] => [
  dynamoTable({ client, table: 'clients' }),
  redisTable({ url: 'redis://localhost' }),
]
export const directory = (table: ClientTable) => clientDirectory({ table, ttl: 60_000 })
export const feed = (source: PolicySource): Promise<PolicyFeed> => policyFeed({ source })
export const published = async (): Promise<boolean> =>
  (await publishPolicy({ url: 'redis://localhost' }, { namespace: 'shop', revision: 1, text: '' })).isPublished

export const measured = async (source: PolicySource, table: ClientTable): Promise<Metrics[]> => [
  prometheusMetrics(register, { feeds: [await policyFeed({ source })], clients: [clientDirectory({ table })] }),
  prometheusMetrics(new Registry()),
  prometheusMetrics(new AggregatorRegistry()),
  openTelemetryMetrics(metrics.getMeter('sluice'), { maxSeries: 5_000 }),
]
export const stop: () => void = annotateSpans()
export const metricNames: string[] = INSTRUMENTS.map(({ name }) => name)
export const events = (producer: KafkaProducer): DecisionEvents[] => [
  decisionEvents({ sink: kafkaSink({ producer }), secret: 'a secret of all processes' }),
  decisionEvents({ sink: httpSink({ url: 'https://events.example.com/' }), subjects: 'plain', region: 'eu' }),
  decisionEvents({ sink: jsonLines('events.jsonl'), secret: 'a secret of all processes', sample: 0.1 }),
  decisionEvents({ sink: async (batch: EventBatch, signal) => signal.throwIfAborted(), secret: 'a secret of all processes' }),
]

const app = express()
app.use(rateLimit())
app.use(rateLimit({ name: 'shared', store: redisStore({ url: 'redis://localhost' }, { prefix: 'app' }) }))
app.use(rateLimit({ limit: 5, window: '15m', key: (req) => req.get('x-api-key') }))
app.get('/', (req, res) => { res.json(req.rateLimit?.remaining) })
`

/** CommonJS. What ESM imports and what CommonJS imports are the same types, so values pass between the two. */
export const IDENTITY = `
import { createLimiter, slidingWindow, SluiceError, memoryStore } from '@sluice/core'
import { rateLimit } from '@sluice/express'
import { redisStore } from '@sluice/redis'
import type * as core from '@sluice/core' with { 'resolution-mode': 'import' }
import type * as express from '@sluice/express' with { 'resolution-mode': 'import' }
import type * as redis from '@sluice/redis' with { 'resolution-mode': 'import' }

export const limiter: core.Limiter<'minute'> = createLimiter({ limits: [slidingWindow({ name: 'minute', limit: 1, window: '1m' })] })
export const store: core.Store = memoryStore()
export const error: core.SluiceError = new SluiceError('ERR_OPTION_INVALID', 'wrong')
export const classes: typeof core.SluiceError = SluiceError
export const middleware: typeof express.rateLimit = rateLimit
export const other: typeof redis.redisStore = redisStore
`
