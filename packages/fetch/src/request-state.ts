import type { Decision } from '@sluice/core'
import type { HeaderLine } from '@sluice/core/adapter-kit'

/** Kept on the request: a WeakMap would cost more than the decision. */
interface RequestState {
  [DECISION]?: Decision
  [LINES]?: readonly HeaderLine[]
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
 * Adds the headers of a limiter to those of the limiters before it. Nested wrappers set headers from the inside out, so an outer wrapper
 * must also set those of an inner one.
 */
export function keepLines(request: Request & RequestState, headers: readonly HeaderLine[]): void {
  const before = request[LINES]
  request[LINES] = before === undefined ? headers : [...before, ...headers]
}

/** The headers of all limiters of this request so far. */
export function linesOf(request: Request & RequestState): readonly HeaderLine[] {
  return request[LINES] ?? []
}
