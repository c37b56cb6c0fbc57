import type { Limiter, MaybePromise } from '@sluice/core'
import { createPipeline, isPromise } from '@sluice/core/adapter-kit'
import type { Context, Env } from 'hono'
import { limitMessages } from './message-connection.ts'
import { messageHost, type ReceivedMessage, type SocketEvents } from './message.ts'
import { type MessageEnd, type MessageLimitOptions, splitMessageOptions } from './message-options.ts'

/** Wraps the function that `upgradeWebSocket()` takes, so that the limit is applied before its `onMessage`. */
export interface MessageLimit<E extends Env = any> {
  <T extends SocketEvents>(createEvents: (c: Context<E>) => MaybePromise<T>): (c: Context<E>) => MaybePromise<T>
  /** To peek, reset or consume outside of a message. */
  readonly limiter: Limiter
}

/**
 * Limits the messages of WebSockets. A refused message does not reach `onMessage`. The client gets one answer that says when to
 * retry, then none until that time has passed.
 *
 * With the memory store a message is delivered synchronously; with another store, in the order of arrival.
 * @example
 * ```ts
 * import { upgradeWebSocket } from '@hono/node-server'
 * import { messageLimit } from '@sluice/hono'
 * import { Hono } from 'hono'
 *
 * const limited = messageLimit({ name: 'chat', limit: 20, window: '10s', closeAfter: 50 })
 * const app = new Hono()
 * app.get('/chat', upgradeWebSocket(limited(() => ({ onMessage: (event, ws) => ws.send(`heard ${String(event.data)}`) }))))
 * ```
 * @throws SluiceError with a code of docs/errors.md, for an option that is unknown, invalid or in conflict with another
 */
export function messageLimit(options?: MessageLimitOptions): MessageLimit
export function messageLimit<E extends Env>(options: MessageLimitOptions<E>): MessageLimit<E>
export function messageLimit(options: MessageLimitOptions = {}): MessageLimit {
  const { closeAfter, pipelineOptions } = splitMessageOptions(options)
  // A message has no headers to set, so none are rendered.
  const decide = createPipeline<ReceivedMessage, MessageEnd>(messageHost, { ...pipelineOptions, standard: false, legacy: false })
  const rules = { decide, closeAfter, handler: options.handler }

  const limited = <T extends SocketEvents>(createEvents: (c: Context) => MaybePromise<T>) => {
    const withLimit = (c: Context, events: T): T => ({ ...events, ...limitMessages(c, events, rules) })
    return (c: Context) => {
      const events = createEvents(c)
      return isPromise(events) ? events.then((later) => withLimit(c, later)) : withLimit(c, events)
    }
  }
  return Object.assign(limited, { limiter: decide.limiter })
}
