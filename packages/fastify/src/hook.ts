import type { Limiter } from '@sluice/core'
import {
  createPipeline,
  fastifyHost,
  clientHasLeft,
  type HeaderLine,
  type HttpOutcome,
  isPromise,
  lowerCase,
  proceed,
  type Refusal,
} from '@sluice/core/adapter-kit'
import type { FastifyReply, FastifyRequest, HookHandlerDoneFunction } from 'fastify'
import type { FastifyLimitOptions } from './options.ts'

/** A hook for `onRequest`, `preValidation` or `preHandler`, and the limiter that it uses. */
export type FastifyRateLimit = ((request: FastifyRequest, reply: FastifyReply, done: HookHandlerDoneFunction) => void) & {
  readonly limiter: Limiter
}

/** @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN, ERR_OPTION_CONFLICT, ERR_NAME_*, ERR_LIMIT_INEXACT for invalid options */
export function hookOf({ hook: _stage, ...options }: FastifyLimitOptions): FastifyRateLimit {
  const decide = createPipeline<FastifyRequest, FastifyReply>(fastifyHost, options)
  const { handler } = options

  const hook = (request: FastifyRequest, reply: FastifyReply, done: HookHandlerDoneFunction): void => {
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
    // A limiter that skips a request must not hide the decision of the limiter before it.
    if (outcome.decision !== undefined) request.rateLimit = outcome.decision
    if (outcome.headers.length > 0 && !reply.raw.headersSent) setHeaders(reply, outcome.headers)
    if (outcome.pass) proceed(outcome, reply.raw, reply, done)
    else refuse(outcome, request, reply, done)
  }

  const refuse = (
    { status, body, decision }: Refusal,
    request: FastifyRequest,
    reply: FastifyReply,
    done: HookHandlerDoneFunction,
  ): void => {
    if (reply.sent || reply.raw.headersSent) return
    reply.code(status)
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
        reply.code(200)
        done(error)
      })
  }

  return Object.assign(hook, { limiter: decide.limiter })
}

/** Sets the headers on the reply, which is faster than on Node's response. If the reply is hijacked, sets them on Node's response. */
function setHeaders(reply: FastifyReply, headers: readonly HeaderLine[]): void {
  for (const line of headers) reply.header(lowerCase(line[0]), line[1])
  // oxlint-disable-next-line typescript/unbound-method -- called on the reply
  const { hijack } = reply
  // In a variable: V8 allocates a function literal that is assigned to a property in its old space, which keeps the request alive.
  const keeping = (): FastifyReply => {
    if (!reply.raw.headersSent) for (const [name, value] of headers) reply.raw.setHeader(name, value)
    return hijack.call(reply)
  }
  reply.hijack = keeping
}

function failed(error: unknown, { socket }: FastifyRequest, done: HookHandlerDoneFunction): void {
  if (!clientHasLeft(error, socket.destroyed)) done(error as Error)
}
