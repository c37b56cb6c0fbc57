// Sluice for Fastify 5, with what applications use of core.
export * from '@sluice/core'

// The plugin: limits the routes of a context.
export { rateLimit } from './rate-limit.ts'
export type { FastifyOptions, FastifyRateLimitConfig, FastifyRateLimitDecorator } from './rate-limit.ts'
export type { FastifyLimitOptions, Stage } from './options.ts'

// A hook without the plugin.
export { createHook, type FastifyRateLimit } from './hook.ts'
export type { FastifyHookOptions } from './options.ts'
