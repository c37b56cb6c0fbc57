import { ceilMillis } from '../clock.ts'
import { invalid } from '../errors.ts'
import type { GrowingDelay, Limit } from '../limit.ts'
import type { Charge, Receipt } from '../store.ts'
import type { Algorithm } from './algorithm.ts'
import { growingDelay } from './growing-delay.ts'
import {
  EMPTY_LOG,
  entriesAfter,
  entryAtUnits,
  findEntry,
  type LogEntry,
  newestEntry,
  type SlidingLogState,
  withEntry,
  withoutNewest,
  withoutUnits,
} from './log-entries.ts'
import { createStep, type Reading } from './reading.ts'
import { badReceipt, requireReceipt } from './receipts.ts'
import { scaledLimit } from './scale.ts'

/** The largest `limit` unless `maxLog` allows more. */
const DEFAULT_MAX_LOG = 1_000
/** The most that `maxLog` allows, so that a decision takes less than 1 ms of a Redis server (decision 0036). */
export const MAX_LOG = 2_000

/** Times are in microseconds. */
class SlidingLogReading implements Reading<SlidingLogState> {
  /** With live entries only. */
  state: SlidingLogState = EMPTY_LOG
  isChanged = false
  quota = 0
  private window = 0
  private growing: GrowingDelay | undefined
  private now = 0

  load(state: SlidingLogState | undefined, limit: Limit, now: number): void {
    this.window = (limit.window as number) * 1000
    this.state = entriesAfter(state ?? EMPTY_LOG, now - this.window)
    this.quota = limit.limit
    this.growing = limit.delay
    this.now = now
  }

  used(): number {
    return this.state.units
  }

  waitFor(units: number): number {
    if (units > this.quota) return Infinity
    const missing = this.state.units + units - this.quota
    if (missing <= 0) return 0
    const entry = entryAtUnits(this.state, missing)
    return entry === undefined ? 0 : this.untilExpiry(entry)
  }

  resetAfter(): number {
    const newest = newestEntry(this.state)
    return newest === undefined ? 0 : this.untilExpiry(newest)
  }

  delay(units: number): number {
    return growingDelay(this.growing, this.state.units + units)
  }

  take(units: number): number | undefined {
    // Forced charges stop at twice the limit, or the log could grow without a bound.
    const taken = Math.min(units, Math.max(0, 2 * this.quota - this.state.units))
    if (taken === 0) return undefined
    // Times never decrease, also after the clock stepped back.
    this.state = withEntry(this.state, Math.max(this.now, newestEntry(this.state)?.time ?? 0), taken)
    return taken
  }

  receipt(): Receipt {
    return receiptOf(newestEntry(this.state) as LogEntry)
  }

  giveBack(units: number, charge: Charge): number | undefined {
    requireReceipt(charge)
    if (typeof charge.receipt !== 'string') throw badReceipt(charge)
    const [time = 0, id = 0] = charge.receipt.split(':').map(Number)
    const entry = findEntry(this.state, time, id)
    if (entry === undefined || receiptOf(entry) !== charge.receipt) return undefined
    const back = Math.min(units, entry.units)
    this.state = withoutUnits(this.state, entry, back)
    return back
  }

  credit(units: number): number | undefined {
    const back = Math.min(units, this.state.units)
    if (back === 0) return undefined
    this.state = withoutNewest(this.state, back)
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
 * Bounds: one entry per admitted charge and at most 2L units per subject; time in proportion to 1/64 of the entries; L ≤ `maxLog`.
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
        `at most ${maxLog} in a sliding log (more with maxLog, up to ${MAX_LOG}, or in a slidingWindow)`,
        limit.limit,
        'ERR_LIMIT_INEXACT',
      )
    }
  },
  step: createStep(new SlidingLogReading()),
}
