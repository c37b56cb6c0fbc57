import type { Decision, Limiter, RateLimitOptions } from '@sluice/core'
import { createPipeline, expressHost, hasLeft, type HttpOutcome, isPromise, proceed, type Refusal } from '@sluice/core/adapter-kit'
import type { NextFunction, Request, RequestHandler, Response } from 'express'

declare global {
  namespace Express {
    interface Request {
      /** The decision of the limiter that decided last; `undefined` when all of them skipped. */
      rateLimit?: Decision | undefined
    }
  }
}

/** What every function option gets. Express hangs the response on it. */
export type ExpressRequest = Request & { readonly res: Response }
export type ExpressOptions = RateLimitOptions<ExpressRequest, Response>
export type ExpressRateLimit = RequestHandler & { readonly limiter: Limiter }

/**
 * Express middleware: `app.use(rateLimit())` limits each client address to 100 requests a minute. `req.rateLimit` holds the
 * decision; what could not be decided goes to `next(error)`; nothing is asynchronous unless the store or an option is.
 * @throws a SluiceError for each option that makes no sense, saying what was expected and what came
 */
export function rateLimit(options: ExpressOptions = {}): ExpressRateLimit {
  // From untyped code, options may be null: for createPipeline to refuse.
  const decide = createPipeline<ExpressRequest, Response>(expressHost, options)
  const { handler } = options

  const middleware = (req: Request, res: Response, next: NextFunction): void => {
    let outcome: ReturnType<typeof decide>
    try {
      outcome = decide(req as ExpressRequest)
    } catch (error) {
      failed(error, req, next)
      return
    }
    if (!isPromise(outcome)) apply(outcome, req as ExpressRequest, res, next)
    else
      outcome.then(
        (later) => apply(later, req as ExpressRequest, res, next),
        (error) => failed(error, req, next),
      )
  }

  const apply = (outcome: HttpOutcome<Response>, req: ExpressRequest, res: Response, next: NextFunction): void => {
    // A limiter that skips does not hide the decision of one before it.
    if (outcome.decision !== undefined) req.rateLimit = outcome.decision
    if (!res.headersSent) for (const line of outcome.headers) res.setHeader(line[0], line[1])
    if (outcome.pass) proceed(outcome, res, res, next)
    else refuse(outcome, req, res, next)
  }

  const refuse = (outcome: Refusal, req: ExpressRequest, res: Response, next: NextFunction): void => {
    if (res.headersSent) return
    res.statusCode = outcome.status
    if (handler === undefined || outcome.decision === undefined) {
      res.end(outcome.body)
      return
    }
    // In a promise, so that a throw and a rejection take one way.
    const { decision, status } = outcome
    Promise.resolve()
      .then(() => handler(req, { decision, status, response: res }))
      .catch((error: unknown) => {
        // Express would answer an error with the status that is set.
        res.statusCode = 200
        next(error)
      })
  }

  return Object.assign(middleware, { limiter: decide.limiter })
}

function failed(error: unknown, { socket }: Request, next: NextFunction): void {
  if (!hasLeft(error, socket.destroyed)) next(error)
}
