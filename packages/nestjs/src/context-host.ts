import type { ExecutionContext } from '@nestjs/common'
import type { Host } from '@sluice/core/adapter-kit'
import { type HttpRequest, httpRequestOf, responseOf, transportOf } from './execution-context.ts'
import { expressHost, fastifyHost, socketAddress } from './http-hosts.ts'
import { peerAddressOf, upgradeRequestOf } from './peer-address.ts'

/** The metadata of a gRPC call, which other RPC transports do not have. */
interface RpcMetadata {
  get?(name: string): readonly unknown[]
}

/** How core reads any of Nest's contexts. A fact that a transport does not have is `undefined`. */
export const contextHost: Host<ExecutionContext> = {
  id: (context) => httpRequestOf(context) ?? context.getArgs(),
  method: (context) => read(context, 'method') ?? transportOf(context).toUpperCase(),
  path: (context) => read(context, 'path') ?? `${context.getClass().name}.${context.getHandler().name}`,
  address: (context) => (httpRequestOf(context) === undefined ? peerAddressOf(context) : read(context, 'address')),
  trust: (context) => read(context, 'trust') ?? 'none',
  header(context, name) {
    if (transportOf(context) !== 'rpc') return requestHeader(httpRequestOf(context) ?? upgradeRequestOf(context), name)
    const value = context.getArgByIndex<RpcMetadata | undefined>(1)?.get?.(name)[0]
    return typeof value === 'string' ? value : undefined
  },
  route: (context) => (transportOf(context) === 'http' ? read(context, 'route') : undefined),
  ends: (context) => responseOf(context) !== undefined,
  // The body of a request, the arguments of a field, the payload of a message.
  body(context) {
    const transport = transportOf(context)
    return transport === 'http' ? httpRequestOf(context)?.body : context.getArgByIndex(transport === 'rpc' ? 0 : 1)
  },
}

/** With `trustProxy`, core reads the forwarded headers from the connection on; `request.ip` may be read from them already. */
export const connectionHost: Host<ExecutionContext> = {
  ...contextHost,
  address(context) {
    const request = httpRequestOf(context)
    return request === undefined ? peerAddressOf(context) : socketAddress(request)
  },
}

function read<K extends 'method' | 'path' | 'address' | 'trust' | 'route'>(context: ExecutionContext, fact: K) {
  const request = httpRequestOf(context)
  if (request === undefined) return undefined
  return ('raw' in request ? fastifyHost : expressHost)[fact](request) as ReturnType<(typeof expressHost)[K]>
}

function requestHeader(request: HttpRequest | undefined, name: string): string | undefined {
  return request && expressHost.header(request, name)
}
