// The Worker: an API whose clients have an address, and perhaps a key with a plan.
import { durableObjectStore, type ObjectNamespace } from '@sluice/cloudflare'
import { fixedWindow, header, ip, rateLimit, slidingWindow } from '@sluice/hono'
import { Hono } from 'hono'

// Each limit lives in an object of this class: wrangler.json binds it as RATE_LIMITS.
export { RateLimitObject } from '@sluice/cloudflare'

interface Env {
  readonly Bindings: { readonly RATE_LIMITS: ObjectNamespace }
}

// Yours: a database, or a signed token.
const PLANS: Readonly<Record<string, string>> = { 'key-of-ann': 'free', 'key-of-bea': 'premium' }

function limitsIn(namespace: ObjectNamespace) {
  const store = durableObjectStore(namespace)
  return {
    // First and for all: nobody has checked the key yet, and whoever makes up a new one for each request has a new limit each time.
    address: rateLimit<Env>({ name: 'address', store, limits: [slidingWindow({ name: 'burst', limit: 20, window: '1m', key: ip() })] }),
    // Then by key, or by address without one: a few a minute, more a day, both or neither.
    plan: rateLimit<Env>({
      name: 'plan',
      store,
      key: header('x-api-key'),
      tier: (c) => PLANS[c.req.header('x-api-key') ?? ''] ?? 'unknown',
      tiers: {
        unknown: [slidingWindow({ name: 'minute', limit: 3, window: '1m' }), fixedWindow({ name: 'day', limit: 100, window: '1d' })],
        free: [slidingWindow({ name: 'minute', limit: 5, window: '1m' }), fixedWindow({ name: 'day', limit: 1_000, window: '1d' })],
        premium: [slidingWindow({ name: 'minute', limit: 15, window: '1m' }), fixedWindow({ name: 'day', limit: 100_000, window: '1d' })],
      },
    }),
  }
}

// Made at the first request, when there are bindings, and kept: nothing in them belongs to a request.
let limits: ReturnType<typeof limitsIn> | undefined

const app = new Hono<Env>()
app.use((c, next) => (limits ??= limitsIn(c.env.RATE_LIMITS)).address(c, next))
app.use((c, next) => (limits ??= limitsIn(c.env.RATE_LIMITS)).plan(c, next))
app.get('/', (c) => c.json({ hello: 'edge', left: c.get('rateLimit')?.remaining }))
export default app
