import { isSluiceError } from '../errors.ts'

interface WebRequest {
  readonly headers: { get(name: string): string | null }
  readonly cf?: { readonly clientIp?: string } | undefined
}

/** What the servers of Node (@hono/node-server), Bun and Deno hand to a fetch handler beside the request. */
interface Connection {
  readonly incoming?: { readonly socket?: { readonly remoteAddress?: string } }
  requestIP?(request: object): { readonly address: string } | null
  readonly remoteAddr?: { readonly hostname?: string }
}

/**
 * The address of the connection under a web request, by what its runtime hands over beside it, as `given`; on Cloudflare by
 * the request itself. `undefined` where the runtime tells nobody: a header is never believed for it.
 */
export function connectionAddress(request: WebRequest, given: unknown): string | undefined {
  // Requests have this property on workerd alone. There, what is given are bindings: touching one may call it.
  if ('cf' in request) {
    // Cloudflare overwrites the header, and says nothing in `cf`; a workerd on its own knows its connection, and passes on any header.
    return request.cf === undefined ? undefined : (request.cf.clientIp ?? request.headers.get('cf-connecting-ip') ?? undefined)
  }
  if (typeof given !== 'object' || given === null) return undefined
  const connection = given as Connection
  if (connection.incoming !== undefined) return connection.incoming.socket?.remoteAddress
  if (typeof connection.requestIP === 'function') return connection.requestIP(request)?.address
  return connection.remoteAddr?.hostname
}

/**
 * Whether a decision failed for nothing but that its client has left: a connection that is gone has lost its address, and nobody
 * is there to be answered.
 */
export function hasLeft(error: unknown, isGone: boolean): boolean {
  return isGone && isSluiceError(error) && error.code === 'ERR_ADDRESS_UNKNOWN'
}
