import { type Code, isSluiceError, SluiceError } from '@sluice/core'
import { PolicyError } from '@sluice/policies'
import type { Answer } from '../http/route.ts'

/** A request of the admin API that is answered with a problem. */
export class AdminError extends SluiceError {
  readonly status: number
  /** What the problem says beside its message. */
  readonly others: Readonly<Record<string, unknown>>

  constructor(status: number, code: Code, message: string, others: Readonly<Record<string, unknown>> = {}) {
    super(code, message)
    this.status = status
    this.others = others
  }
}

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad request',
  401: 'Who is asking?',
  403: 'Not allowed',
  404: 'Not found',
  405: 'Method not allowed',
  408: 'Too slow',
  409: 'Conflict',
  413: 'Too large',
  415: 'Not JSON',
  422: 'Not valid',
  429: 'Too many attempts',
  500: 'Failed',
  503: 'Not available',
}

/** What other errors mean to a caller. */
const STATUS: Readonly<Partial<Record<string, number>>> = {
  ERR_NAMESPACE_UNKNOWN: 404,
  ERR_ADMIN_REQUEST: 422,
  ERR_OPTION_INVALID: 422,
  ERR_OPTION_UNKNOWN: 422,
  ERR_POLICY_INVALID: 422,
  ERR_SUBJECT_INVALID: 422,
  ERR_BLOCK_ALLOWED: 409,
  ERR_PUBLISH_CONFLICT: 409,
  ERR_BLOCKS_FULL: 409,
  ERR_PUBLISH_FAILED: 503,
  ERR_STORE_UNAVAILABLE: 503,
}

/** The answer to a request that failed, and whether its reason belongs into the log. */
export function problemAnswer(error: unknown): Answer & { readonly isFault: boolean } {
  const code = isSluiceError(error) ? error.code : undefined
  const known = error instanceof AdminError ? error.status : code === undefined ? undefined : STATUS[code]
  // A store says in its own words why it did not answer.
  const status = known ?? ((error as { readonly name?: string }).name === 'RedisStoreError' ? 503 : 500)
  const detail = status === 500 ? 'The service failed. Its log says why.' : (error as Error).message
  const problems = error instanceof PolicyError ? { problems: error.problems } : {}
  const others = error instanceof AdminError ? error.others : {}
  const body = {
    type: 'about:blank',
    title: TITLES[status] ?? 'Problem',
    status,
    ...(status === 500 ? {} : { code }),
    detail,
    ...problems,
    ...others,
  }
  return {
    status,
    headers: [
      ['Content-Type', 'application/problem+json'],
      ['Cache-Control', 'no-store'],
    ],
    body: `${JSON.stringify(body)}\n`,
    isFault: status === 500,
  }
}
