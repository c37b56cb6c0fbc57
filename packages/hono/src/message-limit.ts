import {
  createPipeline,
  type Host,
  invalid,
  isPromise,
  knownOptions,
  type Limiter,
  type MaybePromise,
  type RateLimitOptions,
} from '@sluice/core'
import type { Context, Env } from 'hono'
import { host } from './host.ts'
import { limitMessages } from './message-connection.ts'

// Written here, with just the part that is used: Hono's own types of WebSockets need those of a browser.

/** What upgradeWebSocket() of every runtime hands to `onMessage`. */
export interface MessageEventLike {
  readonly data: string | ArrayBufferLike | Blob
}

/** Hono's `WSContext`. */
export interface MessageSocket {
  readonly readyState: 0 | 1 | 2 | 3
  send(data: string | ArrayBuffer): void
  close(code?: number, reason?: string): void
}

/** What upgradeWebSocket() is given: Hono's `WSEvents`. */
export interface SocketEvents {
  onOpen?: (event: any, ws: any) => void
  onMessage?: (event: any, ws: any) => void
  onClose?: (event: any, ws: any) => void
  onError?: (event: any, ws: any) => void
}

/** One message of a WebSocket, as the functions among the options get it. */
export interface Message<E extends Env = any> {
  /** Of the request that opened the connection. */
  readonly c: Context<E>
  readonly event: MessageEventLike
  readonly ws: MessageSocket
}

// Those of rateLimit() that make sense without a response.
const KNOWN = [
  'name',
  'limiter',
  'limit',
  'window',
  'limits',
  'tiers',
  'tier',
  'key',
  'cost',
  'skip',
  'store',
  'mode',
  'failMode',
  'on',
  'trustProxy',
  'ipv6Prefix',
  'missing',
  'strict',
  'message',
  'handler',
] as const

/**
 * As for `rateLimit`, of a message instead of a request. `message` is what a refused one is answered with, a problem document by
 * default; `handler` answers it itself.
 */
export interface MessageLimitOptions<E extends Env = any> extends Pick<RateLimitOptions<Message<E>>, (typeof KNOWN)[number]> {
  /** Refusals, with no admitted message between them, after which the connection is closed; default never. */
  readonly closeAfter?: number | undefined
}

/** Puts a limit before the `onMessage` of what `upgradeWebSocket` is given. */
export interface MessageLimit<E extends Env = any> {
  <T extends SocketEvents>(createEvents: (c: Context<E>) => MaybePromise<T>): (c: Context<E>) => MaybePromise<T>
  readonly limiter: Limiter
}

/** A message, and what was known of its client when the connection was opened: later, a runtime may have let go of the request. */
export interface Received extends Message {
  readonly opened: Opened
}

export interface Opened {
  readonly method: string
  readonly path: string
  readonly route: string | undefined
  readonly address: string | undefined
  readonly headers: Readonly<Record<string, string>>
}

const messageHost: Host<Received> = {
  id: (message) => message,
  method: ({ opened }) => opened.method,
  path: ({ opened }) => opened.path,
  address: ({ opened }) => opened.address,
  header: ({ opened }, name) => opened.headers[name],
  route: ({ opened }) => opened.route,
}

/**
 * A limit on the messages of WebSockets: `upgradeWebSocket(messageLimit({ limit: 20, window: '10s' })((c) => ({ onMessage })))`.
 * A refused message does not reach `onMessage`; its sender is told, once, when to come back. At once unless the store or an option is not.
 * @throws a SluiceError for each option that makes no sense, saying what was expected and what came
 */
export function messageLimit(options?: MessageLimitOptions): MessageLimit
export function messageLimit<E extends Env>(options: MessageLimitOptions<E>): MessageLimit<E>
export function messageLimit(options: MessageLimitOptions = {}): MessageLimit {
  knownOptions('messageLimit', options, [...KNOWN, 'closeAfter'])
  const { closeAfter = Infinity, ...rest } = options
  if (closeAfter !== Infinity && !(Number.isSafeInteger(closeAfter) && closeAfter >= 1))
    throw invalid('closeAfter', 'a whole number, at least 1', closeAfter)
  // Nobody reads headers here.
  const decide = createPipeline<Received, unknown>(messageHost, { ...rest, standard: false, legacy: false })
  const rules = { decide, closeAfter, handler: options.handler }

  const limited = <T extends SocketEvents>(createEvents: (c: Context) => MaybePromise<T>) => {
    const withLimit = (c: Context, events: T): T => ({
      ...events,
      onMessage: limitMessages(c, openedBy(c), events, rules),
    })
    return (c: Context) => {
      const events = createEvents(c)
      return isPromise(events) ? events.then((later) => withLimit(c, later)) : withLimit(c, events)
    }
  }
  return Object.assign(limited, { limiter: decide.limiter })
}

function openedBy(c: Context): Opened {
  return { method: c.req.method, path: c.req.path, route: host.route?.(c), address: host.address(c), headers: c.req.header() }
}
