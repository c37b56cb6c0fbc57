import type { CanActivate, ExecutionContext } from '@nestjs/common'
import type { RequestLimiter } from '@sluice/core'
import { RateLimitGuard } from './guard.ts'
import type { RateLimitModuleOptions } from './options.ts'
import { Routes } from './routes.ts'

/** A guard and its limiter. */
export type NestRateLimit = CanActivate & {
  /** To peek, reset or consume outside of the guard, by a subject or a context. */
  readonly limiter: RequestLimiter<ExecutionContext>
}

/**
 * A guard with a limiter of its own, without the module. Beside the module's guard it makes a second decision. Of the decorators it
 * obeys only `@SkipRateLimit`. Bind `new RateLimitFilter()` as well, or Nest sends the problem document as plain JSON.
 * @throws SluiceError for an option that is unknown, invalid or in conflict with another
 * @example
 * ```ts
 * import { NestFactory } from '@nestjs/core'
 * import { Module } from '@nestjs/common'
 * import { rateLimit, RateLimitFilter } from '@sluice/nestjs'
 *
 * @Module({})
 * class AppModule {}
 *
 * const app = await NestFactory.create(AppModule)
 * app.useGlobalGuards(rateLimit({ limit: 100, window: '1m' }))
 * app.useGlobalFilters(new RateLimitFilter())
 * ```
 */
export function rateLimit(options: Omit<RateLimitModuleOptions, 'policies' | 'close'> = {}): NestRateLimit {
  const routes = new Routes(options, false)
  return Object.assign(new RateLimitGuard(routes), { limiter: routes.limiter })
}
