import type { CanActivate } from '@nestjs/common'
import type { Limiter } from '@sluice/core'
import { RateLimitGuard } from './guard.ts'
import type { RateLimitModuleOptions } from './options.ts'
import { Routes } from './routes.ts'

export type NestRateLimit = CanActivate & { readonly limiter: Limiter }

/**
 * A guard with a limiter of its own, without the module: `app.useGlobalGuards(rateLimit())`, `@UseGuards(rateLimit({ … }))`.
 * Beside the module's guard it is a second decision. Of the decorators it obeys `@SkipRateLimit()` alone.
 * @throws a SluiceError for each option that makes no sense, saying what was expected and what came
 */
export function rateLimit(options: Omit<RateLimitModuleOptions, 'policies'> = {}): NestRateLimit {
  const routes = new Routes(options, 'undecorated')
  return Object.assign(new RateLimitGuard(routes), { limiter: routes.limiter })
}
