import type { Limit } from '@sluice/core'
import { type ModelRequest, ceil, type ModelAlgorithm, min, ModelError, type ModelOutcome, type ModelStep } from './algorithm.ts'

interface Holder {
  readonly id: number
  readonly expires: bigint
}

interface Holders {
  readonly holders: readonly Holder[]
}

let ids = 0

export const concurrency: ModelAlgorithm<Holders> = { variantOf: () => '', step }

function step(state: Holders | undefined, request: ModelRequest, now: bigint): ModelStep<Holders> {
  const { limit, cost, how, receipt } = request
  const holders = (state?.holders ?? []).filter(({ expires }) => expires > now)
  const keep = (fields: Partial<ModelOutcome> & { allowed: boolean }): ModelStep<Holders> => ({
    state: undefined,
    outcome: outcomeOf(holders, limit, now, fields),
  })
  const write = (after: readonly Holder[], fields: Partial<ModelOutcome> & { allowed: boolean }): ModelStep<Holders> => ({
    state: { holders: after },
    outcome: outcomeOf(after, limit, now, fields),
  })

  if (cost < -1n || cost > 1n) throw new ModelError('ERR_COST_INVALID')
  const named = holders.find(({ id }) => id === receipt)

  if (cost < 0n) {
    if (receipt === undefined) throw new ModelError('ERR_RECEIPT_REQUIRED')
    if (named === undefined || how === 'peek') return keep({ allowed: true })
    return write(
      holders.filter((holder) => holder !== named),
      { allowed: true, granted: -1 },
    )
  }
  if (how === 'credit' && cost === 0n) return keep({ allowed: true })
  if (cost > 0n && receipt !== undefined) {
    if (named === undefined) return keep({ allowed: false, retryAfter: limit.limit === 0 ? Infinity : waitOf(holders, limit, now) })
    if (how === 'peek') return keep({ allowed: true, granted: 1 })
    const renewed: Holder = { id: named.id, expires: now + BigInt(limit.window) * 1000n }
    return write(
      holders.map((holder) => (holder === named ? renewed : holder)),
      { allowed: true, granted: 1, receipt: named.id },
    )
  }

  const maxHolders = (how === 'force' ? 2 : 1) * limit.limit
  if (holders.length + Number(cost) > maxHolders) {
    if (how === 'force') return keep({ allowed: true })
    return keep({ allowed: false, retryAfter: Number(cost) > limit.limit ? Infinity : waitOf(holders, limit, now) })
  }
  if (how === 'peek' || cost === 0n) return keep({ allowed: true, granted: Number(cost) })
  const holder: Holder = { id: (ids += 1), expires: now + BigInt(limit.window) * 1000n }
  return write([...holders, holder], { allowed: true, granted: 1, receipt: holder.id })
}

function waitOf(holders: readonly Holder[], { retryHint }: Limit, now: bigint): number {
  const ends = holders.map(({ expires }) => ceil(expires - now, 1000n))
  return Number(ends.reduce(min, BigInt(retryHint ?? 1000)))
}

function outcomeOf(
  holders: readonly Holder[],
  limit: Limit,
  now: bigint,
  fields: Partial<ModelOutcome> & { allowed: boolean },
): ModelOutcome {
  const remaining = Math.max(0, limit.limit - holders.length)
  const latest = holders.reduce((end, { expires }) => (expires > end ? expires : end), now)
  return {
    remaining,
    used: holders.length,
    retryAfter: 0,
    nextAfter: remaining < limit.limit ? waitOf(holders, limit, now) : 0,
    resetAfter: Number(ceil(latest - now, 1000n)),
    delay: 0,
    at: Number(now),
    receipt: undefined,
    leaseFor: 0,
    granted: 0,
    ...fields,
  }
}
