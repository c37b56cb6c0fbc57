import type { ExecutionContext } from '@nestjs/common'
import type {
  Cost,
  Duration,
  KeyOf,
  LimitRule,
  MaybePromise,
  PerRequest,
  RateLimitOptions,
  RequestPolicies,
  ResponseInfo,
  SettleInfo,
} from '@sluice/core'
import { invalid } from '@sluice/core/adapter-kit'
import type { Refusal } from './exceptions.ts'

/** The result of a handler. `value` and `error` are set if RateLimitInterceptor is bound. */
export interface RateLimitResult {
  /** The last value that the handler returned or emitted. */
  readonly value?: unknown
  /** What the handler threw. */
  readonly error?: unknown
  /** Node's response (`http.ServerResponse`) under both platforms; `undefined` for a call without one. */
  readonly response?: any
}

/** `refundWhen` and `settle` of Nest: the second argument also holds what the handler returned or threw. */
export interface ResultFunctions {
  /** True refunds what the call took. Asked after the response, or after the handler for a call that has none. Default: no refund. */
  readonly refundWhen?: ((context: ExecutionContext, info: ResponseInfo<any> & RateLimitResult) => MaybePromise<boolean>) | undefined
  /** The actual cost of the call in units, known after it; more or less than what was charged. Default: the cost that was charged. */
  readonly settle?: ((context: ExecutionContext, info: SettleInfo<any> & RateLimitResult) => MaybePromise<Cost<string>>) | undefined
}

/** Makes the exception for a refusal; `undefined` leaves the default. */
export type ExceptionOf = (context: ExecutionContext, refusal: Refusal) => MaybePromise<unknown>

/** A sliding window of `limit` units per `window`. */
export interface PolicyShorthand {
  /** Units per window: a whole number, 0 or more, or a function of the call; 0 refuses every request. Default 100. */
  readonly limit?: PerRequest<ExecutionContext, number> | undefined
  /** `'15m'`, or ms, or a function of the call. Default `'1m'`. */
  readonly window?: PerRequest<ExecutionContext, Duration> | undefined
  /** The text that clients see in place of the name: 1 to 64 characters of printable ASCII. Default: the name. */
  readonly label?: string | undefined
  /** The subject. Default: the module's `key`. */
  readonly key?: KeyOf<ExecutionContext> | undefined
}
/** The limits of a policy: one sliding window, or a list. */
export type PolicyLimits = readonly LimitRule<string, ExecutionContext>[] | PolicyShorthand

/** The options of RateLimitModule: those of every adapter, and Nest's. Functions get Nest's ExecutionContext. */
export interface RateLimitModuleOptions
  extends Omit<RateLimitOptions<ExecutionContext, RateLimitResult>, 'handler' | 'refundWhen' | 'settle' | 'policies'>, ResultFunctions {
  /**
   * Limits by name, for `@RateLimit('name')`. A policy has one state on all routes that name it. Or what `policyFeed` of `@sluice/policies`
   * returns: a document then limits all routes, and no route has limits of its own. Default none.
   */
  readonly policies?: Readonly<Record<string, PolicyLimits>> | RequestPolicies | undefined
  /** Makes the exception for a refusal, on every transport. Default: the exception of the transport. */
  readonly exception?: ExceptionOf | undefined
  /** Answers a refusal over HTTP, so that no exception is thrown. Status and headers are already set. */
  readonly handler?: ((context: ExecutionContext, info: ResponseInfo<any>) => unknown) | undefined
  /** GraphQL: `'field'` decides for each field; `'request'` decides once for all fields of a request under the same limits. Default `'field'`. */
  readonly graphql?: 'field' | 'request' | undefined
  /**
   * True: when the application has stopped its servers, it closes the `store` or `limiter` that it was given. False: they stay open, such
   * as a store that several applications share. Default true.
   */
  readonly close?: boolean | undefined
}

/** What a class for `useClass` or `useExisting` implements. */
export interface RateLimitOptionsFactory {
  createRateLimitOptions(): MaybePromise<RateLimitModuleOptions>
}

/** The options that the guard reads; all others are core's. */
export interface NestOptions extends Pick<RateLimitModuleOptions, 'exception' | 'graphql' | 'handler' | 'close'> {
  /** Limits by name. A document of policies is an option of core. */
  readonly policies?: Readonly<Record<string, PolicyLimits>> | undefined
}

interface SplitOptions {
  readonly nest: NestOptions
  readonly core: RateLimitOptions<ExecutionContext, RateLimitResult>
}

/** @throws ERR_OPTION_INVALID for the options that are Nest's */
export function splitOptions(options: RateLimitModuleOptions): SplitOptions {
  // Untyped code may pass null or a list: createPipeline refuses both.
  if (typeof options !== 'object' || options === null || Array.isArray(options)) return { nest: {}, core: options as object }
  const { policies, exception, graphql, handler, close, ...core } = options
  if (policies !== undefined && (typeof policies !== 'object' || policies === null))
    throw invalid('policies', 'an object of limits by name', policies)
  for (const [name, value] of Object.entries({ exception, handler })) {
    if (value !== undefined && typeof value !== 'function') throw invalid(name, 'a function', value)
  }
  if (graphql !== undefined && graphql !== 'field' && graphql !== 'request') throw invalid('graphql', "'field' or 'request'", graphql)
  if (close !== undefined && typeof close !== 'boolean') throw invalid('close', 'true or false', close)
  const nest = { exception, graphql, handler, close }
  const shared = { ...core, ...resultFunctions(core) }
  return isDocument(policies) ? { nest, core: { ...shared, policies } } : { nest: { ...nest, policies }, core: shared }
}

/** Limits by name have no functions. */
function isDocument(policies: RateLimitModuleOptions['policies']): policies is RequestPolicies {
  return typeof (policies as Partial<RequestPolicies> | undefined)?.pipeline === 'function'
}

/** Core passes a `response` to these functions. For Nest it is a `RateLimitResult`, whose fields are copied into `info`. */
export function resultFunctions({ refundWhen, settle }: ResultFunctions): Pick<SplitOptions['core'], 'refundWhen' | 'settle'> {
  return {
    // A value that is not a function is passed on, and core refuses it.
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
