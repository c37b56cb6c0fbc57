import { invalid } from '../errors.ts'
import type { Limit } from '../limit.ts'
import type { Charge, Receipt } from '../store.ts'
import type { Algorithm } from './algorithm.ts'
import { ceilDiv, floorDiv } from './division.ts'
import { MAX_STEP_BACK } from './fixed-window.ts'
import { growingDelay } from './growing-delay.ts'
import { createStep, ReadingReader, type RowReading } from './reading.ts'
import { parseWindowReceipt, windowReceipt } from './receipts.ts'
import { exceedsLimit, mostByReceipt, mostWithoutReceipt } from './rights.ts'
import { scaledLimit } from './scale.ts'

export interface SlidingWindowState {
  /** The start of the window of `count`, in ms since the epoch. */
  readonly start: number
  /** Units taken in this window. */
  readonly count: number
  /** Units taken in the window before. */
  readonly previous: number
}

/** `weight()` is x of the formula below, and `elapsed()` is e. */
class SlidingWindowReading implements RowReading<SlidingWindowState> {
  isChanged = false
  quota = 0
  start = 0
  count = 0
  previous = 0
  private window = 0
  private limit!: Limit
  private now = 0

  load(state: SlidingWindowState | undefined, limit: Limit, nowMicros: number): void {
    this.start = state?.start ?? -Infinity
    this.count = state?.count ?? 0
    this.previous = state?.previous ?? 0
    this.read(limit, nowMicros)
  }

  loadRow(row: Float64Array, offset: number, limit: Limit, nowMicros: number): void {
    this.start = row[offset] as number
    this.count = row[offset + 1] as number
    this.previous = row[offset + 2] as number
    this.read(limit, nowMicros)
  }

  saveRow(row: Float64Array, offset: number): void {
    encode(this, row, offset)
  }

  get state(): SlidingWindowState {
    return { start: this.start, count: this.count, previous: this.previous }
  }

  used(): number {
    return Math.max(this.quota - this.limit.limit, this.count + this.weight())
  }

  waitFor(units: number): number {
    if (this.count + units + this.weight() > this.quota) return this.waitForSlide(units)
    return exceedsLimit(this.limit, units) ? Infinity : 0
  }

  private waitForSlide(units: number): number {
    const { quota, window, count, previous } = this
    if (units > this.limit.limit) return Infinity
    const untilEnd = window - this.elapsed()
    // More than the rights of the region: others may give some in this window, or its share may grow with another.
    if (units > quota) return untilEnd
    // Admitted in this window once enough of the previous count has slid out; else in the next, once enough of this count has.
    if (count + units <= quota) return untilEnd - floorDiv((quota - count - units) * window, previous)
    return window + untilEnd - floorDiv((quota - units) * window, count)
  }

  resetAfter(): number {
    const { count, previous } = this
    if (count > 0) return 2 * this.window - this.elapsed()
    // A count below 0 ends with its window.
    return previous > 0 || count < 0 ? this.window - this.elapsed() : 0
  }

  delay(units: number): number {
    const { delay } = this.limit
    return delay === undefined ? 0 : growingDelay(delay, this.count + this.weight() + units)
  }

  take(units: number): number | undefined {
    // Usual counts are far below `maxCount`, which costs a division.
    if ((this.count + units) * this.window > Number.MAX_SAFE_INTEGER) return this.saturate(units)
    this.count += units
    return units
  }

  private saturate(units: number): number | undefined {
    const { count } = this
    const after = Math.min(maxCount(this.window), count + units)
    if (after <= count) return undefined
    this.count = after
    return after - count
  }

  receipt(units: number): Receipt {
    return windowReceipt(this.start, units)
  }

