import type { Decision, Limiter, MaybePromise, RateLimitOptions, RefusalInfo } from '@sluice/core'
import { createPipeline, type HeaderLine, type HttpOutcome, isPromise, hasLeft, withHeaders } from '@sluice/core/adapter-kit'
import type { Context, Env, MiddlewareHandler, Next } from 'hono'
import { host } from './host.ts'
import { proceed, replaceResponse } from './proceed.ts'

declare module 'hono' {
  interface ContextVariableMap {
    /** The decision of the limiter that decided last; `undefined` when all of them skipped. */
    rateLimit?: Decision | undefined
  }
}

/** `E` is your app's `Env`, for functions that read bindings or variables. */
export interface HonoOptions<E extends Env = any> extends RateLimitOptions<Context<E>, Response> {
  /** Makes the response to a refused request; its status is set on the context, and the headers of the limiter are added to it. */
  readonly handler?: ((c: Context<E>, info: RefusalInfo) => MaybePromise<Response>) | undefined
}
export type HonoRateLimit<E extends Env = any> = MiddlewareHandler<E> & { readonly limiter: Limiter }

// What all limiters of one request have to say, in order. Registered, so that two copies of this package write one set.
const LINES = Symbol.for('sluice.hono.lines')

/**
 * Hono middleware: `app.use(rateLimit())` limits each client address to 100 requests a minute. `c.get('rateLimit')` holds the
 * decision; what could not be decided goes to `app.onError`. Headers are set once there is a response: set before, Hono would
 * lose them on a raw `Response` and on the answer to an error.
 * @throws a SluiceError for each option that makes no sense, saying what was expected and what came
 */
export function rateLimit(options?: HonoOptions): HonoRateLimit
// Two signatures: left to be inferred, `E` would be `never` within `limits`.
export function rateLimit<E extends Env>(options: HonoOptions<E>): HonoRateLimit<E>
export function rateLimit(options: HonoOptions = {}): HonoRateLimit {
  const decide = createPipeline<Context, Response>(host, options)
  const { handler } = options

  const middleware = async (c: Context, next: Next): Promise<Response | void> => {
    const held = c as { [LINES]?: readonly HeaderLine[] }
    const before = held[LINES]
    let outcome: HttpOutcome<Response>
    try {
      const decided = decide(c)
      outcome = isPromise(decided) ? await decided : decided
    } catch (error) {
      if (hasLeft(error, c.req.raw.signal.aborted)) return c.body(null)
      throw error
    }
    // A limiter that skips does not hide the decision of one before it.
    if (outcome.decision !== undefined) c.set('rateLimit', outcome.decision)
    const sofar = before === undefined ? outcome.headers : [...before, ...outcome.headers]
    held[LINES] = sofar
    // Awaited here: workerd takes a rejection that is handled a moment later for one that is not.
    if (!outcome.pass) return await refuse(outcome, c, sofar)
    const response = await proceed(outcome, c, next)
    if (before !== undefined) return response
    // Once for all of them: a limiter that came first would overwrite what a later one knows better.
    const lines = held[LINES]
    if (lines.length > 0) replaceResponse(c, withHeaders(c.res, lines))
    return response
  }

  const refuse = async (
    { status, body, decision }: HttpOutcome & { readonly pass: false },
    c: Context,
    lines: readonly HeaderLine[],
  ): Promise<Response> => {
    if (handler === undefined || decision === undefined) return c.body(body, status as 429, Object.fromEntries(lines))
    c.status(status as 429)
    try {
      return withHeaders(await handler(c, { decision, status }), lines)
    } catch (error) {
      // The answer to the error has a status of its own.
      c.status(200)
      for (const [name, value] of lines) c.header(name, value)
      throw error
    }
  }

  return Object.assign(middleware, { limiter: decide.limiter })
}
