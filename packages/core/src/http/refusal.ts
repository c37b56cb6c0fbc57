import type { Decision } from '../decision.ts'
import type { Missing } from '../identity/subject.ts'
import { chain, type MaybePromise } from '../runtime.ts'
import type { HeaderLine } from './headers/headers.ts'
import type { RateLimitOptions, RefusalInfo } from './options.ts'
import { missingBody, problemBody, refusalStatus } from './problem.ts'

/** Status, headers and body of a refusal. */
export interface RefusalResponse {
  readonly status: number
  readonly headers: readonly HeaderLine[]
  readonly body: string
}

/** The refusal of a limit or a block: 429, or the configured status and message. While the store is unavailable, always 503. */
export function refusal<C>(
  decision: Decision,
  context: C,
  headers: readonly HeaderLine[],
  names: readonly string[],
  options: RateLimitOptions<C, never>,
): MaybePromise<RefusalResponse> {
  const { handler, message, statusCode, blockedStatus = statusCode } = options
  const own = { refused: statusCode, blocked: blockedStatus, allowed: undefined, unavailable: undefined }
  const status = own[decision.verdict] ?? refusalStatus(decision)
  // The handler sets the content type of its own body.
  if (handler !== undefined) return { status, headers, body: '' }
  if (decision.verdict === 'unavailable' || message === undefined) {
    const { contentType, body } = problemBody(decision, names, status)
    return { status, headers: typed(headers, contentType), body }
  }
  const content = typeof message === 'function' ? (message as Message<C>)(context, { decision, status }) : message
  return chain(content, (text) =>
    typeof text === 'string'
      ? { status, headers: typed(headers, 'text/plain; charset=utf-8'), body: text }
      : { status, headers: typed(headers, 'application/json'), body: JSON.stringify(text) },
  )
}

type Message<C> = (context: C, info: RefusalInfo) => MaybePromise<string | object>

function typed(headers: readonly HeaderLine[], contentType: string): readonly HeaderLine[] {
  return [...headers, ['Content-Type', contentType]]
}

/** The refusal of a request whose key is missing: 401 for a credential, with the challenge that RFC 9110 requires; else 400. */
export function missingRefusal(missing: Missing): RefusalResponse {
  const { contentType, body } = missingBody(missing.status, missing.part)
  const headers: HeaderLine[] = [
    ['Cache-Control', 'no-store'],
    ['Content-Type', contentType],
  ]
  if (missing.status === 401) headers.push(['WWW-Authenticate', missing.part === 'header:authorization' ? 'Bearer' : 'ApiKey'])
  return { status: missing.status, headers, body }
}
