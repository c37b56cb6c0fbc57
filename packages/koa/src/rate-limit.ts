import type { Decision, RateLimitOptions, RequestLimiter } from '@sluice/core'
import {
  waitQueueDelay,
  createPipeline,
  followNodeResponse,
  type Host,
  type HttpOutcome,
  isGone,
  isPromise,
  clientHasLeft,
  type Refusal,
  whenClosed,
} from '@sluice/core/adapter-kit'
import type Koa from 'koa'
import { host, type KoaContext } from './host.ts'
import { setHeaders, unsetStatus } from './response.ts'

declare module 'koa' {
  interface DefaultState {
    /** The decision of the limiter that decided last; `undefined` if every limiter skipped the request. */
    rateLimit?: Decision | undefined
  }
}

/** The options of `rateLimit`. Option functions get Koa's context. */
export type KoaOptions<State = Koa.DefaultState, Context = Koa.DefaultContext, N extends string = string> = RateLimitOptions<
  KoaContext<State, Context>,
  Koa.Response,
  N
>
/** Koa middleware, and the limiter that it uses. */
export type KoaRateLimit<State = Koa.DefaultState, Context = Koa.DefaultContext> = Koa.Middleware<State, Context> & {
  /** Its methods also take Koa's contexts. */
  readonly limiter: RequestLimiter<KoaContext<State, Context>>
}

/**
 * Makes Koa middleware. Without options it admits 100 requests per minute and client address, counted in memory.
 *
 * The decision is on `ctx.state.rateLimit`. A request that could not be decided throws, and Koa answers it.
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN, ERR_OPTION_CONFLICT, ERR_NAME_*, ERR_LIMIT_INEXACT for invalid options
 * @example
 * ```ts
 * import { rateLimit } from '@sluice/koa'
 * import Koa from 'koa'
 *
 * const app = new Koa()
 * app.use(rateLimit({ limit: 100, window: '1m' }))
 * app.use((ctx) => {
 *   ctx.body = { remaining: ctx.state.rateLimit?.remaining }
 * })
 * app.listen(3000)
 * ```
 */
export function rateLimit<State = Koa.DefaultState, Context = Koa.DefaultContext, const N extends string = string>(
  options: KoaOptions<State, Context, N> = {},
): KoaRateLimit<State, Context> {
  const decide = createPipeline(host as Host<KoaContext<State, Context>>, options)
  const { handler } = options

  const middleware = (ctx: KoaContext<State, Context>, next: Koa.Next): Promise<unknown> => {
    let outcome: ReturnType<typeof decide>
    try {
      outcome = decide(ctx)
    } catch (error) {
      return failed(error, ctx.req)
    }
    return isPromise(outcome) ? applyLater(outcome, ctx, next) : apply(outcome, ctx, next)
  }

  // Apart, since V8 allocates the variables of closures at every call of the function that contains them.
  const applyLater = (outcome: Promise<HttpOutcome<Koa.Response>>, ctx: KoaContext<State, Context>, next: Koa.Next): Promise<unknown> =>
    outcome.then(
      (decided) => apply(decided, ctx, next),
      (error: unknown) => failed(error, ctx.req),
    )

  const apply = (outcome: HttpOutcome<Koa.Response>, ctx: KoaContext<State, Context>, next: Koa.Next): Promise<unknown> => {
    followNodeResponse(ctx.res, outcome, ctx.response)
    // A limiter that skips a request must not hide the decision of the limiter before it.
    if (outcome.decision !== undefined) (ctx.state as { rateLimit?: Decision }).rateLimit = outcome.decision
    setHeaders(ctx, outcome.headers)
    if (!outcome.pass) return refuse(outcome, ctx)
    return outcome.delay > 0 ? afterDelay(outcome.delay, ctx.response, next) : next()
  }

  const refuse = async (outcome: Refusal, ctx: KoaContext<State, Context>): Promise<void> => {
    if (ctx.headerSent) return
    ctx.status = outcome.status
    if (handler === undefined || outcome.decision === undefined) {
      ctx.body = outcome.body
      return
    }
    try {
      await handler(ctx, { decision: outcome.decision, status: outcome.status, response: ctx.response })
    } catch (error) {
      unsetStatus(ctx)
      throw error
    }
  }

  return Object.assign(middleware, { limiter: decide.limiter })
}

/** If the client leaves, `next` is not called, but the middleware before this one goes on. */
async function afterDelay(delay: number, response: Koa.Response, next: Koa.Next): Promise<unknown> {
  return (await waitQueueDelay(delay, (gone) => whenClosed(response.res, gone))) ? next() : undefined
}

async function failed(error: unknown, req: Koa.Request['req']): Promise<undefined> {
  if (!clientHasLeft(error, isGone(req))) throw error
}
