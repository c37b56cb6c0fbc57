import type { Limiter, MaybePromise } from '@sluice/core'
import { invalid, isPromise } from '@sluice/core/adapter-kit'
import { type Admission, admissions } from './admission.ts'
import type { CheckOptions } from './host.ts'

/** A handler of `Bun.serve`, `Deno.serve`, a Next route, a Cloudflare worker: a request, what the runtime passes beside it, a response. */
export type FetchHandler<Req extends Request = Request, Rest extends readonly unknown[] = readonly any[]> = (
  request: Req,
  ...rest: Rest
) => MaybePromise<Response>

export interface FetchOptions<Req extends Request = Request, Rest extends readonly unknown[] = readonly any[]> extends CheckOptions<
  Req,
  Rest
> {
  /** Answers in place of what has thrown, handler or limiter, and gets the headers added. Without it the runtime gets the error, and answers without them. */
  readonly error?: ((request: Req, info: { readonly error: unknown }, ...rest: Rest) => MaybePromise<Response>) | undefined
}

export type FetchRateLimit<Req extends Request = Request, Rest extends readonly unknown[] = readonly any[]> = ((
  request: Req,
  ...rest: Rest
) => Promise<Response>) & { readonly limiter: Limiter }

/**
 * The handler, limited: without options each client address to 100 requests a minute. `decisionOf(request)` has the decision;
 * what could not be decided goes to the option `error`, else it is thrown.
 * @throws a SluiceError for each option that makes no sense, saying what was expected and what came
 */
export function rateLimit<Req extends Request = Request, Rest extends readonly unknown[] = readonly any[]>(
  handler: FetchHandler<Req, Rest>,
  options: FetchOptions<Req, Rest> = {},
): FetchRateLimit<Req, Rest> {
  if (typeof handler !== 'function') throw invalid('rateLimit', 'a handler of requests, and then options', handler)
  // From untyped code, options may be null: for core to refuse.
  const { error, ...shared } = options ?? {}
  if (error !== undefined && typeof error !== 'function') throw invalid('error', 'a function of the request and the error', error)
  const admit = admissions(options && shared)

  const limited = async (request: Req, ...rest: Rest): Promise<Response> => {
    let admission: Admission | undefined
    try {
      // Each `await` of what is here by now costs a turn of the queue.
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
