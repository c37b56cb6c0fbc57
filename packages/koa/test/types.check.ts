// Compiled, never run: what the types promise to users of the package.
import { Router } from '@koa/router'
import Koa from 'koa'
import { expectTypeOf } from 'vitest'
import {
  type Decision,
  fixedWindow,
  header,
  type KoaContext,
  type KoaOptions,
  rateLimit,
  type RequestLimiter,
  slidingWindow,
  user,
} from '../src/index.ts'

interface State {
  account?: { readonly id: string; readonly plan: 'free' | 'premium' }
}
interface Extra {
  readonly db: { planOf(id: string): Promise<string> }
}
const minute = slidingWindow({ name: 'minute', limit: 100, window: '1m' })
const day = fixedWindow({ name: 'day', limit: 1_000, window: 'day' })

// Every function option sees Koa's context.
export const full: KoaOptions = {
  tiers: { free: [minute], premium: [minute, day] },
  tier: (ctx) => ctx.get('x-plan'),
  key: (ctx) => ctx.cookies.get('session'),
  cost: async (ctx) => ({ minute: Number(ctx.query['n']) }),
  skip: (ctx) => ctx.path.startsWith('/health'),
  refundWhen: (ctx, { status, response }) => status >= 400 && ctx.method === 'POST' && response.get('x-free') === '',
  settle: (ctx, { response }) => Number(response.get('x-used') || ctx.get('x-used')),
  message: (ctx, { decision, status }) => `${status} ${ctx.ip}: ${decision.retryAfter}`,
  handler: (ctx, { decision }) => {
    ctx.body = decision.remaining
  },
}

// F21: a handler may return anything, also nothing.
export const handlers: readonly NonNullable<KoaOptions['handler']>[] = [
  (ctx) => ctx.redirect('/slow'),
  (ctx) => (ctx.body = 'slow'),
  async (ctx) => {
    await Promise.resolve()
    ctx.body = 'slow'
  },
]

// With an application's own state and context, those too.
const typed = rateLimit<State, Extra>({
  tiers: { free: [minute], premium: [minute, day] },
  tier: (ctx) => ctx.state.account && ctx.db.planOf(ctx.state.account.id),
  key(ctx) {
    expectTypeOf(ctx.state.account).toEqualTypeOf<State['account']>()
    // @ts-expect-error Not in this application's state.
    const { session } = ctx.state
    return header('x-api-key').read([ctx, session], undefined as never)
  },
  limits: [slidingWindow({ name: 'user', limit: 1, window: '1m', key: user((ctx: KoaContext<State>) => ctx.state.account?.id) })],
  handler(ctx, { decision, response }) {
    expectTypeOf(decision).toEqualTypeOf<Decision>()
    expectTypeOf(response).toEqualTypeOf<Koa.Response>()
    expectTypeOf(ctx.response).toExtend<typeof response>()
  },
})
new Koa<State, Extra>().use(typed).use(rateLimit())
new Koa().use(rateLimit())
new Router().get('/', rateLimit(), (ctx) => {
  expectTypeOf(ctx.state.rateLimit).toEqualTypeOf<Decision | undefined>()
})

// What comes back is a handler, and its limiter.
expectTypeOf(rateLimit().limiter).toEqualTypeOf<RequestLimiter<KoaContext>>()
// Newcomer 24: parts get Koa's context, with the application's state.
rateLimit<State, Extra>({ key: [user((ctx) => ctx.state.account?.id), (ctx) => ctx.state.account?.plan] })
// @ts-expect-error Not in this application's state.
rateLimit<State, Extra>({ key: user((ctx) => ctx.state.nonsense) })
new Koa().use((ctx) => {
  expectTypeOf(ctx.state.rateLimit).toEqualTypeOf<Decision | undefined>()
})

// @ts-expect-error An option of a peer.
rateLimit({ duration: 60_000 })
// @ts-expect-error A misspelt option.
rateLimit({ limmit: 1 })
// @ts-expect-error A number from the environment is text.
rateLimit({ limit: '100' })
// @ts-expect-error A method of a request is no text.
rateLimit({ key: (ctx) => ctx.get })
// @ts-expect-error A status that is text.
rateLimit({ refundWhen: (_ctx, { status }: { status: string }) => status === '404' })
