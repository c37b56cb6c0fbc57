import { problem } from './answers.ts'
import type { Answer } from './route.ts'

/** The rest of the body is not read, so the connection cannot be used again. */
export function bodyTooLarge(max: number): Answer {
  const answer = problem(413, `Expected a body of at most ${max} bytes.`)
  return { ...answer, headers: [...(answer.headers ?? []), ['Connection', 'close']] }
}
