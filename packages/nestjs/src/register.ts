import type { ExecutionContext } from '@nestjs/common'
import type { Cost, Duration, KeyOf, LimitRule, MaybePromise, PerRequest, RequestPolicies } from '@sluice/core'
import type { Extension } from '@sluice/core/adapter-kit'
import type { RateLimitModuleOptions, ResultFunctions } from './options.ts'

/**
 * Declares the names of your limits and policies to the decorators, so that a misspelt name does not compile. `options` are those that
 * you pass to `forRoot`: `declare module '@sluice/nestjs' { interface Register { rateLimit: typeof options } }`.
 */
export interface Register {}

type Options = Register extends { rateLimit: infer O } ? O : RateLimitModuleOptions
type NamesOf<L> = L extends readonly LimitRule<infer N, any>[] ? N : never
type NamesInLimits<O> = O extends { limits?: infer L } ? NamesOf<L> : never
type NamesInTiers<O> = O extends { tiers?: infer T } ? { [K in keyof T]: NamesOf<T[K]> }[keyof T] : never
/** The name of the limit that `{ limit, window }` defines. */
type ShorthandName<O> = O extends { limits: unknown } | { tiers: unknown } ? never : 'default'

/** The names of the module's limits: any text without `Register`. */
export type LimitName = [NamesInLimits<Options>, NamesInTiers<Options>, ShorthandName<Options>][number]
/** The names of the module's policies: any text without `Register`. */
export type PolicyName = Options extends { policies?: infer P } ? keyof Exclude<NonNullable<P>, RequestPolicies> & string : never

/** Units for every limit but concurrency, an object of units by limit, or a function of the call. */
export type RouteCost = Cost<string> | ((context: ExecutionContext) => MaybePromise<Cost<string>>)

/** The options of `@RateLimit`: limits to add to a class or a method, and other options that apply only there. */
export interface RouteOptions
  extends Omit<Extension<ExecutionContext>, 'cost' | 'handler' | 'key' | 'refundWhen' | 'settle'>, ResultFunctions {
  /** Names the state, and the limit of `{ limit, window }`. Default `Class` or `Class.method`; unique in the application. */
  readonly name?: string | undefined
  /** The text that clients see for `{ limit, window }` in place of its name: 1 to 64 characters of printable ASCII. Default: the name. */
  readonly label?: string | undefined
  /**
   * Units per window of one sliding window: a whole number, 0 or more, or a function of the call; 0 refuses every request. Default 100 where
   * `window` is given.
   */
  readonly limit?: PerRequest<ExecutionContext, number> | undefined
  /** The window of `limit`: `'15m'`, or ms, or a function of the call. Default `'1m'` where `limit` is given. */
  readonly window?: PerRequest<ExecutionContext, Duration> | undefined
  /** Several limits, of any algorithm. A limit replaces an earlier one of the same name. */
  readonly limits?: readonly LimitRule<string, ExecutionContext>[] | undefined
  /** The subject of the limits added here. Default: the module's `key`. */
  readonly key?: KeyOf<ExecutionContext> | undefined
  /** The cost of a call, for every limit on the route. Default: the cost of the class, else of the module, else 1. */
  readonly cost?: RouteCost | undefined
}

/** Other numbers for a limit of the module. */
export interface LimitOverride {
  /** The text that clients see in place of the limit's name: 1 to 64 characters of printable ASCII. Default: the limit's own. */
  readonly label?: string | undefined
  /**
   * Units per window: a whole number, 0 or more, or a function of the call, which may return `undefined` for the limit's own; 0 refuses
   * every request. Default: the limit's own.
   */
  readonly limit?: PerRequest<ExecutionContext, number> | undefined
  /** `'15m'`, or ms, or such a function. Default: the limit's own. */
  readonly window?: PerRequest<ExecutionContext, Duration> | undefined
}
/** The argument of `@OverrideRateLimit`: numbers by the name of a limit. */
export type LimitOverrides = { readonly [N in LimitName]?: LimitOverride }
/** The second argument of `@OverrideRateLimit`. */
export interface OverrideOptions {
  /** Names the state. Default `Class` or `Class.method`; unique in the application. */
  readonly name?: string | undefined
}
