// Sluice for NestJS 10 to 12, on Express and Fastify. Everything of core comes along, so that one import is enough.
export * from '@sluice/core'

// The module, and what it provides: bind the guard with APP_GUARD, inject RateLimiter into services.
export { type RateLimitAsyncOptions, RateLimitModule } from './module.ts'
export {
  type ExceptionOf,
  type RateLimitModuleOptions,
  type RateLimitOptionsFactory,
  type RateLimitResult,
  type ResultFunctions,
} from './options.ts'
export { RateLimitGuard } from './guard.ts'
export { RateLimitInterceptor } from './interceptor.ts'
export { RateLimitFilter } from './filter.ts'
export { RateLimiter } from './rate-limiter.ts'

// Decorators of a class or a method; names are those of `Register`.
export { OverrideRateLimit, RateLimit, RateLimitCost, RateLimitDecision, SkipRateLimit } from './decorators.ts'
// By a star, or an augmentation of this module would not reach `Register`.
export type * from './register.ts'

// A guard with a limiter of its own, without the module.
export { type NestRateLimit, rateLimit } from './rate-limit.ts'

// For functions among the options, guards and filters of your own.
export { decisionOf } from './call-state.ts'
export { requestOf } from './execution-context.ts'
export { RateLimitException, type Refusal } from './exceptions.ts'
