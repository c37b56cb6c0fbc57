import { isSluiceError } from '../errors.ts'
import { type DroppableRequest, dropNodeRequest, type NodeResponse, type NodeSocket } from './node.ts'

interface WebRequest {
  readonly headers: { get(name: string): string | null }
  readonly cf?: CloudflareFacts | undefined
}

/** What workerd knows of a request. No header of a client can change it. */
interface CloudflareFacts {
  /** Of a workerd outside of Cloudflare, if the connection has an address. */
  readonly clientIp?: string | undefined
  /** The data center of Cloudflare that took the request. */
  readonly colo?: unknown
}

/** What the servers of Node (@hono/node-server), Bun and Deno pass to a fetch handler after the request. */
interface Connection {
  readonly incoming?: DroppableRequest
  /** Present, but undefined, for a request that is upgraded to a WebSocket. */
  readonly outgoing?: NodeResponse | undefined
  requestIP?(request: object): { readonly address: string } | null
  readonly remoteAddr?: { readonly hostname?: string }
}

/**
 * The address of a web request's connection. It is read from `given`, which the runtime passes after the request; on Cloudflare, from
 * the request itself. `undefined` if the runtime has no address. Headers that a client can set are not read.
 */
export function connectionAddress(request: WebRequest, given: unknown): string | undefined {
  if (isOnWorkerd(request)) {
    return request.cf?.clientIp ?? platformAddress(request)
  }
  if (typeof given !== 'object' || given === null) return undefined
  const connection = given as Connection
  if (connection.incoming !== undefined) return connection.incoming?.socket?.remoteAddress
  if (typeof connection.requestIP === 'function') return connection.requestIP(request)?.address
  return connection.remoteAddr?.hostname
}

/**
 * The address that Cloudflare itself has written into the headers of a request, over whatever the client had sent. `undefined` on any other
 * platform: a workerd outside of Cloudflare, also one behind a Unix socket, passes on `cf-connecting-ip` of a client.
 */
export function platformAddress(request: WebRequest): string | undefined {
  if (!isOnWorkerd(request)) return undefined
  const { cf } = request
  const isOnCloudflare = typeof cf?.colo === 'string' && cf.clientIp === undefined
  return isOnCloudflare ? (request.headers.get('cf-connecting-ip') ?? undefined) : undefined
}

/** Node's response to a web request, or the socket of a request that is upgraded to a WebSocket. Other runtimes show neither. */
export function nodeConnection(
  request: object,
  given: unknown,
): { readonly response?: NodeResponse | undefined; readonly upgraded?: NodeSocket | undefined } {
  if (isOnWorkerd(request) || typeof given !== 'object' || given === null) return {}
  if (!('outgoing' in given)) return {}
  const { incoming, outgoing } = given as Connection
  return outgoing === undefined ? { upgraded: incoming?.socket ?? undefined } : { response: outgoing }
}

/** Closes the connection of a web request on Node's server. Returns whether it could: other runtimes close none. */
export function dropConnection(request: object, given: unknown): boolean {
  if (isOnWorkerd(request) || typeof given !== 'object' || given === null || !('incoming' in given)) return false
  const { incoming } = given as Connection
  return incoming !== undefined && dropNodeRequest(incoming)
}

/** Only workerd's requests have this property. There, `given` has bindings, and reading one may call it. */
function isOnWorkerd(request: object): boolean {
  return 'cf' in request
}

/** Whether a decision failed only because its client has left: a closed connection has no address. Such a request needs no answer. */
export function clientHasLeft(error: unknown, isGone: boolean): boolean {
  return isGone && isSluiceError(error) && error.code === 'ERR_ADDRESS_UNKNOWN'
}
