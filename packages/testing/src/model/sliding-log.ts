import type { Limit } from '@sluice/core'
import { ceil, type Family, least, most } from './family.ts'
import { metered } from './metered.ts'

interface Entry {
  readonly id: number
  readonly time: bigint
  readonly units: bigint
}

interface Log {
  readonly entries: readonly Entry[]
}

let ids = 0

export const slidingLog: Family<Log> = metered<Log>({
  variantOf: ({ window }) => `${window}`,
  quota: ({ limit }) => BigInt(limit),

  read: (state) => state ?? { entries: [] },
  remaining: (log, limit, now) => most(0n, BigInt(limit.limit) - used(log, limit, now)),
  fits: (log, limit, units, time) => used(log, limit, time) + units <= BigInt(limit.limit),
  resetAfter(log, limit, now) {
    const newest = live(log, limit, now).at(-1)
    return newest === undefined ? 0n : ceil(newest.time + windowOf(limit) - now, 1000n)
  },

  take: add,
  force(log, limit, cost, now) {
    // A forced charge leaves a debt of the limit at most, so that a log cannot grow without end.
    const units = least(cost, 2n * BigInt(limit.limit) - used(log, limit, now))
    return units <= 0n ? undefined : add(log, limit, units, now)
  },
  giveBack(log, ask, asked, now) {
    const entry = live(log, ask.limit, now).find(({ id }) => id === ask.receipt)
    if (entry === undefined) return undefined
    const units = least(asked, entry.units)
    const entries = live(log, ask.limit, now).map((other) => (other === entry ? { ...entry, units: entry.units - units } : other))
    return { state: { entries: entries.filter((other) => other.units > 0n) }, units }
  },
  givesBackFreely: () => false,
  delay: () => 0n,
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

/** Every write drops what is no longer live: after a clock goes back, it does not count again. */
function add(log: Log, limit: Limit, units: bigint, now: bigint): { state: Log; units: bigint; receipt: number } {
  const entries = live(log, limit, now)
  const entry: Entry = { id: (ids += 1), time: most(now, entries.at(-1)?.time ?? now), units }
  return { state: { entries: [...entries, entry] }, units, receipt: entry.id }
}
