import { STATUS_CODES } from 'node:http'
import { isSluiceError } from '@sluice/core'
import type { HeaderLine } from '@sluice/core/adapter-kit'
import type { RequestError } from './request-error.ts'
import type { Answer } from './route.ts'

/** An answer of JSON, which no cache keeps. */
export function json(status: number, value: unknown, headers: readonly HeaderLine[] = []): Answer {
  const body = `${JSON.stringify(value)}\n`
  return { status, headers: [['Content-Type', 'application/json'], ['Cache-Control', 'no-store'], ...headers], body }
}

/** What is wrong with a request, as RFC 9457 has it. */
export function problem(status: number, detail: string, others: Readonly<Record<string, unknown>> = {}): Answer {
  const body = `${JSON.stringify({ type: 'about:blank', status, detail, ...others })}\n`
  return {
    status,
    headers: [
      ['Content-Type', 'application/problem+json'],
      ['Cache-Control', 'no-store'],
    ],
    body,
  }
}

const STATUS: Readonly<Partial<Record<string, number>>> = {
  ERR_NAMESPACE_UNKNOWN: 404,
  ERR_CHECK_INVALID: 400,
  ERR_REQUEST_INVALID: 400,
  ERR_DECISION_INVALID: 400,
  ERR_REQUEST_TOO_LARGE: 413,
  ERR_REQUEST_MEDIA: 415,
}

/** The answer to a request that failed. What is no mistake of the caller is a 500, whose reason only the log has. */
export function problemOf(error: unknown): Answer {
  const code = isSluiceError(error) ? error.code : undefined
  const status = code === undefined ? undefined : STATUS[code]
  if (status === undefined) return problem(500, 'The service failed. Its log says why.')
  const { message, problems } = error as Error & Partial<RequestError>
  return problem(status, message, { title: STATUS_CODES[status], code, problems })
}
