import type { BlockChange, Charge } from '@sluice/core'
import type { ModelCharge, ModelOutcome, ModelRequest } from './algorithm.ts'

/** Who is blocked, by policy and subject: whichever limits the policy has, and whatever their states are. */
interface ModelBlocks {
  set(targets: readonly Pick<Charge, 'scope' | 'subject'>[], ms: number, nowMicros: number): BlockChange
  /** For each charge, the outcome of a blocked subject; `undefined` for the others. */
  refuse(charges: readonly ModelCharge[], how: ModelRequest['how'], nowMicros: number): readonly (ModelOutcome | undefined)[]
}

export function blocksOfPolicies(): ModelBlocks {
  /** µs since the epoch, by policy and subject. */
  const ends = new Map<string, number>()
  return {
    set(targets, ms, nowMicros) {
      const keys = targets.map(keyOf)
      const wasBlocked = keys.some((key) => (ends.get(key) ?? 0) > nowMicros)
      for (const key of keys) ends.set(key, ms > 0 ? nowMicros + ms * 1000 : 0)
      return { until: ms > 0 ? Math.ceil((nowMicros + ms * 1000) / 1000) : 0, wasBlocked }
    },
    refuse(charges, how, nowMicros) {
      return charges.map((charge) => {
        // What was admitted before the block is given back and renewed, and an operator may charge by force.
        if (how === 'force' || how === 'credit' || charge.cost < 0 || charge.receipt !== undefined) return undefined
        const left = (ends.get(keyOf(charge)) ?? 0) - nowMicros
        return left > 0 ? blockedFor(Math.ceil(left / 1000), nowMicros) : undefined
      })
    },
  }
}

function blockedFor(ms: number, at: number): ModelOutcome {
  return {
    allowed: false,
    blocked: true,
    remaining: 0,
    used: 0,
    retryAfter: ms,
    nextAfter: ms,
    resetAfter: ms,
    delay: 0,
    at,
    receipt: undefined,
    leaseFor: 0,
    granted: 0,
  }
}

/** The policy is what is before the `+` of a scope. */
function keyOf({ scope, subject }: Pick<Charge, 'scope' | 'subject'>): string {
  return JSON.stringify([scope.split('+')[0], subject])
}
