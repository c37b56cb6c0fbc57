import type { ArgumentsHost } from '@nestjs/common'

/** A request of Express or Fastify, as far as anybody here reads it. */
export interface HttpRequest {
  readonly method?: string
  readonly url?: string
  readonly path?: string
  readonly baseUrl?: string
  readonly headers?: Readonly<Record<string, string | readonly string[] | undefined>>
  readonly ip?: string
  readonly ips?: readonly string[]
  readonly socket?: { readonly remoteAddress?: string; readonly destroyed?: boolean }
  readonly raw?: HttpRequest
  readonly app?: { get?(setting: string): unknown }
  readonly server?: { readonly initialConfig?: { readonly trustProxy?: unknown } }
  readonly route?: { readonly path?: unknown }
  readonly routeOptions?: { readonly url?: string }
  readonly body?: unknown
  readonly res?: unknown
}

/** Node's own response, which is the same under both platforms. */
export interface HttpResponse {
  statusCode: number
  readonly headersSent: boolean
  readonly destroyed: boolean
  readonly writableFinished: boolean
  setHeader(name: string, value: string): unknown
  once(event: 'close', run: () => void): unknown
}

/** Which of Nest's contexts a call came through. What is none of the others is taken for RPC: it has no response. */
export function transportOf(context: ArgumentsHost): 'http' | 'graphql' | 'ws' | 'rpc' {
  const type = context.getType<string>()
  return type === 'http' || type === 'graphql' || type === 'ws' ? type : 'rpc'
}

/** The request of an HTTP call or a GraphQL operation; `undefined` elsewhere, and where the GraphQL context does not hold it. */
export function requestOf(context: ArgumentsHost): any {
  return httpRequestOf(context)
}

export function httpRequestOf(context: ArgumentsHost): HttpRequest | undefined {
  const transport = transportOf(context)
  if (transport === 'http') return context.getArgByIndex<HttpRequest>(0)
  if (transport !== 'graphql') return undefined
  // Apollo's context has `req`, Mercurius's a Fastify reply, a subscription's the request that was upgraded.
  const { req, request, reply, extra } = graphqlContextOf(context)
  return req ?? request ?? reply?.request ?? extra?.request
}

/** `undefined` where there is no response to speak of. */
export function responseOf(context: ArgumentsHost): HttpResponse | undefined {
  const transport = transportOf(context)
  if (transport === 'http') return rawOf(context.getArgByIndex(1))
  if (transport !== 'graphql') return undefined
  const { res, reply } = graphqlContextOf(context)
  return rawOf(res ?? reply ?? httpRequestOf(context)?.res)
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

function rawOf(response: unknown): HttpResponse | undefined {
  const raw = ((response as { raw?: unknown } | undefined)?.raw ?? response) as HttpResponse | undefined
  return typeof raw?.setHeader === 'function' && typeof raw.once === 'function' ? raw : undefined
}
