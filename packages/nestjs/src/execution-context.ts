import type { ArgumentsHost } from '@nestjs/common'

/** A request of Express or Fastify: the members that are read here. */
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

/** Node's response, which both platforms wrap. */
export interface HttpResponse {
  statusCode: number
  readonly headersSent: boolean
  readonly destroyed: boolean
  readonly writableFinished: boolean
  setHeader(name: string, value: string): unknown
  once(event: 'close', run: () => void): unknown
}

/** The transport of a call. A context type that is unknown counts as RPC, which needs neither a request nor a response. */
export function transportOf(context: ArgumentsHost): 'http' | 'graphql' | 'ws' | 'rpc' {
  const type = context.getType<string>()
  return type === 'http' || type === 'graphql' || type === 'ws' ? type : 'rpc'
}

/**
 * The request of an HTTP call or a GraphQL operation, as Express or Fastify has it. `undefined` on other transports, and where the
 * GraphQL context does not hold the request.
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
export function responseOf(context: ArgumentsHost): HttpResponse | undefined {
  const transport = transportOf(context)
  if (transport === 'http') return nodeResponseOf(context.getArgByIndex(1))
  if (transport !== 'graphql') return undefined
  const { res, reply } = graphqlContextOf(context)
  return nodeResponseOf(res ?? reply ?? httpRequestOf(context)?.res)
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

function nodeResponseOf(response: unknown): HttpResponse | undefined {
  const node = ((response as { raw?: unknown } | undefined)?.raw ?? response) as HttpResponse | undefined
  return typeof node?.setHeader === 'function' && typeof node.once === 'function' ? node : undefined
}
