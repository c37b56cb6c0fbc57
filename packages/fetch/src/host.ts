import type { MaybePromise, RateLimitOptions, RefusalInfo } from '@sluice/core'
import {
  connectionAddress,
  createPipeline,
  dropConnection,
  type Host,
  invalid,
  type Pipeline,
  platformAddress,
} from '@sluice/core/adapter-kit'
import { parsedBody } from './body.ts'

/** The options of `createCheck`, and of `rateLimit`. Option functions get the `Request`. */
export interface CheckOptions<
  Req extends Request = Request,
  Rest extends readonly unknown[] = readonly any[],
  N extends string = string,
> extends RateLimitOptions<Req, Response, N> {
  /** Returns the address of the connection, which a `Request` does not have. Default: the address that Node, Bun, Deno or Cloudflare gives. */
  readonly address?: ((request: Req, ...rest: Rest) => string | undefined) | undefined
  /** Makes the response to a refused request, with its status. The limiter's headers are added to it. */
  readonly handler?: ((request: Req, info: RefusalInfo) => MaybePromise<Response>) | undefined
}

const HINT =
  "pass on what the runtime passed after the request, as in limited(request, server); in a test, limited(request, { remoteAddr: { hostname: '203.0.113.7' } }); where the runtime passes no address, give the option address, or trustProxy behind a proxy; otherwise limit by another key"

/** The arguments that the last wrapper of a request got. */
const LAST: unique symbol = Symbol('sluice.fetch.last')

/**
 * Makes core's pipeline for requests. `note` records the arguments that the runtime passed after a request, which contain its address.
 * @throws what createPipeline() throws
 */
export function pipelineOf<Req extends Request, Rest extends readonly unknown[]>(
  options: CheckOptions<Req, Rest>,
): Pipeline<Req, Response> & { note(request: Req, rest: Rest): void } {
  // Untyped code may pass null, which createPipeline() refuses.
  const { address, ...shared } = options ?? {}
  if (address !== undefined && typeof address !== 'function') throw invalid('address', 'a function of the request', address)

  // Kept on the request, since core passes one context. Each pipeline has its symbol, since nested wrappers may get other arguments.
  const restArguments: unique symbol = Symbol('sluice.fetch.rest')
  type Noted = Req & { [restArguments]?: Rest; [LAST]?: Rest }
  // A request that the application passes to the limiter may be one that only another mount of it has had, or no wrapper at all.
  const restOf = (request: Noted): Rest | undefined => request[restArguments] ?? request[LAST]
  const host: Host<Req> = {
    id: (request) => request,
    method: (request) => request.method,
    target: (request) => request.url,
    address(request) {
      const rest = restOf(request) ?? ([] as readonly unknown[] as Rest)
      return address === undefined ? connectionAddress(request, rest[0]) : address(request, ...rest)
    },
    addressHint: () => (address === undefined ? HINT : 'the option address returned undefined for this request'),
    // The application may read the address from a header. Then a request is counted, even if that text is no address.
    ...(address === undefined ? { platformAddress } : { trust: () => 'some' as const }),
    header: (request, name) => request.headers.get(name) ?? undefined,
    body: parsedBody,
    drop: (request) => dropConnection(request, restOf(request)?.[0]),
  }
  const pipeline = createPipeline<Req, Response>(host, options && shared)
  const note = (request: Noted, rest: Rest): void => {
    request[restArguments] = rest
    request[LAST] = rest
  }
  return Object.assign(pipeline, { note })
}
