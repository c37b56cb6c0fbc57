import type { ArgumentsHost } from '@nestjs/common'
import type { ExpressLikeRequest, FastifyLikeRequest, NodeResponse } from '@sluice/core/adapter-kit'

/** A request of either platform. */
export type HttpRequest = ExpressLikeRequest | FastifyLikeRequest

/** The transport of a call. A context type that is unknown counts as RPC, which needs neither a request nor a response. */
export function transportOf(context: ArgumentsHost): 'http' | 'graphql' | 'ws' | 'rpc' {
  const type = context.getType<string>()
  return type === 'http' || type === 'graphql' || type === 'ws' ? type : 'rpc'
}

/**
 * Returns the request of Express or Fastify, for an HTTP call or a GraphQL operation. Returns `undefined` on other transports, and if
 * the GraphQL context does not contain the request.
 * @example
 * ```ts
 * import { RateLimitModule, requestOf, user } from '@sluice/nestjs'
 *
 * export const limits = RateLimitModule.forRoot({ limit: 100, window: '1m', key: user((context) => requestOf(context)?.user?.id) })
 * ```
 */
export function requestOf(context: ArgumentsHost): any {
  return httpRequestOf(context)
}

/** As `requestOf`, with a type. */
export function httpRequestOf(context: ArgumentsHost): HttpRequest | undefined {
  const transport = transportOf(context)
  if (transport === 'http') return context.getArgByIndex<HttpRequest>(0)
  if (transport !== 'graphql') return undefined
  // Apollo sets `req`, Mercurius a Fastify `reply`, graphql-ws the upgrade request in `extra`.
  const { req, request, reply, extra } = graphqlContextOf(context)
  return req ?? request ?? reply?.request ?? extra?.request
}

/** Node's response; `undefined` for a call that has none. */
export function responseOf(context: ArgumentsHost): NodeResponse | undefined {
  const transport = transportOf(context)
  if (transport === 'http') return nodeResponseOf(context.getArgByIndex(1))
  if (transport !== 'graphql') return undefined
  const { res, reply } = graphqlContextOf(context)
  return nodeResponseOf(res ?? reply ?? (httpRequestOf(context) as { readonly res?: unknown } | undefined)?.res)
}

interface GraphqlContext {
  readonly req?: HttpRequest
  readonly request?: HttpRequest
  readonly reply?: { readonly request?: HttpRequest }
  readonly extra?: { readonly request?: HttpRequest }
  readonly res?: unknown
}

function graphqlContextOf(context: ArgumentsHost): GraphqlContext {
  return context.getArgByIndex<GraphqlContext | undefined>(2) ?? {}
}

function nodeResponseOf(response: unknown): NodeResponse | undefined {
  const node = ((response as { raw?: unknown } | undefined)?.raw ?? response) as NodeResponse | undefined
  return typeof node?.setHeader === 'function' && typeof node.once === 'function' ? node : undefined
}
