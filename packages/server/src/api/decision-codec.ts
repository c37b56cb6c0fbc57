import type { Charge, Decision, FailMode, Limit, Outcome, Receipt } from '@sluice/core'
import type { ResponseCorrection } from '@sluice/policies'

// What is written of a decision, so that another process can settle it, also under another revision: all that its charges were. The limits are
// written whole, since the document may not have them any longer.

/** A decision in the form in which it is sealed. */
export interface WrittenDecision {
  readonly namespace: string
  /** Seconds since the epoch. */
  readonly expires: number
  /** The process that decided. Only it can read what its own share of a limit took while the store was away. */
  readonly process: string
  readonly decision: Decision
  /** What its response corrects, as the document said when it was made. */
  readonly corrections: readonly ResponseCorrection[]
}

type Written = readonly [
  namespace: string,
  expires: number,
  process: string,
  revision: number,
  failMode: FailMode,
  granted: number,
  corrections: readonly ResponseCorrection[],
  ...charges: WrittenCharge[],
]

type WrittenCharge = readonly [
  limit: Limit,
  scope: string,
  subject: string,
  cost: number,
  granted: number,
  receipt: Receipt | null,
  source: string,
]

/** Whether a decision took something that can be corrected. */
export function isCorrectable({ verdict, outcomes }: Decision): boolean {
  return verdict === 'allowed' && outcomes.some((outcome) => outcome !== undefined)
}

export function write({ namespace, expires, process, decision, corrections }: WrittenDecision): string {
  const { charges, outcomes, revision = 0, failMode = 'local', granted } = decision
  const written: Written = [namespace, expires, process, revision, failMode, granted, corrections]
  const all = charges.flatMap(({ limit, scope, subject, cost }, i): WrittenCharge[] => {
    const outcome = outcomes[i]
    return outcome === undefined ? [] : [[limit, scope, subject, cost, outcome.granted, outcome.receipt ?? null, outcome.source]]
  })
  return JSON.stringify([...written, ...all])
}

/** @param text that `write` has written */
export function read(text: string, process: string): WrittenDecision {
  const [namespace, expires, by, revision, failMode, granted, corrections, ...written] = JSON.parse(text) as Written
  const charges = written.map(([limit, scope, subject, cost]): Charge => ({ limit: Object.freeze(limit), scope, subject, cost }))
  const outcomes = written.map(([, , , , units, receipt, source]): Outcome => {
    const isReadable = receipt !== null && (source !== 'local' || by === process)
    return { ...ADMITTED, granted: units, receipt: isReadable ? receipt : undefined, source }
  })
  const decision: Decision = { ...DECIDED, policy: namespace, granted, charges, outcomes, revision, policies: [], failMode }
  return { namespace, expires, process: by, decision, corrections }
}

const WAITS = { retryAfter: 0, resetAfter: 0, delay: 0 } as const
const ADMITTED = { ...WAITS, allowed: true, remaining: 0, used: 0, nextAfter: 0, at: 0, leaseFor: 0 } as const
const DECIDED = {
  ...WAITS,
  allowed: true,
  verdict: 'allowed',
  binding: undefined,
  remaining: 0,
  resetAt: 0,
  tier: undefined,
  mode: 'enforce',
  source: 'none',
} as const
