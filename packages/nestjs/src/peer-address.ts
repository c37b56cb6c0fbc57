import type { ExecutionContext } from '@nestjs/common'
import { type HttpRequest, transportOf } from './execution-context.ts'

/** A client of socket.io; or of ws, where the gateway keeps the request in `handleConnection(client, request)`. */
interface SocketClient {
  readonly handshake?: { readonly address?: string }
  readonly request?: HttpRequest
  readonly _socket?: { readonly remoteAddress?: string }
}
interface TcpContext {
  getSocketRef?(): { readonly netSocket?: { readonly remoteAddress?: string } }
}
interface GrpcCall {
  getPeer?(): string
}

/** The address of the other end of a WebSocket, or of a message's connection. `undefined` where a broker is in between. */
export function peerAddressOf(context: ExecutionContext): string | undefined {
  if (transportOf(context) === 'ws') {
    const { handshake, request, _socket } = context.getArgByIndex<SocketClient>(0)
    return handshake?.address ?? request?.socket?.remoteAddress ?? _socket?.remoteAddress
  }
  const peer = context.getArgByIndex<GrpcCall | undefined>(2)?.getPeer?.()
  // gRPC writes `10.0.0.1:54321` and `::1:54321`: the port follows the last colon.
  if (peer !== undefined) return peer.includes(':') ? peer.slice(0, peer.lastIndexOf(':')) : undefined
  return context.getArgByIndex<TcpContext | undefined>(1)?.getSocketRef?.().netSocket?.remoteAddress
}

/** The request that a WebSocket was upgraded from, where the gateway keeps it. */
export function upgradeRequestOf(context: ExecutionContext): HttpRequest | undefined {
  return transportOf(context) === 'ws' ? context.getArgByIndex<SocketClient>(0).request : undefined
}
