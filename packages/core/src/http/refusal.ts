import type { Decision } from '../decision.ts'
import type { Missing } from '../identity/subject.ts'
import type { HeaderLine } from './headers.ts'
import type { RateLimitOptions } from './options.ts'
import { missingBody, problemBody } from './problem.ts'

/** Status, headers and body of a response that Sluice answers itself. */
export interface Refusal {
  readonly status: number
  readonly headers: readonly HeaderLine[]
  readonly body: string
}

/** 429 (or the configured status and message) for this client; 503 where nobody could look, whatever is configured. */
export function refusal<C>(
  decision: Decision,
  context: C,
  headers: readonly HeaderLine[],
  names: readonly string[],
  options: RateLimitOptions<C, never>,
): Refusal {
  const { message, statusCode } = options
  if (decision.verdict === 'unavailable' || message === undefined) {
    const { status, contentType, body } = problemBody(decision, names, decision.verdict === 'refused' ? statusCode : undefined)
    return { status, headers: [...headers, ['Content-Type', contentType]], body }
  }
  const content =
    typeof message === 'function' ? (message as (decision: Decision, context: C) => string | object)(decision, context) : message
  const [type, body] = typeof content === 'string' ? ['text/plain; charset=utf-8', content] : ['application/json', JSON.stringify(content)]
  return { status: statusCode ?? 429, headers: [...headers, ['Content-Type', type]], body }
}

/** 401 for a credential that is missing, with the challenge that RFC 9110 asks for; else 400. */
export function missingRefusal(missing: Missing): Refusal {
  const { contentType, body } = missingBody(missing.status, missing.part)
  const headers: HeaderLine[] = [
    ['Cache-Control', 'no-store'],
    ['Content-Type', contentType],
  ]
  if (missing.status === 401) headers.push(['WWW-Authenticate', missing.part === 'header:authorization' ? 'Bearer' : 'ApiKey'])
  return { status: missing.status, headers, body }
}
