import { ceilMillis } from '../clock.ts'
import { invalid } from '../errors.ts'
import type { Limit } from '../limit.ts'
import type { Charge } from '../store.ts'
import { type Algorithm, badReceipt, scaledLimit } from './algorithm.ts'
import { type Moved, type Reading, requireReceipt, stepOf } from './reading.ts'

export interface SlidingLogState {
  /** Oldest first. */
  readonly entries: readonly LogEntry[]
  /** The id of the next entry: two charges of one instant are two entries, and an id is never used again. */
  readonly next: number
}
export interface LogEntry {
  /** µs since the epoch. */
  readonly time: number
  readonly units: number
  readonly id: number
}

/** The largest `limit`, unless `maxLog` says more: a charge costs time and memory in proportion to the entries. */
const MAX_LOG = 1_000

class SlidingLogReading implements Reading<SlidingLogState> {
  readonly state: SlidingLogState
  readonly quota: number
  readonly window: number
  readonly now: number
  readonly used: number
  constructor(state: SlidingLogState, quota: number, window: number, now: number) {
    this.state = state
    this.quota = quota
    this.window = window
    this.now = now
    let used = 0
    for (const { units } of state.entries) used += units
    this.used = used
  }

  available(): number {
    return Math.max(0, this.quota - this.used)
  }

  waitFor(units: number): number {
    if (units > this.quota) return Infinity
    let over = this.used + units - this.quota
    if (over <= 0) return 0
    for (const entry of this.state.entries) {
      over -= entry.units
      if (over <= 0) return this.until(entry)
    }
    return 0
  }

  reset(): number {
    const newest = this.state.entries.at(-1)
    return newest === undefined ? 0 : this.until(newest)
  }

  delay(): number {
    return 0
  }

  take(units: number): Moved<SlidingLogState> {
    const { entries, next } = this.state
    // A forced charge leaves a debt of at most the limit, or the log has no bound.
    const taken = Math.min(units, Math.max(0, 2 * this.quota - this.used))
    if (taken === 0) return { after: this, units: 0, receipt: undefined }
    // After a step back of the clock, times still never decrease.
    const time = Math.max(this.now, entries.at(-1)?.time ?? 0)
    return { after: this.with([...entries, { time, units: taken, id: next }], next + 1), units: taken, receipt: `${time}:${next}` }
  }

  give(units: number, charge: Charge): Moved<SlidingLogState> | undefined {
    requireReceipt(charge)
    if (typeof charge.receipt !== 'string') throw badReceipt(charge)
    const { entries, next } = this.state
    const at = entries.findIndex(({ time, id }) => `${time}:${id}` === charge.receipt)
    const entry = entries[at]
    if (entry === undefined) return undefined
    const back = Math.min(units, entry.units)
    const rest = entry.units > back ? [{ ...entry, units: entry.units - back }] : []
    return { after: this.with([...entries.slice(0, at), ...rest, ...entries.slice(at + 1)], next), units: back, receipt: undefined }
  }

  private with(entries: readonly LogEntry[], next: number): SlidingLogReading {
    return new SlidingLogReading({ entries, next }, this.quota, this.window, this.now)
  }

  private until(entry: LogEntry): number {
    return ceilMillis(entry.time + this.window - this.now)
  }
}

function read(state: SlidingLogState | undefined, limit: Limit, now: number): SlidingLogReading {
  const window = (limit.window as number) * 1000
  const { entries, next } = state ?? { entries: [], next: 0 }
  const live = entries.findIndex(({ time }) => time > now - window)
  return new SlidingLogReading({ entries: live < 0 ? [] : live === 0 ? entries : entries.slice(live), next }, limit.limit, window, now)
}

/** A((a, a + W]) ≤ L, exactly, for every a. */
export const slidingLog: Algorithm<SlidingLogState> & { readonly name: 'slidingLog' } = {
  name: 'slidingLog',
  denyCacheable: true,
  leasable: false,
  holds: false,
  quota: (limit) => limit.limit,
  windowSeconds: (limit) => (limit.window as number) / 1000,
  scale: scaledLimit,
  variantOf: (limit) => `${limit.window}`,
  check(limit) {
    const most = limit.maxLog ?? MAX_LOG
    if (limit.limit > most) {
      throw invalid(
        `limit "${limit.name}": limit`,
        `at most ${most} in a sliding log (maxLog, up to 10000, allows more), or a slidingWindow`,
        limit.limit,
        'ERR_LIMIT_INEXACT',
      )
    }
  },
  step: stepOf(read),
}
