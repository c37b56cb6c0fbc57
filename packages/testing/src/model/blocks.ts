import type { BlockChange, Charge, Limit } from '@sluice/core'
import type { ModelCharge, ModelOutcome, ModelRequest } from './algorithm.ts'

/** Who is blocked, by policy and subject: whichever limits the policy has, and whatever their states are. */
interface ModelBlocks {
  set(targets: readonly Pick<Charge, 'limit' | 'scope' | 'subject'>[], ms: number, nowMicros: number): BlockChange
  /** For each charge, the outcome of a blocked subject; `undefined` for the others. */
  refuse(charges: readonly ModelCharge[], how: ModelRequest['how'], nowMicros: number): readonly (ModelOutcome | undefined)[]
}

/**
 * What a store keeps the block of a limit apart by; `undefined` where one block holds for the whole policy. Packed windows are apart by their
 * length.
 */
export type BlockPlace = ((limit: Limit) => string) | undefined

export function blocksOfPolicies(placeOf?: BlockPlace): ModelBlocks {
  /** The policy is what is before the `+` of a scope. */
  const keyOf = ({ limit, scope, subject }: Pick<Charge, 'limit' | 'scope' | 'subject'>, place = placeOf?.(limit)): string =>
    JSON.stringify(place === undefined ? [scope.split('+')[0], subject] : [scope, place, subject])
  /** µs since the epoch, by policy and subject. */
  const ends = new Map<string, number>()
  return {
    set(targets, ms, nowMicros) {
      // Limits without a place of their own have the block in common.
      const keys = targets.flatMap((target) => (placeOf === undefined ? [keyOf(target)] : [keyOf(target), keyOf(target, '')]))
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
