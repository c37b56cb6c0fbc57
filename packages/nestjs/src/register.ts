import type { ExecutionContext } from '@nestjs/common'
import type { Cost, Duration, KeyOf, LimitRule, MaybePromise } from '@sluice/core'
import type { Extension } from '@sluice/core/adapter-kit'
import type { RateLimitModuleOptions, ResultFunctions } from './options.ts'

/**
 * Tells the decorators the names of your limits and policies, so that a misspelt one does not compile:
 * `declare module '@sluice/nestjs' { interface Register { rateLimit: typeof options } }`, the options as `forRoot` gets them.
 */
export interface Register {}

type Options = Register extends { rateLimit: infer O } ? O : RateLimitModuleOptions
type NamesOf<L> = L extends readonly LimitRule<infer N, any>[] ? N : never
type Listed<O> = O extends { limits?: infer L } ? NamesOf<L> : never
type Tiered<O> = O extends { tiers?: infer T } ? { [K in keyof T]: NamesOf<T[K]> }[keyof T] : never
/** The shorthand's one limit is named so. */
type Shorthand<O> = O extends { limits: unknown } | { tiers: unknown } ? never : 'default'

/** The module's limits by name. */
export type LimitName = [Listed<Options>, Tiered<Options>, Shorthand<Options>][number]
/** The module's policies by name. */
export type PolicyName = Options extends { policies?: infer P } ? keyof NonNullable<P> & string : never

/** Units by limit, or one number for every limit but concurrency; or a function of the call. */
export type RouteCost = Cost<string> | ((context: ExecutionContext) => MaybePromise<Cost<string>>)

/** Limits of a class or a method, added to those above it; and what else is different there. */
export interface RouteOptions
  extends Omit<Extension<ExecutionContext>, 'cost' | 'handler' | 'key' | 'refundWhen' | 'settle'>, ResultFunctions {
  /** Names the state; default `Class` or `Class.method`. */
  readonly name?: string | undefined
  /** With `window`, one sliding window, named as the state is: units per window, default 100. */
  readonly limit?: number | undefined
  /** Default `'1m'`. */
  readonly window?: Duration | undefined
  /** Several limits. One that has the name of a limit above takes its place. */
  readonly limits?: readonly LimitRule<string, ExecutionContext>[] | undefined
  /** Who is limited by the limits given here; default as in the module. */
  readonly key?: KeyOf<ExecutionContext> | undefined
  readonly cost?: RouteCost | undefined
}

/** A limit of the module with other numbers, and a state of its own. */
export interface Numbers {
  readonly limit?: number | undefined
  readonly window?: Duration | undefined
}
export type NumbersByName = { readonly [N in LimitName]?: Numbers }
