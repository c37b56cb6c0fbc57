import type { ExecutionContext } from '@nestjs/common'
import type { Cost, Duration, KeyOf, LimitRule, MaybePromise, RateLimitOptions, ResponseInfo, SettleInfo } from '@sluice/core'
import { invalid } from '@sluice/core/adapter-kit'
import type { Refusal } from './exceptions.ts'

/** What a handler did. `value` and `error` are known where RateLimitInterceptor is bound. */
export interface RateLimitResult {
  /** The last value that the handler returned or emitted. */
  readonly value?: unknown
  /** What the handler threw. */
  readonly error?: unknown
  /** Node's own response (`http.ServerResponse`); `undefined` where the transport has none. */
  readonly response?: any
}

/** `refundWhen` and `settle` of Nest: the second argument also holds what the handler returned or threw. */
export interface ResultFunctions {
  /** Gives the request's units back, by its response. */
  readonly refundWhen?: ((context: ExecutionContext, info: ResponseInfo<any> & RateLimitResult) => MaybePromise<boolean>) | undefined
  /** What the request really cost, known after the response. */
  readonly settle?: ((context: ExecutionContext, info: SettleInfo<any> & RateLimitResult) => MaybePromise<Cost<string>>) | undefined
}

/** Makes the exception that is thrown for a refusal; `undefined`: the default one. */
export type ExceptionOf = (context: ExecutionContext, refusal: Refusal) => MaybePromise<unknown>

/** Limits that routes take by name: the shorthand of one sliding window, or a list. */
export type PolicyLimits =
  | readonly LimitRule<string, ExecutionContext>[]
  | { readonly limit?: number | undefined; readonly window?: Duration | undefined; readonly key?: KeyOf<ExecutionContext> | undefined }

/** Functions get Nest's ExecutionContext. */
export interface RateLimitModuleOptions
  extends Omit<RateLimitOptions<ExecutionContext, RateLimitResult>, 'handler' | 'refundWhen' | 'settle'>, ResultFunctions {
  /** For `@RateLimit('name')`: limits with one state wherever they are named. */
  readonly policies?: Readonly<Record<string, PolicyLimits>> | undefined
  readonly exception?: ExceptionOf | undefined
  /** Over HTTP: answers a refusal itself; the headers are set by then. */
  readonly handler?: ((context: ExecutionContext, info: ResponseInfo<any>) => unknown) | undefined
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
  return { own: { policies, exception, graphql, handler }, ofCore: { ...ofCore, ...resultFunctions(ofCore) } }
}

/** For core, which knows one response: what the handler did lies beside it in the second argument. */
export function resultFunctions({ refundWhen, settle }: ResultFunctions): Pick<SplitOptions['ofCore'], 'refundWhen' | 'settle'> {
  return {
    // What is not a function is passed on, for core to refuse.
    refundWhen:
      typeof refundWhen === 'function'
        ? (context, { response: result, ...info }) => refundWhen(context, { response: undefined, ...info, ...result })
        : refundWhen,
    settle:
      typeof settle === 'function'
        ? (context, { response: result, ...info }) => settle(context, { response: undefined, ...info, ...result })
        : settle,
  }
}
