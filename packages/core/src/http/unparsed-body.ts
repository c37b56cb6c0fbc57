import type { ObserverHub } from '../observers.ts'
import type { Host } from './host.ts'

const WITH_BODY = ['POST', 'PUT', 'PATCH']

/** The `body` of a host, which reports once that it was read before a parser ran. `undefined` if the host has none. */
export function readingBody<C>(host: Host<C>, observers: ObserverHub): Host<C>['body'] {
  if (host.body === undefined) return undefined
  let isReported = host.unparsedHint === undefined
  const check = (context: C): void => {
    const hint = host.unparsedHint?.(context)
    if (hint === undefined || !hasParsableBody(host, context)) return
    isReported = true
    observers.warn('WARN_BODY_UNPARSED', `body() was read before a parser had run, so the key of a request with a body is missing; ${hint}`)
  }
  return (context) => {
    const parsed = host.body?.(context)
    if (parsed === undefined && !isReported) check(context)
    return parsed
  }
}

/** Whether a usual parser would have read a body: of another type or method, the parser may rightly have left it. */
function hasParsableBody<C>(host: Host<C>, context: C): boolean {
  if (!WITH_BODY.includes(host.method(context))) return false
  const type = host.header(context, 'content-type')?.toLowerCase() ?? ''
  if (!type.includes('json') && !type.includes('urlencoded')) return false
  return Number(host.header(context, 'content-length')) > 0 || host.header(context, 'transfer-encoding') !== undefined
}
