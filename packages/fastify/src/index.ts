// Sluice for Fastify 5, with what applications use of core.
export * from '@sluice/core'
export type { FastifyRateLimit } from './hook.ts'
export type { FastifyLimitOptions, Stage } from './options.ts'
export { type FastifyOptions, rateLimit } from './rate-limit.ts'
