import type { Limit } from '@sluice/core'
import { ceil, type ModelAlgorithm, min, max } from './algorithm.ts'
import { metered } from './metered.ts'

/** When the bucket is full (µs), the credits still missing at that instant, and the rate `N` that those credits count in. */
interface Bucket {
  readonly full: bigint
  readonly rest: bigint
  readonly rate: bigint
}

interface Receipt {
  readonly full: bigint
  readonly rest: bigint
  /** The rate and price at the time of the charge. Under another rate or price the position in the queue would be wrong. */
  readonly rate: bigint
  readonly price: bigint
  readonly units: bigint
}

export const bucket: ModelAlgorithm<Bucket> = metered<Bucket>({
  variantOf: () => '',
  quota: burstOf,

  read: (state, limit) => state ?? { full: 0n, rest: 0n, rate: rateOf(limit).N },
  remaining: (state, limit, now) => max(0n, capacityOf(limit) - deficit(state, limit, now)) / rateOf(limit).P,
  used: (state, limit, now) => min(burstOf(limit) + debtOf(limit), ceil(deficit(state, limit, now), rateOf(limit).P)),
  fits: (state, limit, units, time) => deficit(state, limit, time) + units * rateOf(limit).P <= capacityOf(limit),
  resetAfter(state, limit, now) {
    const { f, r } = missing(state, limit, now)
    return ceil(f + (r > 0n ? 1n : 0n), 1000n)
  },

  take: (state, limit, units, now) => charged(limit, deficit(state, limit, now) + units * rateOf(limit).P, units, now),
  force(state, limit, cost, now) {
    const { P } = rateOf(limit)
    const x = deficit(state, limit, now)
    const lowest = capacityOf(limit) + debtOf(limit) * P
    if (x >= lowest) return undefined
    const after = min(lowest, x + min(cost, burstOf(limit) + debtOf(limit)) * P)
    return charged(limit, after, (after - x) / P, now)
  },
  refund(state, request, requested, now) {
    const { limit } = request
    const { N, P } = rateOf(limit)
    const x = deficit(state, limit, now)
    const receipt = request.receipt as Receipt | undefined
    if (limit.queue === true) {
      if (receipt === undefined) return undefined
      // Compare the state as this limit reads it: without a rest of credits, the rate does not matter.
      const { f, r } = missing(state, limit, now)
      const last = now + f === receipt.full && r === receipt.rest && receipt.rate === N && receipt.price === P
      if (!last || x <= receipt.units * P) return undefined
    }
    const units = receipt === undefined ? requested : min(requested, receipt.units)
    // With less than a unit in use, the bucket becomes full, although no whole unit is refunded.
    return x === 0n ? undefined : { state: at(limit, max(0n, x - units * P), now), units: min(units, x / P) }
  },
  refundsWithoutReceipt: (limit) => limit.queue !== true,
  delay(state, limit, now) {
    if (limit.queue !== true) return 0n
    return ceil(ceil(deficit(state, limit, now), rateOf(limit).N), 1000n)
  },
})

/** N tokens in P µs, in lowest terms: one µs earns N credits, a token costs P. A limit of 0 has the rate of 1 and no burst. */
export function rateOf(limit: Limit): { readonly N: bigint; readonly P: bigint } {
  const tokens = BigInt(Math.max(1, limit.limit))
  const micros = BigInt(limit.window) * 1000n
  let [a, b] = [micros, tokens]
  while (b > 0n) [a, b] = [b, a % b]
  return { N: tokens / a, P: micros / a }
}

/** The most units that can be taken at once. A limit of 0 refuses every charge, whatever its burst is. */
export function burstOf(limit: Limit): bigint {
  if (limit.limit === 0) return 0n
  if (limit.queue !== true) return BigInt(limit.burst ?? limit.limit)
  const waiting = (BigInt(limit.limit) * BigInt(limit.maxDelay ?? 1000)) / BigInt(limit.window) + 1n
  if (limit.burst === undefined) return waiting
  return limit.maxDelay === undefined ? BigInt(limit.burst) : min(BigInt(limit.burst), waiting)
}

function debtOf(limit: Limit): bigint {
  return limit.debt === undefined ? burstOf(limit) : BigInt(limit.debt)
}

function capacityOf(limit: Limit): bigint {
  return burstOf(limit) * rateOf(limit).P
}

/** µs and credits until full. Under another rate, a rest of credits is rounded up to one µs. */
function missing(state: Bucket, limit: Limit, time: bigint): { readonly f: bigint; readonly r: bigint } {
  const f = max(0n, state.full - time)
  const r = state.full < time ? 0n : state.rest
  return state.rate === rateOf(limit).N ? { f, r } : { f: f + (r > 0n ? 1n : 0n), r: 0n }
}

function deficit(state: Bucket, limit: Limit, time: bigint): bigint {
  const { f, r } = missing(state, limit, time)
  return f * rateOf(limit).N + r
}

function at(limit: Limit, x: bigint, now: bigint): Bucket {
  const { N } = rateOf(limit)
  return { full: now + x / N, rest: x % N, rate: N }
}

function charged(limit: Limit, x: bigint, units: bigint, now: bigint): { state: Bucket; units: bigint; receipt: Receipt } {
  const state = at(limit, x, now)
  return { state, units, receipt: { full: state.full, rest: state.rest, rate: state.rate, price: rateOf(limit).P, units } }
}
