import type { Decision } from '@sluice/core'
import type { HeaderLine } from '@sluice/core/adapter-kit'

/** Kept on the request: a WeakMap would cost more than the decision. */
interface RequestState {
  [DECISION]?: Decision
  [LINES]?: HeaderLine[]
}
const DECISION: unique symbol = Symbol('sluice.fetch.decision')
const LINES: unique symbol = Symbol('sluice.fetch.lines')

/**
 * The decision of the limiter that decided this `Request` object last; `undefined` if every limiter skipped it.
 *
 * @example
 * ```ts
 * import { decisionOf, rateLimit } from '@sluice/fetch'
 *
 * export const handler = rateLimit((request: Request) => Response.json({ left: decisionOf(request)?.remaining }), { limit: 100 })
 * ```
 */
export function decisionOf(request: Request): Decision | undefined {
  return (request as RequestState)[DECISION]
}

/** Keeps the decision on the request, for decisionOf(). */
export function keepDecision(request: Request, decision: Decision): void {
  ;(request as RequestState)[DECISION] = decision
}

/**
 * The headers of all limiters of this request so far, without `Content-Type`, which the response may have already. Nested wrappers set
 * headers from the inside out, so an outer wrapper must also set those of an inner one.
 */
export function linesOf(request: Request & RequestState, headers: readonly HeaderLine[]): readonly HeaderLine[] {
  const lines = (request[LINES] ??= [])
  for (const line of headers) if (line[0] !== 'Content-Type') lines.push(line)
  return lines
}
