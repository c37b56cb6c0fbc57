import { createParamDecorator, type ExecutionContext } from '@nestjs/common'
import type { Cost, MaybePromise } from '@sluice/core'
import { invalid } from '@sluice/core/adapter-kit'
import { decisionOf } from './call-state.ts'
import { type RouteDecorator, withCost, withLimits, withSkipped } from './metadata.ts'
import type { LimitName, LimitOverrides, OverrideOptions, PolicyName, RouteOptions } from './register.ts'
import { addedLimits, overriddenLimits } from './route-limits.ts'

/**
 * Adds limits to a class or a method: one sliding window (`limit`, `window`), a list (`limits`), or a policy of the module by its
 * name. The module's limits hold as well, in the same decision. Several `@RateLimit` are applied from the top down.
 * @throws SluiceError when the class is defined, for an option that is unknown, invalid or in conflict with another
 * @example
 * ```ts
 * import { Controller, Get, Post } from '@nestjs/common'
 * import { RateLimit } from '@sluice/nestjs'
 *
 * @Controller('account')
 * export class Account {
 *   @Post('login')
 *   @RateLimit({ limit: 5, window: '15m' })
 *   login(): void {}
 *
 *   @Get('export')
 *   @RateLimit('slow') // RateLimitModule.forRoot({ policies: { slow: { limit: 1, window: '1h' } } })
 *   export(): void {}
 * }
 * ```
 */
export function RateLimit(limits: PolicyName | RouteOptions): RouteDecorator {
  return withLimits(addedLimits(limits))
}

/**
 * Overrides limits of the module on a class or a method: another `limit`, another `window`, or both, by the limit's name. The
 * overridden limit counts apart from the module's. `{}` changes no number, and counts apart.
 * @param options `name` names the state; default `Class` or `Class.method`, unique in the application
 * @throws SluiceError for a bad number, when the class is defined; for an unknown limit, when the application starts
 * @example
 * ```ts
 * import { Controller, Get } from '@nestjs/common'
 * import { OverrideRateLimit } from '@sluice/nestjs'
 *
 * @Controller('reports')
 * export class Reports {
 *   @Get()
 *   @OverrideRateLimit({ short: { limit: 1 }, long: { limit: 30, window: '1h' } })
 *   all(): string[] {
 *     return []
 *   }
 * }
 * ```
 */
export function OverrideRateLimit(overrides: LimitOverrides, options: OverrideOptions = {}): RouteDecorator {
  return withLimits(overriddenLimits(overrides, options))
}

/**
 * Exempts a class or a method from all limits, or from the module's limits of the given names. A method's `@SkipRateLimit` replaces
 * its class's. `@SkipRateLimit(false)` on a method only cancels that of its class.
 * @throws SluiceError for arguments that are not names or one boolean, when the class is defined; for an unknown limit, when the
 * application starts
 * @example
 * ```ts
 * import { Controller, Get } from '@nestjs/common'
 * import { SkipRateLimit } from '@sluice/nestjs'
 *
 * @Controller('status')
 * @SkipRateLimit()
 * export class Status {
 *   @Get('health')
 *   health(): void {}
 *
 *   @Get('history')
 *   @SkipRateLimit('short') // limited by the module's other limits
 *   history(): void {}
 * }
 * ```
 */
export function SkipRateLimit(...names: readonly [] | readonly [boolean] | readonly LimitName[]): RouteDecorator {
  const given: readonly unknown[] = names
  const [first = true] = given
  if (typeof first === 'boolean' && given.length <= 1) return withSkipped(first)
  for (const name of given) {
    if (typeof name !== 'string') throw invalid('@SkipRateLimit', "names of limits, such as @SkipRateLimit('short'), or one boolean", name)
  }
  return withSkipped(new Set(given as readonly string[]))
}

/**
 * Sets the cost of a call of a class or a method. A number is the units for every limit but concurrency; an object has units by limit;
 * a function computes either from the call. Default 1. A method's `@RateLimitCost` replaces its class's.
 * @throws SluiceError when the class is defined, for a cost that is not a whole number, 0 or more
 * @example
 * ```ts
 * import { Controller, Get, Post } from '@nestjs/common'
 * import { RateLimitCost, requestOf } from '@sluice/nestjs'
 *
 * @Controller('search')
 * export class Search {
 *   @Get()
 *   @RateLimitCost(5)
 *   search(): void {}
 *
 *   @Post('batch')
 *   @RateLimitCost((context) => requestOf(context)?.body?.queries?.length ?? 1)
 *   batch(): void {}
 * }
 * ```
 */
export function RateLimitCost(
  cost: number | Readonly<Partial<Record<LimitName, number>>> | ((context: ExecutionContext) => MaybePromise<Cost<string>>),
): RouteDecorator {
  if (typeof cost === 'function') return withCost(cost)
  const units: readonly unknown[] = typeof cost === 'object' && cost !== null ? Object.values(cost) : [cost]
  if (!units.every((each) => Number.isSafeInteger(each) && (each as number) >= 0))
    throw invalid('@RateLimitCost', 'a whole number, 0 or more, an object of them by limit, or a function', cost)
  return withCost(() => cost)
}

/**
 * Passes the decision to a parameter of the handler: that of the limiter that decided last on this call; `undefined` if all limiters
 * skipped it.
 * @example
 * ```ts
 * import { Controller, Get } from '@nestjs/common'
 * import { type Decision, RateLimitDecision } from '@sluice/nestjs'
 *
 * @Controller('quota')
 * export class Quota {
 *   @Get()
 *   left(@RateLimitDecision() decision: Decision | undefined): number | undefined {
 *     return decision?.remaining
 *   }
 * }
 * ```
 */
export const RateLimitDecision: () => ParameterDecorator = createParamDecorator((_: unknown, context: ExecutionContext) =>
  decisionOf(context),
)
