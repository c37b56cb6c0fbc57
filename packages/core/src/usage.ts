import { policyOf } from './charge-names.ts'
import type { Decision } from './decision.ts'
import type { Outcome } from './store.ts'

type Verdict = Decision['verdict']

/** Stands for the names beyond the bound of what counts them: the same in metrics, events and boards, so that their sums can be compared. */
export const OTHER = '__other__'

/**
 * Calls `add` for what one decision adds to counts of usage: once with the policy '', for the request, then once for each policy that decided
 * something. A policy's verdict is the gravest of its limits. Units: what was granted, or for a refusal the largest cost that was asked for.
 * A policy of a document that is in shadow, and a block that is, are decided apart from the request, so they add nothing with the policy ''. No
 * object is made.
 */
export function eachUsage(decision: Decision, add: (policy: string, verdict: Verdict, units: number) => void): void {
  const { charges, outcomes, verdict } = decision
  const isTaken = verdict === 'allowed'
  const isApart = decision.mode === 'shadow' && (decision.policies !== undefined || decision.source === 'block')
  if (!isApart) add('', verdict, isTaken ? decision.granted : largestCost(decision))
  for (let i = 0; i < charges.length; i++) {
    const policy = nameAt(decision, i)
    if (isListed(decision, policy, i)) continue
    let gravest: Verdict | undefined
    let units = 0
    for (let j = i; j < charges.length; j++) {
      const outcome = outcomes[j]
      if (outcome === undefined || (j > i && nameAt(decision, j) !== policy)) continue
      const said = verdictOf(outcome)
      if (gravest === undefined || GRAVITY[said] > GRAVITY[gravest]) gravest = said
      units = Math.max(units, isTaken ? outcome.granted : (charges[j]?.cost ?? 0))
    }
    if (gravest !== undefined) add(policy, gravest, units)
  }
}

const GRAVITY: Readonly<Record<Verdict, number>> = { allowed: 0, refused: 1, unavailable: 2, blocked: 3 }

/** What one outcome says by itself. */
function verdictOf({ allowed, blocked, source }: Outcome): Verdict {
  if (allowed) return 'allowed'
  return blocked === true ? 'blocked' : source === 'closed' ? 'unavailable' : 'refused'
}

function nameAt(decision: Decision, i: number): string {
  const { limit } = decision.charges[i] as Decision['charges'][number]
  return policyOf(decision, limit)
}

/** Whether an earlier charge is of this policy. */
function isListed(decision: Decision, policy: string, before: number): boolean {
  for (let i = 0; i < before; i++) if (nameAt(decision, i) === policy) return true
  return false
}

function largestCost({ charges }: Decision): number {
  let largest = 0
  for (const { cost } of charges) largest = Math.max(largest, cost)
  return largest
}
