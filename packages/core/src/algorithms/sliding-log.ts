import { ceilMillis } from '../clock.ts'
import { invalid } from '../errors.ts'
import type { Limit } from '../limit.ts'
import type { Charge, Receipt } from '../store.ts'
import type { Algorithm } from './algorithm.ts'
import { createStep, type Reading } from './reading.ts'
import { badReceipt, requireReceipt } from './receipts.ts'
import { scaledLimit } from './scale.ts'

export interface SlidingLogState {
  /** Oldest first. */
  readonly entries: readonly LogEntry[]
  /** The id of the next entry. Two charges at one instant are two entries, and no id is used twice. */
  readonly next: number
}

/** One admitted charge. */
export interface LogEntry {
  /** Microseconds since the epoch. */
  readonly time: number
  readonly units: number
  readonly id: number
}

/** The largest `limit` unless `maxLog` allows more. A decision takes time and memory in proportion to the entries. */
const DEFAULT_MAX_LOG = 1_000

const EMPTY: SlidingLogState = { entries: [], next: 0 }

/** Times are in microseconds. */
class SlidingLogReading implements Reading<SlidingLogState> {
  /** With live entries only. */
  state: SlidingLogState = EMPTY
  isChanged = false
  quota = 0
  private window = 0
  private now = 0
  private units = 0

  load(state: SlidingLogState | undefined, limit: Limit, now: number): void {
    const window = (limit.window as number) * 1000
    const { entries, next } = state ?? EMPTY
    const firstLive = entries.findIndex(({ time }) => time > now - window)
    const live = firstLive < 0 ? [] : firstLive === 0 ? entries : entries.slice(firstLive)
    this.state = { entries: live, next }
    this.quota = limit.limit
    this.window = window
    this.now = now
    this.units = 0
    for (const { units } of live) this.units += units
  }

  used(): number {
    return this.units
  }

  waitFor(units: number): number {
    if (units > this.quota) return Infinity
    let missing = this.units + units - this.quota
    if (missing <= 0) return 0
    for (const entry of this.state.entries) {
      missing -= entry.units
      if (missing <= 0) return this.untilExpiry(entry)
    }
    return 0
  }

  resetAfter(): number {
    const newest = this.state.entries.at(-1)
    return newest === undefined ? 0 : this.untilExpiry(newest)
  }

  delay(): number {
    return 0
  }

  take(units: number): number | undefined {
    const { entries, next } = this.state
    // Forced charges stop at twice the limit, or the log could grow without a bound.
    const taken = Math.min(units, Math.max(0, 2 * this.quota - this.units))
    if (taken === 0) return undefined
    // Times never decrease, also after the clock stepped back.
    const time = Math.max(this.now, entries.at(-1)?.time ?? 0)
    this.state = { entries: [...entries, { time, units: taken, id: next }], next: next + 1 }
    this.units += taken
    return taken
  }

  receipt(): Receipt {
    return receiptOf(this.state.entries.at(-1) as LogEntry)
  }

  giveBack(units: number, charge: Charge): number | undefined {
    requireReceipt(charge)
    if (typeof charge.receipt !== 'string') throw badReceipt(charge)
    const { entries, next } = this.state
    const index = entries.findIndex((logged) => receiptOf(logged) === charge.receipt)
    const entry = entries[index]
    if (entry === undefined) return undefined
    const back = Math.min(units, entry.units)
    const kept = entry.units > back ? [{ ...entry, units: entry.units - back }] : []
    this.state = { entries: [...entries.slice(0, index), ...kept, ...entries.slice(index + 1)], next }
    this.units -= back
    return back
  }

  private untilExpiry(entry: LogEntry): number {
    return ceilMillis(entry.time + this.window - this.now)
  }
}

function receiptOf({ time, id }: LogEntry): Receipt {
  return `${time}:${id}`
}

/**
 * The sliding window log: an entry counts while its time > now − W. A cost is admitted iff Σ units + cost ≤ L.
 *
 * Promise: A((a, a + W]) ≤ L for every a, exactly.
 * Bounds: one entry per admitted charge and at most 2L units per subject; time in proportion to the entries; L ≤ `maxLog`.
 */
export const slidingLog: Algorithm<SlidingLogState> & { readonly name: 'slidingLog' } = {
  name: 'slidingLog',
  denyCacheable: true,
  leasable: false,
  holds: false,
  quota: (limit) => limit.limit,
  windowSeconds: (limit) => (limit.window as number) / 1000,
  resetsAtOnce: false,
  scale: scaledLimit,
  variantOf: (limit) => `${limit.window}`,
  check(limit) {
    const maxLog = limit.maxLog ?? DEFAULT_MAX_LOG
    if (limit.limit > maxLog) {
      throw invalid(
        `limit "${limit.name}": limit`,
        `at most ${maxLog} in a sliding log (more with maxLog, up to 10000, or in a slidingWindow)`,
        limit.limit,
        'ERR_LIMIT_INEXACT',
      )
    }
  },
  step: createStep(new SlidingLogReading()),
}
