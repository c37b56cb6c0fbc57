import type { Limit } from '@sluice/core'
import { ceil, type Family, least, most } from './family.ts'
import { metered } from './metered.ts'

/** The instant (µs) at which the bucket is full, the credits that are missing even then, and in which rate they count. */
interface Bucket {
  readonly full: bigint
  readonly rest: bigint
  readonly rate: bigint
}

interface Place {
  readonly full: bigint
  readonly rest: bigint
  /** In which rate they count, and the credits that a token cost: under others the turn would be told wrong. */
  readonly rate: bigint
  readonly price: bigint
  readonly units: bigint
}

export const bucket: Family<Bucket> = metered<Bucket>({
  variantOf: () => '',
  quota: burstOf,

  read: (state, limit) => state ?? { full: 0n, rest: 0n, rate: rateOf(limit).N },
  remaining: (state, limit, now) => most(0n, capOf(limit) - deficit(state, limit, now)) / rateOf(limit).P,
  fits: (state, limit, units, time) => deficit(state, limit, time) + units * rateOf(limit).P <= capOf(limit),
  resetAfter(state, limit, now) {
    const { f, r } = lacking(state, limit, now)
    return ceil(f + (r > 0n ? 1n : 0n), 1000n)
  },

  take: (state, limit, units, now) => charged(limit, deficit(state, limit, now) + units * rateOf(limit).P, units, now),
  force(state, limit, cost, now) {
    const { P } = rateOf(limit)
    const x = deficit(state, limit, now)
    const lowest = capOf(limit) + debtOf(limit) * P
    if (x >= lowest) return undefined
    const after = least(lowest, x + least(cost, burstOf(limit) + debtOf(limit)) * P)
    return charged(limit, after, (after - x) / P, now)
  },
  giveBack(state, ask, asked, now) {
    const { limit } = ask
    const { N, P } = rateOf(limit)
    const x = deficit(state, limit, now)
    const place = ask.receipt as Place | undefined
    if (limit.queue === true) {
      if (place === undefined) return undefined
      // As this limit reads the state: without a rest of credits it is of no rate.
      const { f, r } = lacking(state, limit, now)
      const last = now + f === place.full && r === place.rest && place.rate === N && place.price === P
      if (!last || x <= place.units * P) return undefined
    }
    const units = place === undefined ? asked : least(asked, place.units)
    // Less than a unit may be used: then it becomes full, though no whole unit came back.
    return x === 0n ? undefined : { state: at(limit, most(0n, x - units * P), now), units: least(units, x / P) }
  },
  givesBackFreely: (limit) => limit.queue !== true,
  delay(state, limit, now) {
    if (limit.queue !== true) return 0n
    return ceil(ceil(deficit(state, limit, now), rateOf(limit).N), 1000n)
  },
})

/** N tokens per P µs, in lowest terms: one µs adds N credits, a token costs P. A limit of 0 has a burst of 0 at the rate of 1. */
export function rateOf(limit: Limit): { readonly N: bigint; readonly P: bigint } {
  const tokens = BigInt(Math.max(1, limit.limit))
  const micros = BigInt(limit.window) * 1000n
  let [a, b] = [micros, tokens]
  while (b > 0n) [a, b] = [b, a % b]
  return { N: tokens / a, P: micros / a }
}

/** The most that is taken at once. A limit of 0 refuses all, whatever its burst says. */
export function burstOf(limit: Limit): bigint {
  if (limit.limit === 0) return 0n
  if (limit.queue !== true) return BigInt(limit.burst ?? limit.limit)
  const waiting = (BigInt(limit.limit) * BigInt(limit.maxDelay ?? 1000)) / BigInt(limit.window) + 1n
  if (limit.burst === undefined) return waiting
  return limit.maxDelay === undefined ? BigInt(limit.burst) : least(BigInt(limit.burst), waiting)
}

function debtOf(limit: Limit): bigint {
  return limit.debt === undefined ? burstOf(limit) : BigInt(limit.debt)
}

function capOf(limit: Limit): bigint {
  return burstOf(limit) * rateOf(limit).P
}

/** µs and credits until full. Under another rate a rest of credits counts as one µs: it means nothing there. */
function lacking(state: Bucket, limit: Limit, time: bigint): { readonly f: bigint; readonly r: bigint } {
  const f = most(0n, state.full - time)
  const r = state.full < time ? 0n : state.rest
  return state.rate === rateOf(limit).N ? { f, r } : { f: f + (r > 0n ? 1n : 0n), r: 0n }
}

function deficit(state: Bucket, limit: Limit, time: bigint): bigint {
  const { f, r } = lacking(state, limit, time)
  return f * rateOf(limit).N + r
}

function at(limit: Limit, x: bigint, now: bigint): Bucket {
  const { N } = rateOf(limit)
  return { full: now + x / N, rest: x % N, rate: N }
}

function charged(limit: Limit, x: bigint, units: bigint, now: bigint): { state: Bucket; units: bigint; receipt: Place } {
  const state = at(limit, x, now)
  return { state, units, receipt: { full: state.full, rest: state.rest, rate: state.rate, price: rateOf(limit).P, units } }
}
