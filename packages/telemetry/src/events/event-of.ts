import type { Decision, DecisionFacts } from '@sluice/core'
import { detach, limitNameOf, policyOf } from '@sluice/core/store-kit'
import type { DecisionEvent } from './events.ts'

/** An event that was not sent yet: without an id, and with the subject as it is. */
export type UnsentEvent = { -readonly [Name in keyof DecisionEvent]: DecisionEvent[Name] }

/** What all events of a process have in common. */
export interface Origin {
  readonly region: string
  readonly instance: string
}

const MAX_LATENCY = 2 ** 32 - 1
/** UTF-16 units of a value that a client may have chosen. */
const MAX_LENGTH = 256

export function eventOf(decision: Decision, facts: DecisionFacts, { region, instance }: Origin, at: number, weight: number): UnsentEvent {
  const { binding, charges, retryAfter, remaining } = decision
  const charge = charges.find(({ limit }) => limit === binding)
  return {
    id: '',
    at: Math.floor(at),
    region,
    instance,
    namespace: decision.policy,
    tenant: short(facts.tenant),
    policy: binding === undefined ? '' : policyOf(decision, binding),
    limit: binding === undefined ? (decision.rule ?? '') : limitNameOf(decision, binding),
    tier: short(decision.tier),
    mode: decision.mode,
    verdict: decision.verdict,
    source: decision.source,
    endpoint: short(facts.route),
    method: facts.method ?? '',
    // A view would keep the whole header in memory that it was cut from.
    subject: detach(charge?.subject ?? ''),
    cost: charge?.cost ?? decision.granted,
    remaining: binding === undefined ? -1 : remaining,
    retry_after_ms: retryAfter === Infinity ? -1 : retryAfter,
    latency_us: Math.min(MAX_LATENCY, Math.round(facts.latency ?? 0)),
    revision: decision.revision ?? 0,
    weight,
    trace_id: '',
  }
}

function short(text = ''): string {
  return detach(text.length > MAX_LENGTH ? text.slice(0, MAX_LENGTH) : text)
}
