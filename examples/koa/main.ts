// An API with two plans by API key, and a limit for each client address.
import { fixedWindow, header, ip, type LimitRule, rateLimit } from '@sluice/koa'
import Koa from 'koa'

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

const app = new Koa()
const limited = rateLimit({
  key: header('x-api-key'),
  tiers: { free: plan(5, 1_000), premium: plan(100, 50_000) },
  tier: (ctx) => plans.get(ctx.get('x-api-key')) ?? 'free',
  skip: (ctx) => ctx.path === '/health',
})
app.use(limited)
app.use((ctx) => {
  if (ctx.path === '/health') ctx.body = { ok: true }
  else if (ctx.path === '/') ctx.body = { plan: ctx.state.rateLimit?.tier, left: ctx.state.rateLimit?.remaining }
})

const server = app.listen(Number(process.env['PORT'] ?? 3000), () => {
  const { port } = server.address() as { readonly port: number }
  console.log(`Listening. Try:  curl -i -H 'x-api-key: key-of-ann' http://localhost:${port}/`)
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    // The server first, then the limiter. A store on Redis and its client would follow.
    server.close(() => void limited.limiter.close())
    server.closeAllConnections()
  })
}
