// Compiled, never run: what the types promise to users of the package.
import type { Request, RequestHandler, Response } from 'express'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import express from 'express'
import { expectTypeOf } from 'vitest'
import {
  createLimiter,
  type Decision,
  type ExpressOptions,
  fixedWindow,
  header,
  ip,
  matchesAddress,
  type MaybePromise,
  rateLimit,
  type RequestLimiter,
  slidingWindow,
  user,
} from '../src/index.ts'

declare global {
  namespace Express {
    interface Request {
      /** As an authentication middleware declares it. */
      account?: { readonly id: string; readonly plan: 'free' | 'premium' }
    }
  }
}

const minute = slidingWindow({ name: 'minute', limit: 100, window: '1m' })
const day = fixedWindow({ name: 'day', limit: 1_000, window: 'day' })

// newcomer 7: the names of a cost are those of the limits.
rateLimit({ limits: [minute, day], cost: () => ({ minute: 4 }), settle: async () => ({ day: 0 }) })
rateLimit({ tiers: { free: [minute], premium: [day] }, cost: (req) => ({ minute: Number(req.query['n']), day: 2 }) })
rateLimit({ limit: 5, cost: () => 3 })
// @ts-expect-error: no limit has this name
rateLimit({ limits: [minute, day], cost: () => ({ minut: 4 }) })
// @ts-expect-error: nor this one
rateLimit({ limits: [minute], settle: async () => ({ tokens: 4 }) })

// Every function option sees Express's request, with what the application has hung on it.
export const full: ExpressOptions = {
  tiers: { free: [minute], premium: [minute, day] },
  tier: (req) => req.account?.plan,
  key: (req) => req.account?.id,
  cost: async (req) => ({ minute: Number(req.query['n']) }),
  skip: (req) => req.path.startsWith('/health'),
  refundWhen: (req, { status, response: res }) => status >= 400 && req.method === 'POST' && res.getHeader('x-free') === undefined,
  settle: (req, { response: res }) => Number(res.get('x-used') ?? req.get('x-used')),
  message: (req, { decision, status }) => `${status} ${req.ip}: ${decision.retryAfter}`,
  handler: (_req, { decision, status, response: res }) => res.status(status).json({ left: decision.remaining }),
}
export const perRequest: ExpressOptions = {
  limit: (req) => (req.account?.plan === 'premium' ? 1_000 : 10),
  window: async () => '1m' as const,
}
// M1: so do the numbers of a limit, in a list and in a tier.
const ofAccount = slidingWindow({
  name: 'account',
  limit: (req: Request) => req.account?.plan.length,
  window: '1m',
  defaults: { limit: 5 },
})
const numbered = rateLimit({
  limits: [
    ofAccount,
    fixedWindow({ name: 'day', limit: async (req) => Number(req.get('x-limit')), window: (req) => (req.ip ? 'day' : '1h') }),
  ],
  tiers: { own: [slidingWindow({ name: 'minute', limit: (req) => Number(req.query['n']), window: '1m' })] },
})
void numbered.limiter.peek('ann', { numbers: { day: { limit: 5, window: 'month' } } })
// @ts-expect-error: a text is no number of units
slidingWindow({ name: 'text', limit: (req: Request) => req.ip, window: '1m' })
// @ts-expect-error: a misspelt option of a limit
void createLimiter({ limits: [minute] }).consume('ann', { numbers: { minute: { limt: 5 } } })
// @ts-expect-error: a misspelt limit
void createLimiter({ limits: [minute] }).consume('ann', { numbers: { minut: { limit: 5 } } })

export const keyed: ExpressOptions = {
  limits: [slidingWindow({ name: 'user', limit: 1, window: '1m', key: user((req: Request) => req.account?.id) })],
}

rateLimit({
  handler(req, { decision, response }) {
    const res: Response = req.res
    expectTypeOf(response).toEqualTypeOf(res)
    expectTypeOf(decision).toEqualTypeOf<Decision>()
    return res
  },
  key(req) {
    expectTypeOf(req.account).toEqualTypeOf<{ readonly id: string; readonly plan: 'free' | 'premium' } | undefined>()
    return header('x-api-key').read(req, undefined as never)
  },
})

// F21: a handler may return anything, also nothing.
export const handlers: readonly NonNullable<ExpressOptions['handler']>[] = [
  (req) => req.res.render('slow'),
  (req) => req.res.redirect('/slow'),
  (req, { status }) => {
    req.res.status(status).end()
  },
  async ({ res }) => {
    await Promise.resolve()
    res.json({ slow: true })
  },
  (_req, { response }) => response.send('slow'),
]

