import type { ArgumentsHost } from '@nestjs/common'
import type { Decision } from '@sluice/core'
import { httpRequestOf, transportOf } from './execution-context.ts'
import type { RateLimitResult } from './options.ts'

/** An admitted call, which the guard adds and the interceptor settles when the handler has ended. */
export interface PendingCall {
  /** What the handler did; the interceptor fills it in. */
  readonly result: { -readonly [K in keyof RateLimitResult]: RateLimitResult[K] }
  /** Settles the call at the end of the handler; `undefined` if the end of the response settles it. */
  readonly settle: ((status: number | undefined, result: RateLimitResult | undefined) => void) | undefined
}

const pending = new WeakMap<object, PendingCall[]>()
const decisions = new WeakMap<object, Decision>()
const DECISION: unique symbol = Symbol('sluice.nestjs.decision')

interface RequestWithDecision {
  rateLimit?: Decision
  [DECISION]?: Decision
}

/** One object per call, the same for guards, interceptors and parameter decorators. */
function callOf(context: ArgumentsHost): object {
  // Nest copies the list of arguments for parameter decorators; these arguments are not copied.
  const argument: unknown = context.getArgByIndex({ http: 0, graphql: 3, ws: 1, rpc: 1 }[transportOf(context)])
  return typeof argument === 'object' && argument !== null ? argument : context.getArgs()
}

export function addPending(context: ArgumentsHost, added: PendingCall): void {
  const call = callOf(context)
  const list = pending.get(call)
  if (list === undefined) pending.set(call, [added])
  else list.push(added)
}

/** Returns and removes the pending calls that the guards added; `undefined` if there are none. */
export function takePending(context: ArgumentsHost): readonly PendingCall[] | undefined {
  const call = callOf(context)
  const list = pending.get(call)
  if (list !== undefined) pending.delete(call)
  return list
}

export function setDecision(context: ArgumentsHost, decision: Decision): void {
  const request = httpRequestOf(context) as RequestWithDecision | undefined
  if (request !== undefined) request.rateLimit = decision
  // A WeakMap entry costs as much as a decision, so HTTP uses a property. On other transports the argument may be the user's message.
  if (request !== undefined && transportOf(context) === 'http') request[DECISION] = decision
  else decisions.set(callOf(context), decision)
}

/**
 * Returns the decision on a call: that of the limiter that decided last; `undefined` if all limiters skipped the call. For guards,
 * interceptors and filters. A handler gets it with `@RateLimitDecision()`.
 * @example
 * ```ts
 * import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common'
 * import { decisionOf } from '@sluice/nestjs'
 * import type { Observable } from 'rxjs'
 *
 * export class LogRemaining implements NestInterceptor {
 *   intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
 *     console.log(decisionOf(context)?.remaining)
 *     return next.handle()
 *   }
 * }
 * ```
 */
export function decisionOf(context: ArgumentsHost): Decision | undefined {
  if (transportOf(context) === 'http') return (httpRequestOf(context) as RequestWithDecision | undefined)?.[DECISION]
  return decisions.get(callOf(context))
}
