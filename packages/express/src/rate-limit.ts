import type { Decision, RateLimitOptions, RequestLimiter } from '@sluice/core'
import {
  clientHasLeft,
  continueAfter,
  createPipeline,
  expressHost,
  followNodeResponse,
  type HttpOutcome,
  isGone,
  isPromise,
  type Refusal,
  setNodeHeaders,
} from '@sluice/core/adapter-kit'
import type { NextFunction, Request, RequestHandler, Response } from 'express'
import type { IncomingMessage, ServerResponse } from 'node:http'

declare global {
  namespace Express {
    interface Request {
      /** The decision of the limiter that decided last; `undefined` if every limiter skipped the request. */
      rateLimit?: Decision | undefined
    }
  }
}

/** Express's request, as option functions get it: Express sets `res` on it. */
export type ExpressRequest = Request & { readonly res: Response }
/** The options of `rateLimit`. Option functions get Express's request. */
export type ExpressOptions<N extends string = string> = RateLimitOptions<ExpressRequest, Response, N>
/**
 * Express middleware, and the limiter that it uses. It also takes the request and the response of Node's own server. So it works in every
 * framework that mounts such middleware: h3 1, tRPC's standalone server, Connect, Vite. Option functions then get Node's request.
 */
export type ExpressRateLimit = ((req: IncomingMessage, res: ServerResponse, next: (error?: any) => void) => void) &
  // Last, since TypeScript infers the types of a route's other handlers from the last signature.
  RequestHandler & {
    /** Its methods also take requests, and those of Node, such as `socket.request` of Socket.IO. */
    readonly limiter: RequestLimiter<IncomingMessage>
  }

/**
 * Makes Express middleware. Without options it admits 100 requests per minute and client address, counted in memory.
 *
 * The decision is on `req.rateLimit`. A request that could not be decided goes to `next(error)`. The middleware is synchronous
 * unless the store, an option function or a queue is not.
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN, ERR_OPTION_CONFLICT, ERR_NAME_*, ERR_LIMIT_INEXACT for invalid options
 * @example
 * ```ts
 * import { ip, rateLimit, slidingLog } from '@sluice/express'
 * import express from 'express'
 *
 * const app = express()
 * app.use(rateLimit({ limit: 100, window: '1m' }))
 * app.use('/login', rateLimit({ name: 'login', limits: [slidingLog({ name: 'address', limit: 5, window: '15m', key: ip() })] }))
 * app.listen(3000)
 * ```
 */
export function rateLimit<const N extends string = string>(options: ExpressOptions<N> = {}): ExpressRateLimit {
  const decide = createPipeline<ExpressRequest, Response, N>(expressHost, options)
  const { handler } = options

  const middleware = (req: Request, res: Response, next: NextFunction): void => {
    let outcome: ReturnType<typeof decide>
    try {
      outcome = decide(req as ExpressRequest)
    } catch (error) {
      failed(error, req, next)
      return
    }
    if (isPromise(outcome)) applyLater(outcome, req as ExpressRequest, res, next)
    else apply(outcome, req as ExpressRequest, res, next)
  }

  // Apart, since V8 allocates the variables of closures at every call of the function that contains them.
  const applyLater = (outcome: Promise<HttpOutcome<Response>>, req: ExpressRequest, res: Response, next: NextFunction): void => {
    outcome.then(
      (decided) => apply(decided, req, res, next),
      (error) => failed(error, req, next),
    )
  }

  const apply = (outcome: HttpOutcome<Response>, req: ExpressRequest, res: Response, next: NextFunction): void => {
    followNodeResponse(res, outcome, res)
    // A limiter that skips a request must not hide the decision of the limiter before it.
    if (outcome.decision !== undefined) req.rateLimit = outcome.decision
    if (!res.headersSent) setNodeHeaders(res, outcome.headers)
    if (outcome.pass) continueAfter(outcome.delay, res, next)
    else refuse(outcome, req, res, next)
  }

  const refuse = (outcome: Refusal, req: ExpressRequest, res: Response, next: NextFunction): void => {
    if (res.headersSent) return
    res.statusCode = outcome.status
    if (handler === undefined || outcome.decision === undefined) {
      res.end(outcome.body)
      return
    }
    // In a promise, so that a thrown error and a rejection are handled alike.
    const { decision, status } = outcome
    Promise.resolve()
      .then(() => handler(req, { decision, status, response: res }))
      .catch((error: unknown) => {
        // Express would answer the error with the status of the refusal.
        res.statusCode = 200
        next(error)
      })
  }

  // Node's request is missing what only option functions read.
  return Object.assign(middleware as ExpressRateLimit, { limiter: decide.limiter as RequestLimiter<any> })
}

function failed(error: unknown, req: Request, next: NextFunction): void {
  if (!clientHasLeft(error, isGone(req))) next(error)
}
