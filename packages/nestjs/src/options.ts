import type { ExecutionContext } from '@nestjs/common'
import type { Decision, Duration, KeyOf, LimitRule, MaybePromise, RateLimitOptions } from '@sluice/core'
import { invalid } from '@sluice/core/adapter-kit'
import type { Refusal } from './exceptions.ts'

/** What a handler did, for `refundWhen` and `settle`. `value` and `error` are known where RateLimitInterceptor is bound. */
export interface RateLimitResult {
  /** The last thing that it returned or emitted. */
  readonly value?: unknown
  /** What it threw. */
  readonly error?: unknown
  /** The platform's own response (`http.ServerResponse`); `undefined` where there is none. */
  readonly response?: any
}

/** Makes what is thrown for a refusal; `undefined`: as without it. */
export type ExceptionOf = (refusal: Refusal, context: ExecutionContext) => MaybePromise<unknown>

/** Limits that routes take by name: the shorthand of one sliding window, or a list. */
export type PolicyLimits =
  | readonly LimitRule<string, ExecutionContext>[]
  | { readonly limit?: number | undefined; readonly window?: Duration | undefined; readonly key?: KeyOf<ExecutionContext> | undefined }

/** Functions get Nest's ExecutionContext. */
export interface RateLimitModuleOptions extends Omit<RateLimitOptions<ExecutionContext, RateLimitResult>, 'handler'> {
  /** For `@RateLimit('name')`: limits with one state wherever they are named. */
  readonly policies?: Readonly<Record<string, PolicyLimits>> | undefined
  readonly exception?: ExceptionOf | undefined
  /** Over HTTP: answers a refusal itself; the headers are set by then. */
  readonly handler?: ((context: ExecutionContext, decision: Decision) => unknown) | undefined
  /** GraphQL: each field is a call (default), or fields of one request that have the same limits share one decision. */
  readonly graphql?: 'field' | 'request' | undefined
}

/** For `useClass` and `useExisting`. */
export interface RateLimitOptionsFactory {
  createRateLimitOptions(): MaybePromise<RateLimitModuleOptions>
}

export interface SplitOptions {
  readonly own: Pick<RateLimitModuleOptions, 'policies' | 'exception' | 'graphql' | 'handler'>
  readonly ofCore: RateLimitOptions<ExecutionContext, RateLimitResult>
}

/** @throws ERR_OPTION_INVALID for the options that are Nest's */
export function splitOptions(options: RateLimitModuleOptions): SplitOptions {
  // Untyped code may give null or a list: for createPipeline to refuse.
  if (typeof options !== 'object' || options === null || Array.isArray(options)) return { own: {}, ofCore: options as object }
  const { policies, exception, graphql, handler, ...ofCore } = options
  if (policies !== undefined && (typeof policies !== 'object' || policies === null))
    throw invalid('policies', 'an object of limits by name', policies)
  for (const [name, value] of Object.entries({ exception, handler })) {
    if (value !== undefined && typeof value !== 'function') throw invalid(name, 'a function', value)
  }
  if (graphql !== undefined && graphql !== 'field' && graphql !== 'request') throw invalid('graphql', "'field' or 'request'", graphql)
  return { own: { policies, exception, graphql, handler }, ofCore }
}
