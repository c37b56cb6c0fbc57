// Sluice for Express 4 and 5, with what applications use of core.
export * from '@sluice/core'
export { type ExpressOptions, type ExpressRateLimit, type ExpressRequest, rateLimit } from './rate-limit.ts'
