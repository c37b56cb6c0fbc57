import type { MaybePromise, RequestLimiter } from '@sluice/core'
import { invalid, isPromise } from '@sluice/core/adapter-kit'
import { type Admission, admissions } from './admission.ts'
import type { CheckOptions } from './host.ts'

/** A handler of `Bun.serve`, `Deno.serve`, a Next.js route or a Cloudflare worker. `Rest` is what the runtime passes after the request. */
export type FetchHandler<Req extends Request = Request, Rest extends readonly unknown[] = readonly any[]> = (
  request: Req,
  ...rest: Rest
) => MaybePromise<Response>

/** The options of `rateLimit`. Option functions get the `Request`. */
export interface FetchOptions<
  Req extends Request = Request,
  Rest extends readonly unknown[] = readonly any[],
  N extends string = string,
> extends CheckOptions<Req, Rest, N> {
  /**
   * Makes the response when the handler or the limiter has thrown; the headers are added to it. Default: the runtime gets the
   * error, and its response has no headers of the limiter.
   */
  readonly error?: ((request: Req, info: { readonly error: unknown }, ...rest: Rest) => MaybePromise<Response>) | undefined
}

/** A limited handler, and the limiter that it uses. */
export type FetchRateLimit<Req extends Request = Request, Rest extends readonly unknown[] = readonly any[]> = ((
  request: Req,
  ...rest: Rest
) => Promise<Response>) & {
  /** Its methods also take requests. The address of a request is known once the wrapper has had it. */
  readonly limiter: RequestLimiter<Req>
}

/**
 * Wraps a handler of requests. Without options the wrapper admits 100 requests per minute and client address, counted in memory.
 *
 * `decisionOf(request)` returns the decision. A request that could not be decided goes to the option `error`; without it, the
 * wrapper throws.
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN, ERR_OPTION_CONFLICT, ERR_NAME_*, ERR_LIMIT_INEXACT for invalid options
 * @example
 * ```ts
 * import { decisionOf, rateLimit } from '@sluice/fetch'
 *
 * export const handler = rateLimit((request: Request) => Response.json({ remaining: decisionOf(request)?.remaining }), {
 *   limit: 100,
 *   window: '1m',
 * })
 * ```
 */
export function rateLimit<Req extends Request = Request, Rest extends readonly unknown[] = readonly any[], const N extends string = string>(
  handler: FetchHandler<Req, Rest>,
  options: FetchOptions<Req, Rest, N> = {},
): FetchRateLimit<Req, Rest> {
  if (typeof handler !== 'function') throw invalid('rateLimit', 'a handler of requests, and then options', handler)
  // Untyped code may pass null, which core refuses.
  const { error, ...shared } = options ?? {}
  if (error !== undefined && typeof error !== 'function') throw invalid('error', 'a function of the request and the error', error)
  const admit = admissions(options && (shared as CheckOptions<Req, Rest>))

  const limited = async (request: Req, ...rest: Rest): Promise<Response> => {
    let admission: Admission | undefined
    try {
      // An `await` of a value that is no promise would cost a microtask.
      const admitted = admit(request, rest)
      admission = isPromise(admitted) ? await admitted : admitted
      const response = admission.refuse === undefined ? handler(request, ...rest) : admission.refuse()
      return admission.send(isPromise(response) ? await response : response)
    } catch (thrown) {
      return failed(thrown, admission, request, rest)
    }
  }

  const failed = async (thrown: unknown, admission: Admission | undefined, request: Req, rest: Rest): Promise<Response> => {
    try {
      if (error === undefined) throw thrown
      const response = await error(request, { error: thrown }, ...rest)
      return admission === undefined ? response : admission.send(response)
    } catch (reason) {
      admission?.abandon()
      throw reason
    }
  }

  return Object.assign(limited, { limiter: admit.limiter })
}
