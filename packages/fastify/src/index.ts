// Sluice for Fastify 5. Everything of core comes along, so that one import is enough.
export * from '@sluice/core'
export type { FastifyLimitOptions, FastifyRateLimit, Stage } from './hook.ts'
export { type FastifyOptions, rateLimit } from './rate-limit.ts'
