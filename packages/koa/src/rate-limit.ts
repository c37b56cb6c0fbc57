import type { Decision, Limiter, RateLimitOptions } from '@sluice/core'
import {
  type Admission,
  waitQueueDelay,
  createPipeline,
  followNodeResponse,
  type Host,
  type HttpOutcome,
  isPromise,
  hasLeft,
  nodeHeader,
  type Refusal,
  whenClosed,
} from '@sluice/core/adapter-kit'
import type Koa from 'koa'
import { setHeaders } from './response.ts'

declare module 'koa' {
  interface DefaultState {
    /** The decision of the limiter that decided last; `undefined` when all of them skipped. */
    rateLimit?: Decision | undefined
  }
}

/** What every function option gets: Koa's context, of the application's own state and context. */
export type KoaContext<State = Koa.DefaultState, Context = Koa.DefaultContext> = Koa.ParameterizedContext<State, Context>
export type KoaOptions<State = Koa.DefaultState, Context = Koa.DefaultContext> = RateLimitOptions<KoaContext<State, Context>, Koa.Response>
export type KoaRateLimit<State = Koa.DefaultState, Context = Koa.DefaultContext> = Koa.Middleware<State, Context> & {
  readonly limiter: Limiter
}

const host: Host<KoaContext> = {
  id: (ctx) => ctx.req,
  method: (ctx) => ctx.req.method as string,
  path: (ctx) => ctx.path,
  // '' is Koa's word for none.
  address: (ctx) => ctx.ip || undefined,
  socketAddress: (ctx) => ctx.req.socket.remoteAddress,
  trust({ app: { proxy, maxIpsCount, proxyIpHeader } }) {
    if (!proxy) return 'none'
    // Proxies append to X-Forwarded-For, and without a count Koa takes its leftmost entry, which is the client's to choose.
    return maxIpsCount > 0 || proxyIpHeader.toLowerCase() !== 'x-forwarded-for' ? 'some' : 'anyone'
  },
  header: (ctx, name) => nodeHeader(ctx.req.headers, name),
  route,
  body: (ctx) => (ctx.request as { readonly body?: unknown }).body,
}

/** By what @koa/router leaves on the context: the route that is running, else the last that will. A layer of `router.use` is no route. */
function route(ctx: KoaContext): string | undefined {
  const layers = ctx['matched'] as readonly { readonly methods: readonly string[]; readonly path: unknown }[] | undefined
  const routes = layers?.filter(({ methods }) => methods.includes(ctx.method))
  const found = routes?.find(({ path }) => path === ctx['_matchedRoute']) ?? routes?.at(-1)
  return found === undefined ? undefined : String(found.path)
}

/**
 * Koa middleware: `app.use(rateLimit())` limits each client address to 100 requests a minute. `ctx.state.rateLimit` holds the
 * decision; what could not be decided is thrown.
 * @throws a SluiceError for each option that makes no sense, saying what was expected and what came
 */
export function rateLimit<State = Koa.DefaultState, Context = Koa.DefaultContext>(
  options: KoaOptions<State, Context> = {},
): KoaRateLimit<State, Context> {
  // From untyped code, options may be null: for createPipeline to refuse.
  const decide = createPipeline(host as Host<KoaContext<State, Context>>, options)
  const { handler } = options

  const middleware = (ctx: KoaContext<State, Context>, next: Koa.Next): Promise<unknown> => {
    let outcome: ReturnType<typeof decide>
    try {
      outcome = decide(ctx)
    } catch (error) {
      return failed(error, ctx.req)
    }
    if (!isPromise(outcome)) return apply(outcome, ctx, next)
    return outcome.then(
      (later) => apply(later, ctx, next),
      (error: unknown) => failed(error, ctx.req),
    )
  }

  const apply = (outcome: HttpOutcome<Koa.Response>, ctx: KoaContext<State, Context>, next: Koa.Next): Promise<unknown> => {
    // A limiter that skips does not hide the decision of one before it.
    if (outcome.decision !== undefined) (ctx.state as { rateLimit?: Decision }).rateLimit = outcome.decision
    setHeaders(ctx, outcome.headers)
    return outcome.pass ? proceed(outcome, ctx.response, next) : refuse(outcome, ctx)
  }

  const refuse = async (outcome: Refusal, ctx: KoaContext<State, Context>): Promise<void> => {
    if (ctx.headerSent) return
    ctx.status = outcome.status
    if (handler === undefined || outcome.decision === undefined) ctx.body = outcome.body
    else await handler(ctx, { decision: outcome.decision, status: outcome.status, response: ctx.response })
  }

  return Object.assign(middleware, { limiter: decide.limiter })
}

function proceed({ delay, done }: Admission<Koa.Response>, response: Koa.Response, next: Koa.Next): Promise<unknown> {
  if (done !== undefined) followNodeResponse(response.res, done, response)
  return delay > 0 ? inTurn(delay, response, next) : next()
}

/** For a client that left, the middleware before this one still has to come to its end. */
async function inTurn(delay: number, response: Koa.Response, next: Koa.Next): Promise<unknown> {
  return (await waitQueueDelay(delay, (gone) => whenClosed(response.res, gone))) ? next() : undefined
}

async function failed(error: unknown, { socket }: Koa.Request['req']): Promise<undefined> {
  if (!hasLeft(error, socket.destroyed)) throw error
}
