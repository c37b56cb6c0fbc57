// Sluice for Express 4 and 5. Everything of core comes along, so that one import is enough.
export * from '@sluice/core'
export { type ExpressOptions, type ExpressRateLimit, type ExpressRequest, rateLimit } from './rate-limit.ts'
