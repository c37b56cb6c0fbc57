import type { MaybePromise, RateLimitOptions, RefusalInfo } from '@sluice/core'
import { connectionAddress, createPipeline, type Host, invalid, type Pipeline } from '@sluice/core/adapter-kit'
import { parsedBody } from './body.ts'

/** The options of core, for a `Request` and what its runtime passes beside it, and one that only this package needs. */
export interface CheckOptions<Req extends Request = Request, Rest extends readonly unknown[] = readonly any[]> extends RateLimitOptions<
  Req,
  Response
> {
  /** The address of the connection, where nothing that the runtime passes tells it: a `Request` does not know it. */
  readonly address?: ((request: Req, ...rest: Rest) => string | undefined) | undefined
  /** Makes the response to a refused request, status and all; the headers of the limiter are added to it. */
  readonly handler?: ((request: Req, info: RefusalInfo) => MaybePromise<Response>) | undefined
}

/**
 * The pipeline of core over requests and what came beside them.
 * @throws what createPipeline() throws
 */
export function pipelineOf<Req extends Request, Rest extends readonly unknown[]>(
  options: CheckOptions<Req, Rest>,
): Pipeline<Req, Response> & { note(request: Req, rest: Rest): void } {
  // From untyped code, options may be null: for createPipeline to refuse.
  const { address, ...shared } = options ?? {}
  if (address !== undefined && typeof address !== 'function') throw invalid('address', 'a function of the request', address)

  // On the request, since option functions of core get one context; a name for each pipeline, since what is beside it may differ.
  const beside: unique symbol = Symbol('sluice.fetch.beside')
  type Noted = Req & { [beside]?: Rest }
  const host: Host<Req> = {
    id: (request) => request,
    method: (request) => request.method,
    path: (request) => new URL(request.url).pathname,
    address(request) {
      const rest = (request as Noted)[beside] as Rest
      return address === undefined ? connectionAddress(request, rest[0]) : address(request, ...rest)
    },
    header: (request, name) => request.headers.get(name) ?? undefined,
    body: parsedBody,
  }
  const pipeline = createPipeline<Req, Response>(host, options && shared)
  const note = (request: Noted, rest: Rest): void => {
    request[beside] = rest
  }
  return Object.assign(pipeline, { note })
}
