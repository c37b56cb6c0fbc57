// Sluice for Hono, on any runtime.

// What applications use of core: limits, stores and options, so that one import is enough.
export * from '@sluice/core'

// The middleware: limits requests.
export { type HonoOptions, type HonoRateLimit, rateLimit } from './rate-limit.ts'

// The limit on the messages of WebSockets.
export { type MessageLimit, messageLimit } from './message-limit.ts'
export type { MessageEnd, MessageEndInfo, MessageLimitOptions } from './message-options.ts'
export type { Message, MessageEventLike, MessageSocket, SocketEvents } from './message.ts'
