import type { Limit } from '@sluice/core'
import { ceil, type ModelAlgorithm, min, max } from './algorithm.ts'
import { growingDelay, metered } from './metered.ts'

interface Entry {
  readonly id: number
  readonly time: bigint
  readonly units: bigint
}

interface Log {
  readonly entries: readonly Entry[]
}

let ids = 0

export const slidingLog: ModelAlgorithm<Log> = metered<Log>({
  variantOf: ({ window }) => `${window}`,
  quota: ({ limit }) => BigInt(limit),

  read: (state) => state ?? { entries: [] },
  remaining: (log, limit, now) => max(0n, BigInt(limit.limit) - used(log, limit, now)),
  used,
  fits: (log, limit, units, time) => used(log, limit, time) + units <= BigInt(limit.limit),
  resetAfter(log, limit, now) {
    const newest = live(log, limit, now).at(-1)
    return newest === undefined ? 0n : ceil(newest.time + windowOf(limit) - now, 1000n)
  },

  take: add,
  force(log, limit, cost, now) {
    // Forced charges leave a debt of at most the limit, so that a log cannot grow without bound.
    const units = min(cost, 2n * BigInt(limit.limit) - used(log, limit, now))
    return units <= 0n ? undefined : add(log, limit, units, now)
  },
  refund(log, request, requested, now) {
    const entry = live(log, request.limit, now).find(({ id }) => id === request.receipt)
    if (entry === undefined) return undefined
    const units = min(requested, entry.units)
    const entries = live(log, request.limit, now).map((other) => (other === entry ? { ...entry, units: entry.units - units } : other))
    return { state: { entries: entries.filter((other) => other.units > 0n) }, units }
  },
  credit(log, limit, requested, now) {
    let missing = requested
    const entries: Entry[] = []
    for (const entry of live(log, limit, now).toReversed()) {
      const units = min(missing, entry.units)
      missing -= units
      if (units < entry.units) entries.unshift({ ...entry, units: entry.units - units })
    }
    return { state: { entries }, units: requested - missing }
  },
  refundsWithoutReceipt: () => false,
  delay: (log, limit, now, units) => growingDelay(limit, used(log, limit, now) + units),
})

function windowOf(limit: Limit): bigint {
  return BigInt(limit.window) * 1000n
}

function live(log: Log, limit: Limit, time: bigint): readonly Entry[] {
  return log.entries.filter((entry) => entry.time > time - windowOf(limit))
}

function used(log: Log, limit: Limit, time: bigint): bigint {
  return live(log, limit, time).reduce((sum, { units }) => sum + units, 0n)
}

/** Every write drops expired entries, so that they do not count again after the clock steps back. */
function add(log: Log, limit: Limit, units: bigint, now: bigint): { state: Log; units: bigint; receipt: number } {
  const entries = live(log, limit, now)
  const entry: Entry = { id: (ids += 1), time: max(now, entries.at(-1)?.time ?? now), units }
  return { state: { entries: [...entries, entry] }, units, receipt: entry.id }
}
