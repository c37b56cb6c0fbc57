// Sluice for NestJS 10 to 12, on Express and Fastify.

// What applications use of core: limits, stores and options, so that one import is enough.
export * from '@sluice/core'

// The module, and its providers: bind the guard with APP_GUARD, inject RateLimiter into services.
export { RateLimitModule } from './module.ts'
export type { RateLimitAsyncOptions } from './async-options.ts'
export type {
  ExceptionOf,
  PolicyLimits,
  PolicyShorthand,
  RateLimitModuleOptions,
  RateLimitOptionsFactory,
  RateLimitResult,
  ResultFunctions,
} from './options.ts'
export { RateLimitGuard } from './guard.ts'
export { RateLimitInterceptor } from './interceptor.ts'
export { RateLimitFilter } from './filter.ts'
export { RateLimiter } from './rate-limiter.ts'

// Decorators of a class or a method, and of a parameter.
export { OverrideRateLimit, RateLimit, RateLimitCost, RateLimitDecision, SkipRateLimit } from './decorators.ts'
// Exported with a star: otherwise `declare module '@sluice/nestjs'` could not extend `Register`.
export type * from './register.ts'

// A guard with a limiter of its own, without the module.
export { type NestRateLimit, rateLimit } from './rate-limit.ts'

// For your own guards, filters and option functions.
export { decisionOf } from './call-state.ts'
export { requestOf } from './execution-context.ts'
export { RateLimitException, type Refusal } from './exceptions.ts'
