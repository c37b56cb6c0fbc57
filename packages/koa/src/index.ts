// Sluice for Koa 2 and 3. Everything of core comes along, so that one import is enough.
export * from '@sluice/core'
export { type KoaContext, type KoaOptions, type KoaRateLimit, rateLimit } from './rate-limit.ts'