// What comes back is a handler, and its limiter.
const middleware = rateLimit()
expectTypeOf(middleware.limiter).toEqualTypeOf<RequestLimiter<IncomingMessage>>()
export const about = async (req: Request, socket: { readonly request: IncomingMessage }): Promise<unknown> => {
  const { limiter } = middleware
  expectTypeOf(limiter.clientAddress(socket.request)).toEqualTypeOf<string | undefined>()
  await limiter.reset(req)
  await limiter.reset([String(req.ip), 'b'])
  await limiter.peek({ default: ['a', 'b'] })
  // @ts-expect-error A number is no subject.
  await limiter.reset(42)
  return limiter.subjectOf(req)
}
// Newcomer 24: parts get Express's request, also in a list and in a limit. Newcomer 21: a list may have functions.
rateLimit({
  key: [
    ip((req) => {
      expectTypeOf(req.account?.plan).toEqualTypeOf<'free' | 'premium' | undefined>()
      return req.get('fly-client-ip')
    }),
    (req) => req.account?.id,
    // @ts-expect-error Not in Express's request.
    user((req) => req.nonsense),
  ],
  skip: matchesAddress(['10.0.0.0/8']),
})
rateLimit({
  key: user((req) => {
    expectTypeOf(req.account?.id).toEqualTypeOf<string | undefined>()
    return req.account?.id
  }),
})
rateLimit({
  limits: [
    slidingWindow({
      name: 'user',
      limit: 1,
      window: '1m',
      // @ts-expect-error Not in Express's request.
      key: user((req) => req.nonsense),
    }),
  ],
})
export const decisionOf = (req: Request): Decision | undefined => {
  expectTypeOf(req.rateLimit).toEqualTypeOf<Decision | undefined>()
  return req.rateLimit
}

// @ts-expect-error An option of a peer.
rateLimit({ windowMs: 60_000 })
// @ts-expect-error A misspelt option.
rateLimit({ limmit: 1 })
// @ts-expect-error A window in words. (`'1 m'` is a number and a unit to TypeScript: it is refused when run.)
rateLimit({ window: '1 minute' })
// @ts-expect-error A number from the environment is text.
rateLimit({ limit: '100' })
// @ts-expect-error Express has no such property on its request.
rateLimit({ key: (req) => req.apiKey })
// @ts-expect-error A draft that is not there.
rateLimit({ standard: 'draft-5' })

// A limiter knows the names of its limits and tiers.
const limiter = createLimiter({ limits: [minute, day], tiers: { free: [minute], premium: [minute, day] } })
export const decisions: readonly MaybePromise<Decision>[] = [
  limiter.consume('ann', { cost: { minute: 2, day: 1 }, tier: 'premium' }),
  limiter.consume({ minute: 'ann', day: 'ann' }),
  limiter.consume('ann', { cost: 2 }),
  // @ts-expect-error A misspelt limit among the costs.
  limiter.consume('ann', { cost: { minuet: 2 } }),
  // @ts-expect-error A misspelt tier.
  limiter.consume('ann', { tier: 'premuim' }),
  // @ts-expect-error A misspelt limit among the subjects.
  limiter.consume({ minute: 'ann', dya: 'ann' }),
  // @ts-expect-error A cost that is text.
  limiter.consume('ann', { cost: '2' }),
]
const settled = limiter.consume('ann')
if ('verdict' in settled) {
  expectTypeOf<NonNullable<typeof settled.binding>['name']>().toEqualTypeOf<'minute' | 'day'>()
  void limiter.settle(settled, { minute: 3 })
  // @ts-expect-error A misspelt limit.
  void limiter.settle(settled, { mintue: 3 })
}

// M6: middleware of Node's own server, as h3 1, tRPC and Connect mount it.
type NodeMiddleware = (req: IncomingMessage, res: ServerResponse, next: (error?: Error) => void) => unknown
export const onNode: NodeMiddleware = rateLimit()
createServer((req, res) => rateLimit()(req, res, () => res.end('ok')))
// It stays middleware of Express: a route's other handlers keep the types that they have beside a plain handler.
declare const plain: RequestHandler
express().get('/:id', plain, ({ params, body }) => expectTypeOf({ params, body }).toEqualTypeOf<{ params: Params; body: any }>())
express().get('/:id', rateLimit(), ({ params, body }) => expectTypeOf({ params, body }).toEqualTypeOf<{ params: Params; body: any }>())
type Params = Request['params']
