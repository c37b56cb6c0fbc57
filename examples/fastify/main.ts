// An API with two plans by API key, and a limit for each client address.
import { fixedWindow, header, ip, type LimitRule, rateLimit } from '@sluice/fastify'
import fastify from 'fastify'

const plans = new Map([
  ['key-of-ann', 'free'],
  ['key-of-bob', 'premium'],
])
// The client chooses the key, and nothing checks it here. Without this limit, a new key for each request would have no limit at all.
const address = fixedWindow({ name: 'address', limit: 30, window: '1m', anchor: 'first', key: ip() })
const plan = (minute: number, day: number): LimitRule[] => [
  fixedWindow({ name: 'minute', limit: minute, window: '1m', anchor: 'first' }),
  fixedWindow({ name: 'day', limit: day, window: 'day' }),
  address,
]

const app = fastify({ forceCloseConnections: true })
await app.register(rateLimit, {
  key: header('x-api-key'),
  tiers: { free: plan(5, 1_000), premium: plan(100, 50_000) },
  tier: (request) => plans.get(String(request.headers['x-api-key'])) ?? 'free',
})

app.get('/', (request) => ({ plan: request.rateLimit?.tier, left: request.rateLimit?.remaining }))
app.get('/health', { config: { rateLimit: false } }, () => ({ ok: true }))

// Ends the requests, then closes the limiter and its store.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void app.close())
const url = await app.listen({ port: Number(process.env['PORT'] ?? 3000) })
console.log(`Listening. Try:  curl -i -H 'x-api-key: key-of-ann' ${url}/`)
