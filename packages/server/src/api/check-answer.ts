import type { Decision, Limit, Outcome } from '@sluice/core'
import type { HeaderLine, HttpOutcome } from '@sluice/core/adapter-kit'
import type { CheckAnswer, LimitAnswer } from './contract.ts'

/** The document that decided. */
interface Decided {
  readonly namespace: string
  readonly revision: number | undefined
}

/** The answer to a check, of which clients may see everything: a hidden limit is in no field. */
export function answerOf(outcome: HttpOutcome, { namespace, revision }: Decided): CheckAnswer {
  const { decision, headers, pass } = outcome
  const common = { allowed: pass, namespace, headers: named(headers) }
  if (decision === undefined) {
    const answer = { ...common, ...UNLIMITED, revision: revision ?? null }
    return pass
      ? answer
      : { ...answer, verdict: 'refused', status: outcome.status, granted: 0, retryAfterMs: null, ...problemIn(outcome.body) }
  }
  const shown = shownOf(decision)
  return {
    ...common,
    verdict: decision.verdict,
    status: pass ? 200 : outcome.status,
    revision: decision.revision ?? revision ?? null,
    policies: policiesOf(decision),
    tier: decision.tier ?? null,
    binding: decision.binding === undefined || decision.binding.visible === false ? null : decision.binding.name,
    remaining: remainingOf(decision),
    retryAfterMs: pass ? 0 : millis(decision.retryAfter),
    resetAfterMs: decision.source === 'block' ? millis(decision.resetAfter) : millis(shown?.resetAfter),
    delayMs: pass ? Math.ceil(decision.delay) : 0,
    granted: decision.granted,
    source: decision.source,
    limits: limitsOf(decision),
    ...(pass ? {} : problemIn(outcome.body)),
  }
}

/** Units left of the binding limit, or of the one with the least left of those that clients see; `null` without one. */
export function remainingOf(decision: Decision): number | null {
  return units(decision.source === 'block' ? 0 : shownOf(decision)?.remaining)
}

const UNLIMITED = {
  verdict: 'allowed',
  status: 200,
  policies: [],
  tier: null,
  binding: null,
  remaining: null,
  retryAfterMs: 0,
  resetAfterMs: null,
  delayMs: 0,
  granted: 1,
  source: 'none',
  limits: [],
} as const

/** The outcome of the binding limit. If clients do not see that limit, the one with the least left of those that they see. */
function shownOf({ binding, charges, outcomes }: Decision): Outcome | undefined {
  let shown: Outcome | undefined
  for (const [i, { limit }] of charges.entries()) {
    const outcome = outcomes[i]
    if (outcome === undefined || limit.visible === false) continue
    if (limit === binding) return outcome
    if (shown === undefined || outcome.remaining < shown.remaining) shown = outcome
  }
  return shown
}

/** The rules that have a limit which clients see. */
function policiesOf({ policies = [], charges }: Decision): readonly string[] {
  const seen = new Set(charges.filter(({ limit }) => limit.visible !== false).map(({ limit }) => limit.name.split('.')[0]))
  return policies.filter((name) => seen.has(name.split('.')[0]))
}

function limitsOf({ charges, outcomes }: Decision): readonly LimitAnswer[] {
  return charges.flatMap(({ limit }, i) => (limit.visible === false ? [] : [limitOf(limit, outcomes[i])]))
}

function limitOf({ name, label, algorithm, limit, window }: Limit, outcome: Outcome | undefined): LimitAnswer {
  return {
    name,
    ...(label === undefined ? {} : { label }),
    algorithm,
    limit,
    ...(typeof window === 'number' ? { windowMs: window } : { windowMs: null, window }),
    remaining: units(outcome?.remaining),
    used: units(outcome?.used),
    retryAfterMs: millis(outcome?.retryAfter),
    resetAfterMs: millis(outcome?.resetAfter),
    allowed: outcome?.allowed ?? null,
  }
}

function named(headers: readonly HeaderLine[]): Readonly<Record<string, string>> {
  const all: Record<string, string> = {}
  for (const [name, value] of headers) all[name.toLowerCase()] = value
  return all
}

function problemIn(body: string): Pick<CheckAnswer, 'problem'> {
  return body === '' ? {} : { problem: JSON.parse(body) as Readonly<Record<string, unknown>> }
}

function units(value: number | undefined): number | null {
  return value === undefined || !Number.isFinite(value) ? null : Math.max(0, Math.floor(value))
}

function millis(value: number | undefined): number | null {
  return value === undefined || !Number.isFinite(value) ? null : Math.max(0, Math.ceil(value))
}
