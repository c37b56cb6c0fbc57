// Sluice for Hono on any runtime. Everything of core comes along, so that one import is enough.
export * from '@sluice/core'
export { type HonoOptions, type HonoRateLimit, rateLimit } from './rate-limit.ts'
export { type Message, messageLimit, type MessageLimit, type MessageLimitOptions } from './message-limit.ts'
