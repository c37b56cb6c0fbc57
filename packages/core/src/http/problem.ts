import { algorithmOf } from '../algorithms/registry.ts'
import type { Decision } from '../decision.ts'
import type { Limit } from '../limit.ts'
import { refusalSeconds } from './headers/rounding.ts'

/** The body of a refusal: problem details, RFC 9457. */
export interface Problem {
  readonly status: number
  readonly contentType: 'application/problem+json'
  readonly body: string
}

/** The usual status: 429 when a limit refused or the subject is blocked, 503 when the store is unavailable. */
export function refusalStatus({ verdict }: Decision): 429 | 503 {
  return verdict === 'unavailable' ? 503 : 429
}

/**
 * The body for a decision that is not allowed.
 * @param itemNames the names of the limits in the headers, in the order of `decision.charges`
 * @param status of the response, which the body repeats
 */
export function problemBody(decision: Decision, itemNames: readonly string[], status: number = refusalStatus(decision)): Problem {
  const retry = refusalSeconds(decision)
  const wait = retry === undefined ? undefined : { retry_after: retry }
  if (decision.verdict === 'unavailable') {
    return problem({
      type: 'https://iana.org/assignments/http-problem-types#temporary-reduced-capacity',
      title: 'Temporary Reduced Capacity',
      status,
      detail: `Requests cannot be counted at the moment. ${retryText(retry ?? 1)}`,
      ...wait,
    })
  }
  if (decision.verdict === 'blocked') {
    // No registered type fits: no quota is exceeded. RFC 9457 asks for the phrase of the status as title then.
    return problem({
      type: 'about:blank',
      title: PHRASES[status],
      status,
      detail: `Requests are blocked for a time. ${retryText(retry ?? 1)}`,
      ...wait,
    })
  }
  return problem({
    type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
    title: 'Quota Exceeded',
    status,
    detail: detailOf(decision, itemNames, retry),
    'violated-policies': itemNames.filter((_, i) => isRefusing(decision, i) && decision.charges[i]?.limit.visible !== false),
    ...wait,
  })
}

/** The body for a request whose key is missing: 401 for a credential, else 400. */
export function missingBody(status: 400 | 401, partName: string): Problem {
  return problem({
    type: 'about:blank',
    title: PHRASES[status],
    status,
    detail: `The request lacks ${partName}, which its rate limit needs.`,
  })
}

/** The phrases of statuses that a refusal may have, as HTTP has them. A problem without a title is valid, one with another phrase is not. */
const PHRASES: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  429: 'Too Many Requests',
  503: 'Service Unavailable',
}

interface Members {
  readonly type: string
  readonly title: string | undefined
  readonly status: number
  readonly detail: string
  readonly 'violated-policies'?: readonly string[]
  readonly retry_after?: number
}

// JSON keeps the order of the members.
function problem(members: Members): Problem {
  return { status: members.status, contentType: 'application/problem+json', body: JSON.stringify(members) }
}

function isRefusing(decision: Decision, i: number): boolean {
  const outcome = decision.outcomes[i]
  return outcome !== undefined && !outcome.allowed && outcome.source !== 'closed'
}

function detailOf(decision: Decision, itemNames: readonly string[], retry: number | undefined): string {
  const i = decision.charges.findIndex(({ limit }) => limit === decision.binding)
  const charge = decision.charges[i]
  if (charge === undefined || charge.limit.visible === false) return retry === undefined ? 'Retrying does not help.' : retryText(retry)
  const label = `Limit "${itemNames[i] ?? charge.limit.label ?? charge.limit.name}"`
  if (algorithmOf(charge.limit).quota(charge.limit) === 0)
    return retry === undefined ? `${label} allows nothing: retrying does not help.` : `${label} allows nothing. ${retryText(retry)}`
  const allows = `${label} allows ${quotaText(charge.limit)}.`
  if (retry !== undefined) return `${allows} ${retryText(retry)}`
  return `${allows} This request costs ${charge.cost}, more than the limit ever allows: retrying does not help.`
}

/** The numbers of the definition, in words. */
function quotaText(given: Limit): string {
  const { limit, window } = given
  const algorithm = algorithmOf(given)
  if (algorithm.holds) return `${plural(limit, 'request')} at once`
  const most = algorithm.quota(given)
  return `${plural(limit, 'unit')} ${spanText(window)}${most === limit ? '' : `, ${most} at once`}`
}

/** A calendar window by its name, since its length varies. */
function spanText(window: number | string): string {
  if (typeof window === 'string') return `per ${window}`
  return window === 1000 ? 'per second' : `per ${plural(window / 1000, 'second')}`
}

function retryText(seconds: number): string {
  return `Retry in ${plural(seconds, 'second')}.`
}

function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`
}
