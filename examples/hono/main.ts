// An API with two plans by API key, and a limit for each client address.
import { serve } from '@hono/node-server'
import { fixedWindow, header, ip, type LimitRule, rateLimit } from '@sluice/hono'
import { Hono } from 'hono'

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

const app = new Hono()
const limited = rateLimit({
  key: header('x-api-key'),
  tiers: { free: plan(5, 1_000), premium: plan(100, 50_000) },
  tier: (c) => plans.get(c.req.header('x-api-key') ?? '') ?? 'free',
  skip: (c) => c.req.path === '/health',
})
app.use(limited)
app.get('/health', (c) => c.json({ ok: true }))
app.get('/', (c) => c.json({ plan: c.var.rateLimit?.tier, left: c.var.rateLimit?.remaining }))

const server = serve({ fetch: app.fetch, port: Number(process.env['PORT'] ?? 3000) }, ({ port }) => {
  console.log(`Listening. Try:  curl -i -H 'x-api-key: key-of-ann' http://localhost:${port}/`)
})
// The server first, then the limiter. A store on Redis and its client would follow.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => server.close(() => void limited.limiter.close()))
