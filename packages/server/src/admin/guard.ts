import { printWarning } from '@sluice/core/adapter-kit'
import type { Answer, Exchange, Route } from '../http/route.ts'
import { AdminError, problemAnswer } from './admin-error.ts'
import type { AuditLog } from './audit/audit-log.ts'
import { jsonBody, MAX_BYTES } from './body.ts'
import type { Calls } from './calls.ts'
import type { Call, Endpoint } from './endpoint.ts'
import type { Failures } from './failures.ts'
import type { Identities, Identity } from './identities.ts'
import { ALL } from './scopes.ts'

/** What every endpoint needs to know. */
export interface GuardParts {
  readonly identities: Identities
  readonly failures: Failures
  readonly calls: Calls
  readonly audit: AuditLog
  readonly now: () => number
}

const CHALLENGE = ['WWW-Authenticate', 'Bearer realm="sluice"'] as const

/** Lets through to an endpoint who may use it, and writes each write into the audit log, also one that is refused. */
export class Guard {
  private readonly parts: GuardParts

  constructor(parts: GuardParts) {
    this.parts = parts
  }

  /** The endpoint as a route. */
  route(endpoint: Endpoint): Route {
    const { method, path } = endpoint
    return {
      method,
      path: path.startsWith('/') ? path : `/admin/v1/${path}`,
      maxBody: MAX_BYTES,
      handle: (exchange) => this.answer(endpoint, exchange),
    }
  }

  private async answer(endpoint: Endpoint, exchange: Exchange): Promise<Answer> {
    const audited: Audited = { identity: undefined, namespace: exchange.params['namespace'] ?? ALL, audit: {} }
    let answer: Answer
    try {
      answer = await this.run(endpoint, exchange, audited)
    } catch (error) {
      const { isFault, ...problem } = problemAnswer(error)
      if (isFault)
        printWarning(
          `${endpoint.method} /admin/v1/${endpoint.path} failed: ${error instanceof Error ? (error.stack ?? '') : String(error)}`,
        )
      answer = { ...problem, headers: [...(problem.headers ?? []), ...(isUnknown(error) ? [CHALLENGE] : []), ...retryOf(error)] }
    }
    if (endpoint.writes !== undefined) await this.write(endpoint.writes, exchange, audited, answer.status)
    return answer
  }

  private async run(endpoint: Endpoint, exchange: Exchange, audited: Audited): Promise<Answer> {
    const identity = await this.identify(endpoint, exchange)
    audited.identity = identity
    await this.count(identity)
    // Only now: who is not known makes the service read nothing.
    const body = endpoint.method === 'GET' ? {} : await jsonBody(exchange.incoming)
    const { params, url } = exchange
    const call: Call = { exchange, identity, params, query: url.searchParams, body, audit: audited.audit }
    // Before anything is looked up: what there is, is said to nobody who may not see it.
    this.authorise(endpoint, call, audited)
    return await endpoint.handle(call)
  }

  private async identify(endpoint: Endpoint, { incoming }: Exchange): Promise<Identity> {
    const { identities, failures } = this.parts
    const found = identities.of(incoming)
    if (typeof found === 'object') return found
    // A page that asks before somebody has entered a token is no attempt.
    const wait = found === 'wrong' || endpoint.writes !== undefined ? await failures.count(incoming.socket.remoteAddress) : undefined
    if (wait !== undefined)
      throw new AdminError(429, 'ERR_ADMIN_ATTEMPTS', `token: expected fewer wrong ones from one address; try again in ${wait} s`, {
        retryAfter: wait,
      })
    throw new AdminError(
      401,
      'ERR_ADMIN_TOKEN',
      `token: expected Authorization: Bearer with a valid token, got ${found === 'none' ? 'none' : 'another one'}`,
    )
  }

  private async count(identity: Identity): Promise<void> {
    const retryAfter = await this.parts.calls.count(identity)
    if (retryAfter === undefined) return
    const text = `token: expected fewer requests of ${identity.name}; try again in ${retryAfter} s`
    throw new AdminError(429, 'ERR_ADMIN_CALLS', text, { retryAfter })
  }

  private authorise(endpoint: Endpoint, call: Call, audited: Audited): void {
    const { action } = endpoint
    const { scopes } = call.identity
    const namespace = endpoint.namespace?.(call)
    if (namespace !== undefined) audited.namespace = namespace
    if (action === 'any' || (namespace === undefined ? scopes.allowsSome(action) : scopes.allows(action, namespace))) return
    throw new AdminError(403, 'ERR_ADMIN_SCOPE', `token: expected the scope ${action}:${namespace ?? '…'}, got ${scopes.texts.join(', ')}`)
  }

  private async write(action: string, { incoming }: Exchange, { identity, namespace, audit }: Audited, status: number): Promise<void> {
    const { failures, audit: log, now } = this.parts
    if ((identity === undefined || status === 429) && !(await failures.mayWrite())) return
    const { target, note, before, after } = audit
    const outcome = status < 400 ? 'done' : status < 500 ? 'refused' : 'failed'
    const ip = incoming.socket.remoteAddress
    await log.append({
      at: now(),
      who: identity?.name,
      by: identity?.by,
      ip,
      action,
      namespace,
      target,
      outcome,
      status,
      note,
      before,
      after,
    })
  }
}

/** What is known of a write so far. */
interface Audited {
  identity: Identity | undefined
  namespace: string
  readonly audit: Call['audit']
}

/** Whether the sender of a request is not known. */
function isUnknown(error: unknown): boolean {
  return error instanceof AdminError && (error.code === 'ERR_ADMIN_TOKEN' || error.code === 'ERR_ADMIN_ATTEMPTS')
}

function retryOf(error: unknown): readonly (readonly [string, string])[] {
  const retryAfter = error instanceof AdminError ? error.others['retryAfter'] : undefined
  return typeof retryAfter === 'number' ? [['Retry-After', String(retryAfter)]] : []
}
