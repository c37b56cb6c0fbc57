import type { Limiter, RateLimitOptions } from '@sluice/core'
import {
  createPipeline,
  fastifyHost,
  hasLeft,
  type HeaderLine,
  type HttpOutcome,
  invalid,
  isPromise,
  lowerCase,
  proceed,
  type Refusal,
} from '@sluice/core/adapter-kit'
import type { FastifyReply, FastifyRequest, HookHandlerDoneFunction } from 'fastify'

export const STAGES = ['onRequest', 'preValidation', 'preHandler'] as const

/** Where in Fastify's lifecycle a request is decided. */
export type Stage = (typeof STAGES)[number]

/** The options of one limiter: core's, and where it decides. Function options get Fastify's request. */
export interface FastifyLimitOptions extends RateLimitOptions<FastifyRequest, FastifyReply> {
  /**
   * When the request is decided. Default `'onRequest'`: before the body is read, so that a refused one costs nothing; with a
   * key by `body()` `'preValidation'`, where there is one.
   */
  readonly hook?: Stage | undefined
}

/** A hook for `onRequest`, `preValidation` or `preHandler`, with its limiter. */
export type FastifyRateLimit = ((request: FastifyRequest, reply: FastifyReply, done: HookHandlerDoneFunction) => void) & {
  readonly limiter: Limiter
}

/** On a request, who has decided it: `reply.callNotFound()` runs hooks again, and one limiter may stand in two contexts. */
const DECIDED: unique symbol = Symbol('sluice.fastify.decided')

/** @throws ERR_OPTION_INVALID */
export function stageOf({ hook, key, limits, tiers }: FastifyLimitOptions): Stage {
  if (hook !== undefined && !STAGES.includes(hook)) throw invalid('hook', "'onRequest', 'preValidation' or 'preHandler'", hook)
  const rules = [...(limits ?? []), ...Object.values(tiers ?? {}).flat()]
  const parts = [key, ...rules.map((rule) => rule.key)].flat()
  const readsBody = parts.some((part) => typeof part === 'object' && part.name.startsWith('body:'))
  return hook ?? (readsBody ? 'preValidation' : 'onRequest')
}

/** @throws a SluiceError for each option that makes no sense, saying what was expected and what came */
export function hookOf({ hook: _stage, ...options }: FastifyLimitOptions): FastifyRateLimit {
  const decide = createPipeline<FastifyRequest, FastifyReply>(fastifyHost, options)
  const { handler } = options
  const { limiter } = decide

  const hook = (request: FastifyRequest, reply: FastifyReply, done: HookHandlerDoneFunction): void => {
    if (!isFirst(request, limiter)) {
      done()
      return
    }
    let outcome: ReturnType<typeof decide>
    try {
      outcome = decide(request)
    } catch (error) {
      failed(error, request, done)
      return
    }
    if (!isPromise(outcome)) apply(outcome, request, reply, done)
    else
      outcome.then(
        (later) => apply(later, request, reply, done),
        (error: unknown) => failed(error, request, done),
      )
  }

  const apply = (outcome: HttpOutcome<FastifyReply>, request: FastifyRequest, reply: FastifyReply, done: HookHandlerDoneFunction): void => {
    // A limiter that skips does not hide the decision of one before it.
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
      // Bytes: to text, Fastify would add a charset.
      reply.send(Buffer.from(body))
      return
    }
    // In a promise, so that a throw and a rejection take one way.
    Promise.resolve()
      .then(() => handler(request, { decision, status, response: reply }))
      .then((payload) => {
        if (payload !== undefined && payload !== reply && !reply.sent) reply.send(payload)
      })
      .catch((error: Error) => {
        // Fastify would answer an error with the status that is set.
        reply.code(200)
        done(error)
      })
  }

  return Object.assign(hook, { limiter })
}

/** By Fastify: what Node's response has before, Node sets anew one by one when Fastify sends. A reply that is hijacked goes without Fastify. */
function setHeaders(reply: FastifyReply, headers: readonly HeaderLine[]): void {
  for (const line of headers) reply.header(lowerCase(line[0]), line[1])
  // oxlint-disable-next-line typescript/unbound-method -- called on the reply
  const { hijack } = reply
  // Not as a literal on the right of the assignment: V8 makes those among what is old, where they hold the request until a full collection.
  const keeping = (): FastifyReply => {
    if (!reply.raw.headersSent) for (const [name, value] of headers) reply.raw.setHeader(name, value)
    return hijack.call(reply)
  }
  reply.hijack = keeping
}

/** Whether this limiter has not decided the request yet; from here on it has. */
function isFirst(request: FastifyRequest & { [DECIDED]?: Limiter[] }, limiter: Limiter): boolean {
  const deciders = request[DECIDED]
  if (deciders === undefined) request[DECIDED] = [limiter]
  else if (deciders.includes(limiter)) return false
  else deciders.push(limiter)
  return true
}

function failed(error: unknown, { socket }: FastifyRequest, done: HookHandlerDoneFunction): void {
  if (!hasLeft(error, socket.destroyed)) done(error as Error)
}
