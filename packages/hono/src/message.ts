import type { Host } from '@sluice/core/adapter-kit'
import type { Context, Env } from 'hono'
import { host } from './host.ts'

// Declared here with only the members that are used: Hono's own WebSocket types need the DOM library.

/** The event that upgradeWebSocket() of every runtime passes to `onMessage`. */
export interface MessageEventLike {
  readonly data: string | ArrayBufferLike | Blob
}

/** The members of Hono's `WSContext` that a limit uses. */
export interface MessageSocket {
  /** As in the browser: 0 connecting, 1 open, 2 closing, 3 closed. */
  readonly readyState: 0 | 1 | 2 | 3
  send(data: string | ArrayBuffer): void
  close(code?: number, reason?: string): void
}

/** The event handlers of one connection, as `upgradeWebSocket()` takes them: Hono's `WSEvents`. */
export interface SocketEvents {
  onOpen?: (event: any, ws: any) => void
  onMessage?: (event: any, ws: any) => void
  onClose?: (event: any, ws: any) => void
  onError?: (event: any, ws: any) => void
}

/** One message of a WebSocket: the context of every function option of `messageLimit`. */
export interface Message<E extends Env = any> {
  /** The context of the request that opened the connection. */
  readonly c: Context<E>
  readonly event: MessageEventLike
  readonly ws: MessageSocket
}

/** A message and the handshake of its connection. */
export interface ReceivedMessage extends Message {
  readonly handshake: Handshake
}

/** The request that opened a connection, copied then: some runtimes release the request before the messages arrive. */
export interface Handshake {
  readonly method: string
  readonly route: string | undefined
  readonly address: string | undefined
  readonly headers: Readonly<Record<string, string>>
}

export function handshakeOf(c: Context): Handshake {
  return { method: c.req.method, route: host.route?.(c), address: host.address(c), headers: c.req.header() }
}

/** How core reads a message: the facts are those of the handshake. */
export const messageHost: Host<ReceivedMessage> = {
  id: (message) => message,
  method: ({ handshake }) => handshake.method,
  address: ({ handshake }) => handshake.address,
  addressHint: ({ c }) => host.addressHint?.(c),
  header: ({ handshake }, name) => handshake.headers[name],
  route: ({ handshake }) => handshake.route,
  drop({ ws }) {
    ws.close(CLOSE.policyViolation)
    return true
  },
}

/** The status codes with which the WebSocket protocol closes a connection (RFC 6455, section 7.4). */
export const CLOSE = { policyViolation: 1008, internalError: 1011, tryAgainLater: 1013 } as const
