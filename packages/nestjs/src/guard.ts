import { type CanActivate, type ExecutionContext, Inject, Injectable } from '@nestjs/common'
import { systemClock } from '@sluice/core'
import {
  type Admission,
  continueAfter,
  followNodeResponse,
  hasLeft,
  type HttpOutcome,
  isPromise,
  type NodeResponse,
} from '@sluice/core/adapter-kit'
import { addPending, decisionOf, type PendingCall, setDecision } from './call-state.ts'
import { exceptionOf, type Refusal } from './exceptions.ts'
import type { RateLimitResult } from './options.ts'
import { type RoutePipeline, Routes } from './routes.ts'
import { httpRequestOf, responseOf, transportOf } from './execution-context.ts'

interface Shared {
  readonly first: ExecutionContext
  readonly answer: Promise<boolean>
}

/** Bind it with APP_GUARD, after the guards that say who is calling; on a gateway, with @UseGuards. */
export class RateLimitGuard implements CanActivate {
  private readonly routes: Routes
  private readonly shared = new WeakMap<object, Map<RoutePipeline, Shared>>()

  constructor(routes: Routes) {
    this.routes = routes
  }

  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    const decide = this.routes.of(context)
    if (decide === undefined) return true
    const request = this.routes.options.graphql === 'request' && transportOf(context) === 'graphql' ? httpRequestOf(context) : undefined
    return request === undefined ? this.decide(decide, context) : this.once(request, decide, context)
  }

  private decide(decide: RoutePipeline, context: ExecutionContext): boolean | Promise<boolean> {
    let outcome: ReturnType<typeof decide>
    try {
      outcome = decide(context)
    } catch (error) {
      return failed(error, context)
    }
    if (!isPromise(outcome)) return this.apply(outcome, context)
    return outcome.then(
      (later) => this.apply(later, context),
      (error: unknown) => failed(error, context),
    )
  }

  /** Fields of one request that have the same limits: the first asks, and the others get its answer. */
  private once(request: object, decide: RoutePipeline, context: ExecutionContext): Promise<boolean> {
    const answers = this.shared.get(request) ?? new Map<RoutePipeline, Shared>()
    this.shared.set(request, answers)
    const known = answers.get(decide)
    if (known === undefined) {
      const answer = (async () => this.decide(decide, context))()
      answers.set(decide, { first: context, answer })
      return answer
    }
    return known.answer.finally(() => {
      const decision = decisionOf(known.first)
      if (decision !== undefined) setDecision(context, decision)
    })
  }

  private apply(outcome: HttpOutcome<RateLimitResult>, context: ExecutionContext): boolean | Promise<boolean> {
    const response = responseOf(context)
    if (outcome.decision !== undefined) setDecision(context, outcome.decision)
    if (response !== undefined && !response.headersSent) {
      // The type of a refusal's body is for whoever writes the body.
      for (const line of outcome.headers) if (line[0] !== 'Content-Type') response.setHeader(line[0], line[1])
    }
    if (outcome.pass) return proceed(outcome, context, response)
    // Somebody answers already: the handler is not reached, and nothing is written.
    return transportOf(context) === 'http' && response?.headersSent === true ? never() : this.refuse(outcome, context, response)
  }

  private async refuse(refusal: Refusal, context: ExecutionContext, response: NodeResponse | undefined): Promise<boolean> {
    const { handler, exception } = this.routes.options
    if (handler !== undefined && response !== undefined && refusal.decision !== undefined && transportOf(context) === 'http') {
      response.statusCode = refusal.status
      await handler(context, { decision: refusal.decision, status: refusal.status, response })
      return never()
    }
    throw (await exception?.(context, refusal)) ?? (await exceptionOf(refusal, context))
  }
}
Injectable()(RateLimitGuard)
Inject(Routes)(RateLimitGuard, undefined, 0)

// For a request that is answered elsewhere, or by nobody: any answer of a guard would have Nest write another one. One promise
// for all would hold every request that waits for it.
function never(): Promise<never> {
  return new Promise(() => undefined)
}

function proceed(
  { delay, done, decision }: Admission<RateLimitResult>,
  context: ExecutionContext,
  response: NodeResponse | undefined,
): boolean | Promise<boolean> {
  const result: PendingCall['result'] = { response }
  if (done !== undefined) {
    if (response !== undefined) followNodeResponse(response, done, result)
    addPending(context, { result, settle: response === undefined ? (status, ended) => void done(status, ended) : undefined })
  }
  if (delay === 0 || decision === undefined) return true
  return new Promise((resolve) => {
    const next = () => resolve(true)
    if (response === undefined) systemClock.after(delay, next)
    // The promise of a client that leaves is never settled: its handler must not run.
    else continueAfter(delay, response, next)
  })
}

function failed(error: unknown, context: ExecutionContext): Promise<never> {
  if (hasLeft(error, httpRequestOf(context)?.socket?.destroyed === true)) return never()
  throw error
}
