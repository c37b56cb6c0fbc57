import type { Decision, MaybePromise, RateLimitOptions, RefusalInfo, RequestLimiter } from '@sluice/core'
import { clientHasLeft, createPipeline, EXPOSE, type HeaderLine, type HttpOutcome, isPromise, withHeaders } from '@sluice/core/adapter-kit'
import type { Context, Env, MiddlewareHandler, Next } from 'hono'
import { host } from './host.ts'
import { proceed, replaceResponse } from './proceed.ts'

declare module 'hono' {
  interface ContextVariableMap {
    /** The decision of the limiter that decided last on this request; `undefined` if all limiters skipped it. */
    rateLimit?: Decision | undefined
  }
}

/** The options of `rateLimit`. Functions get Hono's context. `E` is the `Env` of your app, so that they can read its bindings and variables. */
export interface HonoOptions<E extends Env = any, N extends string = string> extends RateLimitOptions<Context<E>, Response, N> {
  /** Makes the response to a refused request. The status is set on the context; the limiter's headers are added to the response. Default: a problem document. */
  readonly handler?: ((c: Context<E>, info: RefusalInfo) => MaybePromise<Response>) | undefined
}
/** Middleware and its limiter. */
export type HonoRateLimit<E extends Env = any> = MiddlewareHandler<E> & {
  /** To peek, reset or consume outside of the middleware, by a subject or a context. */
  readonly limiter: RequestLimiter<Context<E>>
}

// The headers of all limiters of one request, in order. A registered symbol, so that two copies of this package write one set.
const LINES = Symbol.for('sluice.hono.lines')

/**
 * Hono middleware that limits requests. Default: 100 requests a minute per client address, in memory. `c.get('rateLimit')` holds
 * the decision. Errors, such as a store that cannot decide, go to `app.onError`.
 * @throws SluiceError for an option that is unknown, invalid or in conflict with another
 * @example
 * ```ts
 * import { ip, rateLimit, slidingLog } from '@sluice/hono'
 * import { Hono } from 'hono'
 *
 * const app = new Hono()
 * app.use(rateLimit({ limit: 100, window: '1m' }))
 *
 * const login = rateLimit({ name: 'login', limits: [slidingLog({ name: 'address', limit: 5, window: '15m', key: ip() })] })
 * app.post('/login', login, (c) => c.json({ left: c.get('rateLimit')?.remaining }))
 * ```
 */
export function rateLimit<const N extends string = string>(options?: HonoOptions<any, N>): HonoRateLimit
// Two signatures, because `E` would be inferred as `never` within `limits`.
export function rateLimit<E extends Env, const N extends string = string>(options: HonoOptions<E, N>): HonoRateLimit<E>
export function rateLimit(options: HonoOptions = {}): HonoRateLimit {
  const decide = createPipeline<Context, Response>(host, options)
  const { handler } = options

  const middleware = async (c: Context, next: Next): Promise<Response | void> => {
    const stored = c as { [LINES]?: readonly HeaderLine[] }
    const before = stored[LINES]
    let outcome: HttpOutcome<Response>
    try {
      const decided = decide(c)
      outcome = isPromise(decided) ? await decided : decided
    } catch (error) {
      if (clientHasLeft(error, c.req.raw.signal.aborted)) return c.body(null)
      throw error
    }
    // A limiter that skips does not hide the decision of one before it.
    if (outcome.decision !== undefined) c.set('rateLimit', outcome.decision)
    const lines = before === undefined ? outcome.headers : [...before, ...outcome.headers]
    stored[LINES] = lines
    // Awaited here: workerd reports a rejection as unhandled if its handler is attached a moment later.
    if (!outcome.pass) return await refuse(outcome, c, lines)
    const isOutermost = before === undefined
    if (outcome.done !== undefined || outcome.delay > 0) return await proceed(outcome, c, next, isOutermost ? setLines : leaveLines)
    await next()
    if (isOutermost) setLines(c)
    return undefined
  }

  const refuse = async (
    { status, body, decision }: HttpOutcome & { readonly pass: false },
    c: Context,
    lines: readonly HeaderLine[],
  ): Promise<Response> => {
    if (handler === undefined || decision === undefined) {
      // With the body, in one step, the server of Node sends them fastest. Names to expose would replace those of other middleware.
      const isExposing = lines.some(([name]) => name === EXPOSE)
      return answer(c.body(body, status as 429, isExposing ? {} : Object.fromEntries(lines)), c, lines, !isExposing)
    }
    c.status(status as 429)
    try {
      return answer(await handler(c, { decision, status }), c, lines, false)
    } catch (error) {
      // The error handler must not inherit the status of the refusal.
      c.status(200)
      for (const [name, value] of lines) c.header(name, value, { append: name === EXPOSE })
      throw error
    }
  }

  return Object.assign(middleware, { limiter: decide.limiter })
}

/** Answers a request. The limiter's headers are set last: Hono copies the headers of an earlier response over those of this one. */
function answer(response: Response, c: Context, lines: readonly HeaderLine[], hasLines: boolean): Response {
  c.res = response
  if (!hasLines || c.res !== response) replaceResponse(c, withHeaders(c.res, lines))
  return c.res
}

/**
 * Sets the headers of all limiters. Only the outermost limiter does, and only on the final response. Hono loses headers that were set
 * earlier if a handler returns a raw `Response` or throws.
 */
function setLines(c: Context): void {
  const lines = (c as { [LINES]?: readonly HeaderLine[] })[LINES] ?? []
  if (lines.length > 0) replaceResponse(c, withHeaders(c.res, lines))
}

function leaveLines(): void {}
