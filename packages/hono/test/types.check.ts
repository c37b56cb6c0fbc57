// Compiled, never run: users' code compiles, and wrong code does not.
import { upgradeWebSocket } from '@hono/node-server'
import { type Context, Hono } from 'hono'
import { expectTypeOf } from 'vitest'
import {
  createLimiter,
  type Decision,
  fixedWindow,
  header,
  type HonoOptions,
  type Limiter,
  messageLimit,
  type MessageLimitOptions,
  rateLimit,
  type RequestLimiter,
  slidingWindow,
  user,
} from '../src/index.ts'

interface AppEnv {
  Bindings: { readonly PLANS: { plan(id: string | undefined): Promise<'free' | 'premium'> } }
  Variables: { account?: { readonly id: string } }
}

const minute = slidingWindow({ name: 'minute', limit: 100, window: '1m' })
const day = fixedWindow({ name: 'day', limit: 1_000, window: 'day' })

// Every function option gets the app's context, with its bindings and variables.
export const full: HonoOptions<AppEnv> = {
  tiers: { free: [minute], premium: [minute, day] },
  tier: (c) => c.env.PLANS.plan(c.var.account?.id),
  key: (c) => c.get('account')?.id,
  cost: async (c) => ({ minute: Number(c.req.query('n')) }),
  skip: (c) => c.req.path.startsWith('/health'),
  refundWhen: (c, { status, response }) => status >= 400 && c.req.method === 'POST' && response.headers.has('x-free'),
  settle: (_c, { response }) => Number(response.headers.get('x-used')),
  message: (c, { decision, status }) => `${status} ${c.req.path}: ${decision.retryAfter}`,
  handler: (c, { decision, status }) => c.json({ left: decision.remaining, status }, 429),
}
export const keyed: HonoOptions = {
  limits: [slidingWindow({ name: 'user', limit: 1, window: '1m', key: user((c: Context<AppEnv>) => c.get('account')?.id) })],
}

// newcomer 7: the names of a cost are those of the limits.
rateLimit({ limits: [minute, day], cost: () => ({ minute: 4 }) })
rateLimit<AppEnv>({ limits: [minute, day], cost: (c) => ({ minute: Number(c.req.query('n')) }) })
// @ts-expect-error: no limit has this name
rateLimit({ limits: [minute, day], cost: () => ({ minut: 4 }) })

// Mounted in an app with any `Env`, with limits, and beside a handler.
const app = new Hono<AppEnv>()
app.use(rateLimit())
app.use(rateLimit<AppEnv>({ limits: [minute, day], key: (c) => c.var.account?.id }))
app.use('/api/*', rateLimit({ limits: [slidingWindow({ name: 'minute', limit: 1, window: '1m', key: header('x-api-key') })] }))
app.get('/', rateLimit({ limit: (c) => Number(c.req.query('limit')), window: async () => '1m' as const }), (c) => {
  // The decision is a variable of every context, and the app's own variables stay.
  expectTypeOf(c.get('rateLimit')).toEqualTypeOf<Decision | undefined>()
  expectTypeOf(c.var.rateLimit).toEqualTypeOf<Decision | undefined>()
  expectTypeOf(c.var.account).toEqualTypeOf<{ readonly id: string } | undefined>()
  return c.json({ left: c.var.rateLimit?.remaining })
})
export const decisionOf = (c: Context): Decision | undefined => c.get('rateLimit')

// The result is middleware, and has its limiter.
expectTypeOf(rateLimit().limiter).toEqualTypeOf<RequestLimiter<Context<any>>>()
expectTypeOf(rateLimit<AppEnv>({}).limiter).toEqualTypeOf<RequestLimiter<Context<AppEnv>>>()
// Newcomer 24: parts get Hono's context, with the app's variables.
rateLimit<AppEnv>({ key: [user((c) => c.var.account?.id), (c) => c.var.account?.id] })
// @ts-expect-error Not in Hono's context.
rateLimit<AppEnv>({ key: user((c) => c.nonsense) })

// @ts-expect-error An option of a peer.
rateLimit({ windowMs: 60_000 })
// @ts-expect-error A misspelt option.
rateLimit({ limmit: 1 })
// @ts-expect-error A window in words.
rateLimit({ window: '1 minute' })
// @ts-expect-error A number from the environment is text.
rateLimit({ limit: '100' })
// @ts-expect-error A handler answers with a response.
rateLimit({ handler: () => 'slow down' })
// @ts-expect-error A binding that the app does not have.
rateLimit<AppEnv>({ tier: (c) => c.env.PLAN })
// @ts-expect-error Not a decision.
app.get('/forged', (c) => c.text(String(c.set('rateLimit', 1))))

// Messages of a WebSocket.
const messages = messageLimit<AppEnv>({
  limits: [minute],
  key: ({ c }) => c.get('account')?.id,
  cost: ({ event }) => (typeof event.data === 'string' ? 1 : 10),
  handler: ({ ws }, { decision, status }) => ws.send(`${status} ${decision.retryAfter}`),
  closeAfter: 3,
})
expectTypeOf(messages.limiter).toEqualTypeOf<Limiter>()
app.get('/socket', upgradeWebSocket(messages((c) => ({ onMessage: (event, ws) => ws.send(`${c.req.path} ${event.type}`) }))))
app.get('/later', upgradeWebSocket(messageLimit({ limits: [minute] })(async () => ({ onClose: () => undefined }))))
export const shared: MessageLimitOptions = { limiter: createLimiter({ limits: [minute] }) }
export const ended: MessageLimitOptions = { refundWhen: (_, { error }) => error !== undefined, settle: (_, { result }) => Number(result) }
// @ts-expect-error A message has no status.
messageLimit({ refundWhen: (_, { status }) => status < 400 })
// @ts-expect-error Nor headers.
messageLimit({ legacy: 'delta' })
