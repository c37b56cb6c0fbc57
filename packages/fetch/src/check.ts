import type { RequestLimiter } from '@sluice/core'
import { type Admission, admissions } from './admission.ts'
import type { CheckOptions } from './host.ts'

/** The result of a check. */
export interface Checked extends Omit<Admission, 'refuse'> {
  /** The response to return for a refused request; `undefined` for an admitted one. */
  readonly refusal: Response | undefined
}

/** A check, and the limiter that it uses. */
export type FetchCheck<Req extends Request = Request, Rest extends readonly unknown[] = readonly any[]> = ((
  request: Req,
  ...rest: Rest
) => Promise<Checked>) & {
  /** Its methods also take requests. The address of a request is known once the check has had it. */
  readonly limiter: RequestLimiter<Req>
}

/**
 * Makes a function that decides a request, for code that builds its response elsewhere. Return `refusal` if there is one, else the
 * response that `send()` returns. Call `abandon()` for an admitted request that gets no response. Otherwise its concurrency is
 * released only when the client leaves.
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN, ERR_OPTION_CONFLICT, ERR_NAME_*, ERR_LIMIT_INEXACT for invalid options
 * @example
 * ```ts
 * import { createCheck } from '@sluice/fetch'
 *
 * const check = createCheck({ limit: 100, window: '1m' })
 *
 * export async function handler(request: Request): Promise<Response> {
 *   const { refusal, send } = await check(request)
 *   return refusal ?? send(new Response('hello'))
 * }
 * ```
 */
export function createCheck<
  Req extends Request = Request,
  Rest extends readonly unknown[] = readonly any[],
  const N extends string = string,
>(options: CheckOptions<Req, Rest, N> = {}): FetchCheck<Req, Rest> {
  const admit = admissions(options as CheckOptions<Req, Rest>)
  const check = async (request: Req, ...rest: Rest): Promise<Checked> => {
    const admission = await admit(request, rest)
    const { decision, headers, refuse } = admission
    const send = (response: Response) => admission.send(response)
    return { decision, headers, refusal: refuse && send(await refuse()), send, abandon: () => admission.abandon() }
  }
  return Object.assign(check, { limiter: admit.limiter })
}
