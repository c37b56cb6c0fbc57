import type { ArgumentsHost } from '@nestjs/common'
import type { Decision } from '@sluice/core'
import type { RateLimitResult } from './options.ts'
import { httpRequestOf, transportOf } from './transport.ts'

/** What is left to do for an admitted call once its handler has ended. */
export interface Pending {
  /** What the handler did, as the interceptor sees it. */
  readonly result: { -readonly [K in keyof RateLimitResult]: RateLimitResult[K] }
  /** To be called with the end of the handler; `undefined` where the end of the response says so. */
  readonly end: ((status: number | undefined, result: RateLimitResult | undefined) => void) | undefined
}

const pending = new WeakMap<object, Pending[]>()
const decisions = new WeakMap<object, Decision>()
const DECISION: unique symbol = Symbol('sluice.nestjs.decision')

interface Decided {
  rateLimit?: Decision
  [DECISION]?: Decision
}

/** One object per call, the same for guards, interceptors and decorators of parameters. */
function callOf(context: ArgumentsHost): object {
  const transport = transportOf(context)
  // Nest makes a list of arguments anew where it reads parameters; these are the objects that stay.
  const own: unknown = context.getArgByIndex({ http: 0, graphql: 3, ws: 1, rpc: 1 }[transport])
  return typeof own === 'object' && own !== null ? own : context.getArgs()
}

export function leave(context: ArgumentsHost, left: Pending): void {
  const call = callOf(context)
  const list = pending.get(call)
  if (list === undefined) pending.set(call, [left])
  else list.push(left)
}

/** What the guards left for this call, once. */
export function take(context: ArgumentsHost): readonly Pending[] | undefined {
  const call = callOf(context)
  const list = pending.get(call)
  if (list !== undefined) pending.delete(call)
  return list
}

export function decided(context: ArgumentsHost, decision: Decision): void {
  const request = httpRequestOf(context) as Decided | undefined
  if (request !== undefined) request.rateLimit = decision
  // A map that forgets costs as much as a decision: a request is written on. Elsewhere a call may be somebody's message.
  if (request !== undefined && transportOf(context) === 'http') request[DECISION] = decision
  else decisions.set(callOf(context), decision)
}

/** The decision of the limiter that decided last on this call; `undefined` when all of them skipped. */
export function decisionOf(context: ArgumentsHost): Decision | undefined {
  if (transportOf(context) === 'http') return (httpRequestOf(context) as Decided | undefined)?.[DECISION]
  return decisions.get(callOf(context))
}
