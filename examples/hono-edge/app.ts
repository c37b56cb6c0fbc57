// The Worker: an API that limits each client address, and each API key by its plan.
import { durableObjectStore, type ObjectNamespace } from '@sluice/cloudflare'
import { fixedWindow, header, ip, rateLimit, slidingWindow } from '@sluice/hono'
import { Hono } from 'hono'

// The class of the Durable Objects that hold the limits. wrangler.json binds it as RATE_LIMITS.
export { RateLimitObject } from '@sluice/cloudflare'

interface Env {
  readonly Bindings: { readonly RATE_LIMITS: ObjectNamespace }
}

// In your API this is a database or a signed token.
const PLANS: Readonly<Record<string, string>> = { 'key-of-ann': 'free', 'key-of-bea': 'premium' }

function limitsIn(namespace: ObjectNamespace) {
  const store = durableObjectStore(namespace)
  return {
    // Comes first: nothing has checked the key yet, and a client that sends a new key with each request gets a new plan each time.
    address: rateLimit<Env>({ name: 'address', store, limits: [slidingWindow({ name: 'burst', limit: 20, window: '1m', key: ip() })] }),
    // Comes second: by key, or by address if there is no key. A request takes from both limits of its plan, or from neither.
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

// Created at the first request, since a Worker has its bindings only then. It holds nothing of a request, so later requests share it.
let limits: ReturnType<typeof limitsIn> | undefined

const app = new Hono<Env>()
app.use((c, next) => (limits ??= limitsIn(c.env.RATE_LIMITS)).address(c, next))
app.use((c, next) => (limits ??= limitsIn(c.env.RATE_LIMITS)).plan(c, next))
app.get('/', (c) => c.json({ hello: 'edge', left: c.get('rateLimit')?.remaining }))
export default app
