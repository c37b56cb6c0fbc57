import { STATUS_CODES } from 'node:http'
import { problem } from './answers.ts'
import type { Answer } from './route.ts'

/** The rest of the body is not read, so the connection cannot be used again. */
export function bodyTooLarge(max: number): Answer {
  const answer = problem(413, `Expected a body of at most ${max} bytes.`, { title: STATUS_CODES[413], code: 'ERR_REQUEST_TOO_LARGE' })
  return { ...answer, headers: [...(answer.headers ?? []), ['Connection', 'close']] }
}
