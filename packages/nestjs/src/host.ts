import type { ExecutionContext } from '@nestjs/common'
import type { Host } from '@sluice/core/adapter-kit'
import { expressHost, fastifyHost, socketAddress } from './http-hosts.ts'
import { type HttpRequest, httpRequestOf, responseOf, transportOf } from './transport.ts'

/** A client of socket.io, or of ws where the gateway kept the request: `handleConnection(client, request) { client.request = request }`. */
interface Client {
  readonly handshake?: { readonly address?: string }
  readonly request?: HttpRequest
  readonly _socket?: { readonly remoteAddress?: string }
}

/** What a message comes in: TCP's context, or the metadata and the call of gRPC. */
interface Carrier {
  getSocketRef?(): { readonly netSocket?: { readonly remoteAddress?: string } }
  get?(name: string): readonly unknown[]
}
interface GrpcCall {
  getPeer?(): string
}

/** How core reads any of Nest's contexts. What a transport does not know is `undefined`, never a crash. */
export const host: Host<ExecutionContext> = {
  id: (context) => httpRequestOf(context) ?? context.getArgs(),
  method: (context) => read(context, 'method') ?? transportOf(context).toUpperCase(),
  path: (context) => read(context, 'path') ?? `${context.getClass().name}.${context.getHandler().name}`,
  address: (context) => (carriesRequest(context) ? read(context, 'address') : peerOf(context)),
  trust: (context) => read(context, 'trust') ?? 'none',
  header(context, name) {
    if (transportOf(context) !== 'rpc') return requestHeader(httpRequestOf(context) ?? upgradeOf(context), name)
    const value = context.getArgByIndex<Carrier | undefined>(1)?.get?.(name)[0]
    return typeof value === 'string' ? value : undefined
  },
  route: (context) => (transportOf(context) === 'http' ? read(context, 'route') : undefined),
  ends: (context) => responseOf(context) !== undefined,
  // What the caller gave: a body, the arguments of a field, the payload of a message.
  body(context) {
    const transport = transportOf(context)
    return transport === 'http' ? httpRequestOf(context)?.body : context.getArgByIndex(transport === 'rpc' ? 0 : 1)
  },
}

// With `trustProxy`, Sluice reads the forwarded headers itself, from the connection on: the framework may have read them already.
export const socketHost: Host<ExecutionContext> = {
  ...host,
  address(context) {
    const request = httpRequestOf(context)
    return request === undefined ? peerOf(context) : socketAddress(request)
  },
}

function carriesRequest(context: ExecutionContext): boolean {
  return httpRequestOf(context) !== undefined
}

function read<K extends 'method' | 'path' | 'address' | 'trust' | 'route'>(context: ExecutionContext, fact: K) {
  const request = httpRequestOf(context)
  if (request === undefined) return undefined
  return ('raw' in request ? fastifyHost : expressHost)[fact](request) as ReturnType<(typeof expressHost)[K]>
}

function requestHeader(request: HttpRequest | undefined, name: string): string | undefined {
  return request && expressHost.header(request, name)
}

function upgradeOf(context: ExecutionContext): HttpRequest | undefined {
  return transportOf(context) === 'ws' ? context.getArgByIndex<Client>(0).request : undefined
}

/** The other end of a socket or of a message's connection. */
function peerOf(context: ExecutionContext): string | undefined {
  if (transportOf(context) === 'ws') {
    const { handshake, request, _socket } = context.getArgByIndex<Client>(0)
    return handshake?.address ?? request?.socket?.remoteAddress ?? _socket?.remoteAddress
  }
  const peer = context.getArgByIndex<GrpcCall | undefined>(2)?.getPeer?.()
  // `::1:54321` as well as `10.0.0.1:54321`: what is behind the last colon is the port.
  if (peer !== undefined) return peer.includes(':') ? peer.slice(0, peer.lastIndexOf(':')) : undefined
  return context.getArgByIndex<Carrier | undefined>(1)?.getSocketRef?.().netSocket?.remoteAddress
}
