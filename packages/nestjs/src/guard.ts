import { type CanActivate, type ExecutionContext, Inject, Injectable } from '@nestjs/common'
import { SluiceError } from '@sluice/core'
import { clientHasLeft, type HttpOutcome, isGone, isPromise, type NodeResponse, setNodeHeaders } from '@sluice/core/adapter-kit'
import { admit, followCall } from './admission.ts'
import { setDecision } from './call-state.ts'
import { exceptionOf, type Refusal } from './exceptions.ts'
import { httpRequestOf, responseOf, transportOf } from './execution-context.ts'
import type { RateLimitResult } from './options.ts'
import { type RoutePipeline, ROUTES, type Routes } from './routes.ts'
import { SharedAnswers } from './shared-answers.ts'

/**
 * Decides each call. Bind it with APP_GUARD, after the guards that authenticate the caller; on a gateway, with `@UseGuards`.
 * @example
 * ```ts
 * import { Module } from '@nestjs/common'
 * import { APP_GUARD } from '@nestjs/core'
 * import { RateLimitGuard, RateLimitModule } from '@sluice/nestjs'
 *
 * @Module({
 *   imports: [RateLimitModule.forRoot({ limit: 100, window: '1m' })],
 *   providers: [{ provide: APP_GUARD, useClass: RateLimitGuard }],
 * })
 * export class AppModule {}
 * ```
 */
export class RateLimitGuard implements CanActivate {
  private readonly routes: Routes
  private readonly sharedAnswers = new SharedAnswers()

  constructor(routes: Routes) {
    refuseForeignMethods(this)
    this.routes = routes
  }

  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    const pipeline = this.routes.of(context)
    if (pipeline === undefined) return true
    const request = this.routes.options.graphql === 'request' && transportOf(context) === 'graphql' ? httpRequestOf(context) : undefined
    return request === undefined ? this.decide(pipeline, context) : this.decideOnce(request, pipeline, context)
  }

  // Apart, as is `applyLater`: V8 allocates the variables of closures at every call of the function that contains them.
  private decideOnce(request: object, pipeline: RoutePipeline, context: ExecutionContext): Promise<boolean> {
    return this.sharedAnswers.once(request, pipeline, context, () => this.decide(pipeline, context))
  }

  private decide(pipeline: RoutePipeline, context: ExecutionContext): boolean | Promise<boolean> {
    let outcome: ReturnType<RoutePipeline>
    try {
      outcome = pipeline(context)
    } catch (error) {
      return fail(error, context)
    }
    return isPromise(outcome) ? this.applyLater(outcome, context) : this.apply(outcome, context)
  }

  private applyLater(outcome: Promise<HttpOutcome<RateLimitResult>>, context: ExecutionContext): Promise<boolean> {
    return outcome.then(
      (decided) => this.apply(decided, context),
      (error: unknown) => fail(error, context),
    )
  }

  private apply(outcome: HttpOutcome<RateLimitResult>, context: ExecutionContext): boolean | Promise<boolean> {
    const response = responseOf(context)
    if (outcome.pass) followCall(outcome, context, response)
    if (outcome.decision !== undefined) setDecision(context, outcome.decision)
    if (response !== undefined && !response.headersSent) {
      // Content-Type is left to the filter, or to the user's filter, which writes the body.
      setNodeHeaders(response, outcome.pass ? outcome.headers : outcome.headers.filter(([name]) => name !== 'Content-Type'))
    }
    if (outcome.pass) return admit(outcome, response)
    // Another middleware is writing the response: the handler must not run, and nothing more can be written.
    return transportOf(context) === 'http' && response?.headersSent === true ? never() : this.refuse(outcome, context, response)
  }

  private async refuse(refusal: Refusal, context: ExecutionContext, response: NodeResponse | undefined): Promise<boolean> {
    const { handler, exception } = this.routes.options
    const { decision, status } = refusal
    if (handler !== undefined && response !== undefined && decision !== undefined && transportOf(context) === 'http') {
      response.statusCode = status
      try {
        await handler(context, { decision, status, response })
      } catch (error) {
        // An exception filter would answer the error with the status of the refusal.
        response.statusCode = 200
        throw error
      }
      return never()
    }
    throw (await exception?.(context, refusal)) ?? (await exceptionOf(refusal, context))
  }
}
Injectable()(RateLimitGuard)
Inject(ROUTES)(RateLimitGuard, undefined, 0)

/** Whether a guard, its class or a class of it decides by these limits. */
export function guardsWith(guard: unknown, routes: Routes): boolean {
  if (guard instanceof RateLimitGuard) return guard['routes'] === routes
  return typeof guard === 'function' && (guard === RateLimitGuard || guard.prototype instanceof RateLimitGuard)
}

// Methods that a subclass of ThrottlerGuard overrides, and what to use here.
const FOREIGN_METHODS: Readonly<Record<string, string>> = {
  getTracker: 'use the option key',
  generateKey: 'use the option key, with route() among its parts',
  shouldSkip: 'use the option skip',
  throwThrottlingException: 'use the option exception',
  getErrorMessage: 'use the option message',
  getRequestResponse: 'remove it, since the guard finds the request of every transport',
  handleRequest: 'use the options cost, skip and settle, or override canActivate()',
}

/**
 * A subclass of ThrottlerGuard that was given another base would limit by the wrong key, without a word.
 * @throws ERR_OPTION_UNKNOWN
 */
function refuseForeignMethods(guard: RateLimitGuard): void {
  // A guard that overrides this method may call any others of its own.
  if (guard.canActivate !== RateLimitGuard.prototype.canActivate) return
  const method = Object.keys(FOREIGN_METHODS).find((name) => name in guard)
  if (method !== undefined)
    throw new SluiceError('ERR_OPTION_UNKNOWN', `${guard.constructor.name}: ${method}() is never called; ${FOREIGN_METHODS[method]}`)
}

function fail(error: unknown, context: ExecutionContext): Promise<never> {
  if (clientHasLeft(error, isGone(httpRequestOf(context) ?? {}))) return never()
  throw error
}

/**
 * A promise that is never settled, for a call that is answered elsewhere or whose client has left. With any answer of the guard, Nest
 * would write another response. Each call gets a new promise: a shared one would keep all these requests in memory.
 */
function never(): Promise<never> {
  return new Promise(() => undefined)
}
