// Sluice for Hono on any runtime. Everything of core comes along, so that one import is enough.
export * from '@sluice/core'
export { type HonoOptions, type HonoRateLimit, rateLimit } from './rate-limit.ts'
export {
  type Message,
  type MessageEventLike,
  messageLimit,
  type MessageLimit,
  type MessageLimitOptions,
  type MessageSocket,
  type SocketEvents,
} from './message-limit.ts'
