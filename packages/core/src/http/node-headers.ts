import { EXPOSE, type HeaderValue, joinNames } from './headers/exposed-names.ts'
import type { HeaderLine } from './headers/headers.ts'
import type { NodeResponse } from './node.ts'

/** Sets headers on Node's response. Names to expose are added to those that are, or will be, exposed by others. */
export function setNodeHeaders(res: NodeResponse, lines: readonly HeaderLine[]): void {
  for (const line of lines) {
    if (line[0] === EXPOSE) exposeNames(res, line[1])
    else res.setHeader(line[0], line[1])
  }
}

const NAMES: unique symbol = Symbol('sluice.exposed')

/** Adds names to the exposed headers of a response when its head is written, since middleware after the limiter may replace the header. */
export function exposeNames(res: NodeResponse, names: string): void {
  const exposing = res as { [NAMES]?: string }
  const isPatched = exposing[NAMES] !== undefined
  exposing[NAMES] = joinNames(exposing[NAMES], names)
  // oxlint-disable-next-line typescript/unbound-method -- called on the response
  const { writeHead } = res
  if (writeHead === undefined) res.setHeader(EXPOSE, exposing[NAMES])
  if (writeHead === undefined || isPatched) return
  res.writeHead = (status, ...rest) => {
    // Node's own error is better than one about a header.
    if (!res.headersSent) addNames(res, rest, exposing[NAMES] as string)
    return writeHead.call(res, status, ...rest)
  }
}

/** Adds names to the headers that `writeHead` gets, or else to those that were set before. */
function addNames(res: NodeResponse, rest: any[], names: string): void {
  const last = rest.length - 1
  const given: unknown = rest[last]
  const isName = (name: unknown) => String(name).toLowerCase() === EXPOSE.toLowerCase()
  if (Array.isArray(given)) {
    // Names and values by turns.
    const at = given.findIndex((name, i) => i % 2 === 0 && isName(name))
    if (at >= 0) {
      rest[last] = given.with(at + 1, joinNames(given[at + 1] as HeaderValue, names))
      return
    }
  } else if (typeof given === 'object' && given !== null) {
    const name = Object.keys(given).find(isName)
    if (name !== undefined) {
      rest[last] = { ...given, [name]: joinNames((given as Record<string, HeaderValue>)[name], names) }
      return
    }
  }
  res.setHeader(EXPOSE, joinNames(res.getHeader?.(EXPOSE), names))
}
