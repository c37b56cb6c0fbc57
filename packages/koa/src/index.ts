// Sluice for Koa 2 and 3, with what applications use of core.
export * from '@sluice/core'
export type { KoaContext } from './host.ts'
export { type KoaOptions, type KoaRateLimit, rateLimit } from './rate-limit.ts'