  giveBack(units: number, charge: Charge): number | undefined {
    const taken = parseWindowReceipt(charge)
    const { start, count, previous } = this
    const maxBack = Math.min(units, taken.units)
    const fromCount = taken.start === start ? Math.min(maxBack, mostByReceipt(this.limit, count, maxCount(this.window))) : 0
    const fromPrevious = taken.start === start - this.window ? Math.min(maxBack, previous) : 0
    if (fromCount + fromPrevious === 0) return undefined
    this.count = count - fromCount
    this.previous = previous - fromPrevious
    return fromCount + fromPrevious
  }

  credit(units: number): number | undefined {
    const fromCount = Math.min(units, mostWithoutReceipt(this.limit, this.count))
    const fromPrevious = Math.min(units - fromCount, mostWithoutReceipt(this.limit, this.previous))
    if (fromCount + fromPrevious === 0) return undefined
    this.count -= fromCount
    this.previous -= fromPrevious
    return fromCount + fromPrevious
  }

  windowEnd(): number {
    return this.start + this.window
  }

  private read(limit: Limit, nowMicros: number): void {
    const now = Math.floor(nowMicros / 1000)
    const window = limit.window as number
    this.quota = limit.rights ?? limit.limit
    this.window = window
    this.limit = limit
    this.now = now
    if (now < this.start || now >= this.start + window) this.rollOver()
  }

  /** Moves the counts to the windows of now. The start of a window is a multiple of its length. */
  private rollOver(): void {
    const { start, window, now } = this
    const current = floorDiv(now, window) * window
    if (start < current) {
      // Rights that were not used end with their window.
      this.previous = start < current - window ? 0 : Math.max(0, this.count)
      this.count = 0
      this.start = current
    } else if (start - now > MAX_STEP_BACK) this.start = current
  }

  /** Negative while the window starts ahead of now, after the clock stepped back. */
  private elapsed(): number {
    return this.now - this.start
  }

  /** How many units the previous window still counts as. */
  private weight(): number {
    return this.previous === 0 ? 0 : this.weightOfPrevious()
  }

  /** A window that starts ahead of now is read as at its start. */
  private weightOfPrevious(): number {
    return ceilDiv(this.previous * (this.window - Math.max(0, this.elapsed())), this.window)
  }
}

function encode(state: SlidingWindowState, row: Float64Array, offset: number): void {
  row[offset] = state.start
  row[offset + 1] = state.count
  row[offset + 2] = state.previous
}

/** Where counts saturate, so that every product of a count and the window is a safe integer. */
function maxCount(window: number): number {
  return floorDiv(Number.MAX_SAFE_INTEGER, window)
}

/**
 * The sliding window counter that Cloudflare described in 2017, in integers. A cost is admitted iff count + cost + x ≤ L, with
 * x = ⌈previous · (W − e) / W⌉ and e = now − start.
 *
 * Promise: A(t) ≤ L · (1 + t / W) for every interval t. Two aligned windows can both be full; two full limits closer than W
 * cannot. Bounds: two counts and a start per subject; constant time; L · W ≤ 2^53 − 1, with W in ms.
 */
export const slidingWindow: Algorithm<SlidingWindowState> & { readonly name: 'slidingWindow' } = {
  name: 'slidingWindow',
  denyCacheable: true,
  leasable: true,
  holds: false,
  quota: (limit) => limit.limit,
  windowSeconds: (limit) => (limit.window as number) / 1000,
  resetsAtOnce: false,
  scale: scaledLimit,
  variantOf: (limit) => `${limit.window}`,
  codec: {
    decode: (row, offset) => ({ start: row[offset] as number, count: row[offset + 1] as number, previous: row[offset + 2] as number }),
    encode,
    createReader: () => new ReadingReader(new SlidingWindowReading()),
  },
  check(limit) {
    const maxLimit = maxCount(limit.window as number)
    if (limit.limit > maxLimit) {
      throw invalid(
        `limit "${limit.name}": limit`,
        `at most ${maxLimit} for a window of ${limit.window} ms (or a shorter window), so that the arithmetic is exact`,
        limit.limit,
        'ERR_LIMIT_INEXACT',
      )
    }
  },
  step: createStep(new SlidingWindowReading()),
}
