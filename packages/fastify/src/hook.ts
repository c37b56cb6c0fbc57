import type { RequestLimiter } from '@sluice/core'
import {
  clientHasLeft,
  continueAfter,
  createPipeline,
  EXPOSE,
  exposeNames,
  fastifyHost,
  followNodeResponse,
  type HeaderLine,
  type HttpOutcome,
  isGone,
  isPromise,
  lowerCase,
  type Refusal,
  setNodeHeaders,
} from '@sluice/core/adapter-kit'
import type { FastifyReply, FastifyRequest, HookHandlerDoneFunction } from 'fastify'
import type { FastifyHookOptions } from './options.ts'

/** A hook for `onRequest`, `preParsing`, `preValidation` or `preHandler`, of an app or of a route. */
export interface FastifyRateLimit {
  (request: FastifyRequest, reply: FastifyReply, done: HookHandlerDoneFunction): void
  /** As a `preParsing` hook. The payload is left as it is. */
  (request: FastifyRequest, reply: FastifyReply, payload: unknown, done: HookHandlerDoneFunction): void
  /** The limiter that the hook uses: to peek, reset or consume outside of the hook, by a subject or a request. */
  readonly limiter: RequestLimiter<FastifyRequest>
}

/**
 * Makes a hook without the plugin: nothing is decorated, and no `config` is read. It decides the requests of the app or of the routes to
 * which you add it, so that it can run beside another rate limiter. The decision is on `request.rateLimit`.
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN, ERR_OPTION_CONFLICT, ERR_NAME_*, ERR_LIMIT_INEXACT for invalid options
 * @example
 * ```ts
 * import { createHook } from '@sluice/fastify'
 * import fastify from 'fastify'
 *
 * const app = fastify()
 * app.addHook('onRequest', createHook({ limit: 100, window: '1m' }))
 * app.post('/exports', { preHandler: createHook({ name: 'exports', limit: 5, window: '15m' }) }, () => ({ ok: true }))
 * ```
 */
export function createHook<const N extends string = string>(options: FastifyHookOptions<N> = {}): FastifyRateLimit {
  return hookOf(options, 'rateLimit')
}

/** @param property the property of the request that gets the decision */
export function hookOf(options: FastifyHookOptions, property: string): FastifyRateLimit {
  const decide = createPipeline<FastifyRequest, FastifyReply>(fastifyHost, options)
  const { handler } = options

  const hook = (request: FastifyRequest, reply: FastifyReply, third: unknown, fourth?: HookHandlerDoneFunction): void => {
    // A `preParsing` hook gets the payload before `done`.
    const done = fourth ?? (third as HookHandlerDoneFunction)
    let outcome: ReturnType<typeof decide>
    try {
      outcome = decide(request)
    } catch (error) {
      failed(error, request, done)
      return
    }
    if (isPromise(outcome)) applyLater(outcome, request, reply, done)
    else apply(outcome, request, reply, done)
  }

  // Apart, since V8 allocates the variables of closures at every call of the function that contains them.
  const applyLater = (
    outcome: Promise<HttpOutcome<FastifyReply>>,
    request: FastifyRequest,
    reply: FastifyReply,
    done: HookHandlerDoneFunction,
  ): void => {
    outcome.then(
      (decided) => apply(decided, request, reply, done),
      (error: unknown) => failed(error, request, done),
    )
  }

  const apply = (outcome: HttpOutcome<FastifyReply>, request: FastifyRequest, reply: FastifyReply, done: HookHandlerDoneFunction): void => {
    followNodeResponse(reply.raw, outcome, reply)
    // A limiter that skips a request must not hide the decision of the limiter before it.
    if (outcome.decision !== undefined) (request as unknown as Record<string, unknown>)[property] = outcome.decision
    if (outcome.headers.length > 0 && !reply.raw.headersSent) setHeaders(reply, outcome.headers)
    if (outcome.pass) continueAfter(outcome.delay, reply.raw, done)
    else refuse(outcome, request, reply, done)
  }

  const refuse = (
    { status, body, decision }: Refusal,
    request: FastifyRequest,
    reply: FastifyReply,
    done: HookHandlerDoneFunction,
  ): void => {
    if (reply.sent || reply.raw.headersSent) return
    // Not by `reply.code()`, which marks the status as chosen: `reply.redirect()` of an error handler would not choose another.
    reply.raw.statusCode = status
    if (handler === undefined || decision === undefined) {
      // As bytes, since Fastify adds a charset to text.
      reply.send(Buffer.from(body))
      return
    }
    // In a promise, so that a thrown error and a rejection are handled alike.
    Promise.resolve()
      .then(() => handler(request, { decision, status, response: reply }))
      .then((payload) => {
        if (payload !== undefined && payload !== reply && !reply.sent) reply.send(payload)
      })
      .catch((error: Error) => {
        // Fastify would answer the error with the status of the refusal.
        reply.raw.statusCode = 200
        done(error)
      })
  }

  return Object.assign(hook, { limiter: decide.limiter })
}

/** Sets the headers on the reply, which is faster than on Node's response. If the reply is hijacked, sets them on Node's response. */
function setHeaders(reply: FastifyReply, headers: readonly HeaderLine[]): void {
  for (const line of headers) {
    if (line[0] === EXPOSE) exposeNames(reply.raw, line[1])
    else reply.header(lowerCase(line[0]), line[1])
  }
  // oxlint-disable-next-line typescript/unbound-method -- called on the reply
  const { hijack } = reply
  // In a variable: V8 allocates a function literal that is assigned to a property in its old space, which keeps the request alive.
  const keeping = (): FastifyReply => {
    if (!reply.raw.headersSent) setNodeHeaders(reply.raw, headers)
    return hijack.call(reply)
  }
  reply.hijack = keeping
}

function failed(error: unknown, request: FastifyRequest, done: HookHandlerDoneFunction): void {
  if (!clientHasLeft(error, isGone(request))) done(error as Error)
}
