import type { Limiter } from '@sluice/core'
import { type Admission, admissions } from './admission.ts'
import type { CheckOptions } from './host.ts'

/** What a limiter says about one request, for code that builds its response elsewhere. */
export interface Checked extends Omit<Admission, 'refuse'> {
  /** To be returned in place of everything else; `undefined` for a request that is admitted. */
  readonly refusal: Response | undefined
}

export type FetchCheck<Req extends Request = Request, Rest extends readonly unknown[] = readonly any[]> = ((
  request: Req,
  ...rest: Rest
) => Promise<Checked>) & { readonly limiter: Limiter }

/**
 * Decides, and leaves the rest to you: return `refusal` where there is one, else the response that you `send()`. An admitted
 * request that gets none is to be told with `abandon()`, or its concurrency is held until the client is gone.
 * @throws a SluiceError for each option that makes no sense, saying what was expected and what came
 */
export function createCheck<Req extends Request = Request, Rest extends readonly unknown[] = readonly any[]>(
  options: CheckOptions<Req, Rest> = {},
): FetchCheck<Req, Rest> {
  const admit = admissions(options)
  const check = async (request: Req, ...rest: Rest): Promise<Checked> => {
    const { refuse, ...admission } = await admit(request, rest)
    return { ...admission, refusal: refuse && admission.send(await refuse()) }
  }
  return Object.assign(check, { limiter: admit.limiter })
}
