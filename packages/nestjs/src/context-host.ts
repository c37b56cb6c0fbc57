import type { ExecutionContext } from '@nestjs/common'
import { expressHost, fastifyHost, type FastifyLikeRequest, type Host, responseHeader } from '@sluice/core/adapter-kit'
import { type HttpRequest, httpRequestOf, responseOf, transportOf } from './execution-context.ts'
import type { RateLimitResult } from './options.ts'
import { peerAddressOf, upgradeRequestOf } from './peer-address.ts'

/** The metadata of a gRPC call, which other RPC transports do not have. */
interface RpcMetadata {
  get?(name: string): readonly unknown[]
}

/** How core reads any of Nest's contexts. A fact that a transport does not have is `undefined`. */
export const contextHost: Host<ExecutionContext> = {
  id: (context) => httpRequestOf(context) ?? context.getArgs(),
  // Each field of a GraphQL request is decided, and its `info` is its own.
  call: (context) =>
    transportOf(context) === 'graphql' ? (context.getArgByIndex<object | undefined>(3) ?? context.getArgs()) : contextHost.id(context),
  method: (context) => read(context, 'method') ?? transportOf(context).toUpperCase(),
  target: (context) => read(context, 'target'),
  address: (context) => (httpRequestOf(context) === undefined ? peerAddressOf(context) : read(context, 'address')),
  socketAddress: (context) => (httpRequestOf(context) === undefined ? peerAddressOf(context) : read(context, 'socketAddress')),
  addressHint,
  trust: (context) => read(context, 'trust') ?? 'none',
  header(context, name) {
    if (transportOf(context) !== 'rpc') return requestHeader(httpRequestOf(context) ?? upgradeRequestOf(context), name)
    const value = context.getArgByIndex<RpcMetadata | undefined>(1)?.get?.(name)[0]
    return typeof value === 'string' ? value : undefined
  },
  // The path of a GraphQL operation is that of all operations.
  route: (context) =>
    (transportOf(context) === 'http' ? read(context, 'route') : undefined) ?? `${context.getClass().name}.${context.getHandler().name}`,
  responseHeader: (result, name) => responseHeader((result as RateLimitResult).response, name),
  ends: (context) => responseOf(context) !== undefined,
  drop: (context) => transportOf(context) === 'http' && read(context, 'drop') === true,
  // The body of a request, the arguments of a field, the payload of a message.
  body(context) {
    const transport = transportOf(context)
    return transport === 'http' ? httpRequestOf(context)?.body : context.getArgByIndex(transport === 'rpc' ? 0 : 1)
  },
  unparsedHint: (context) =>
    transportOf(context) !== 'http' || read(context, 'unparsedHint') === undefined
      ? undefined
      : 'create the application with bodyParser: true, which is the default, or add a parser by app.use()',
}

type Fact = 'method' | 'target' | 'address' | 'addressHint' | 'socketAddress' | 'trust' | 'route' | 'unparsedHint' | 'drop'

function read<K extends Fact>(context: ExecutionContext, fact: K) {
  const request = httpRequestOf(context)
  if (request === undefined) return undefined
  return (isFastify(request) ? fastifyHost[fact](request) : expressHost[fact](request)) as ReturnType<(typeof expressHost)[K]>
}

function addressHint(context: ExecutionContext): string | undefined {
  if (httpRequestOf(context) !== undefined) return read(context, 'addressHint')
  const type = context.getType<string>()
  if (type === 'graphql') return 'put the request into the GraphQL context as req; otherwise limit by another key'
  const exempt = "or exempt such calls: skip: (context) => context.getType() !== 'http'"
  if (type === 'ws')
    return `keep the request in the gateway: Object.assign(client, { request }) in handleConnection(client, request); ${exempt}`
  return `a call of transport "${type}" that comes through a message broker has no client address: limit it by another key, ${exempt}`
}

function isFastify(request: HttpRequest): request is FastifyLikeRequest {
  return 'raw' in request
}

function requestHeader(request: HttpRequest | undefined, name: string): string | undefined {
  return request && expressHost.header(request, name)
}
