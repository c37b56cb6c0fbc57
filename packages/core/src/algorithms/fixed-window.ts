import type { Limit } from '../limit.ts'
import type { Charge, Receipt } from '../store.ts'
import type { Algorithm } from './algorithm.ts'
import { calendarName, calendarSpan, LONGEST_DAYS, nominalEnd, nominalLifetime, nominalWindow } from './calendar.ts'
import { floorDiv } from './division.ts'
import { growingDelay } from './growing-delay.ts'
import { createStep, ReadingReader, type RowReading } from './reading.ts'
import { parseWindowReceipt, windowReceipt } from './receipts.ts'
import { exceedsLimit, mostByReceipt, mostWithoutReceipt } from './rights.ts'
import { scaledLimit } from './scale.ts'

export interface FixedWindowState {
  /** The start of the window, in ms since the epoch. Of a movable calendar window it is that of the same window in UTC, without an anchor. */
  readonly start: number
  /** Units taken in the window. */
  readonly count: number
}

/**
 * Milliseconds. After the clock stepped back, a window can start ahead of now. Up to this far ahead, the window is kept. Further
 * ahead, its counts move to the current window: otherwise the subject would wait too long.
 */
export const MAX_STEP_BACK = 5_000

/** Seconds. */
const DAY = 86_400

class FixedWindowReading implements RowReading<FixedWindowState> {
  isChanged = false
  quota = 0
  start = 0
  count = 0
  private limit!: Limit
  private now = 0

  load(state: FixedWindowState | undefined, limit: Limit, nowMicros: number): void {
    this.start = state?.start ?? -Infinity
    this.count = state?.count ?? 0
    this.read(limit, nowMicros)
  }

  loadRow(row: Float64Array, offset: number, limit: Limit, nowMicros: number): void {
    this.start = row[offset] as number
    this.count = row[offset + 1] as number
    this.read(limit, nowMicros)
  }

  saveRow(row: Float64Array, offset: number): void {
    encode(this, row, offset)
  }

  get state(): FixedWindowState {
    return { start: this.start, count: this.count }
  }

  used(): number {
    return Math.max(this.quota - this.limit.limit, this.count)
  }

  waitFor(units: number): number {
    if (this.count + units <= this.quota) return exceedsLimit(this.limit, units) ? Infinity : 0
    return units > this.limit.limit ? Infinity : this.untilEnd()
  }

  resetAfter(): number {
    return this.count === 0 ? 0 : this.untilEnd()
  }

  delay(units: number): number {
    return growingDelay(this.limit.delay, this.count + units)
  }

  take(units: number): number | undefined {
    const { count } = this
    // The count of forced charges saturates, so that it stays exact.
    const after = Math.min(Number.MAX_SAFE_INTEGER, count + units)
    if (after === count) return undefined
    this.count = after
    return after - count
  }

  receipt(units: number): Receipt {
    return windowReceipt(this.start, units)
  }

  giveBack(units: number, charge: Charge): number | undefined {
    const taken = parseWindowReceipt(charge)
    const back =
      taken.start === this.start ? Math.min(units, taken.units, mostByReceipt(this.limit, this.count, Number.MAX_SAFE_INTEGER)) : 0
    if (back <= 0) return undefined
    this.count -= back
    return back
  }

  credit(units: number): number | undefined {
    const back = Math.min(units, mostWithoutReceipt(this.limit, this.count))
    if (back <= 0) return undefined
    this.count -= back
    return back
  }

  windowEnd(): number {
    const { start, limit } = this
    if (typeof limit.window === 'number') return start + limit.window
    return limit.movable === true ? nominalEnd(limit, start) : calendarSpan(limit, start).end
  }

  private read(limit: Limit, nowMicros: number): void {
    const now = Math.floor(nowMicros / 1000)
    const { window } = limit
    this.quota = limit.rights ?? limit.limit
    this.limit = limit
    this.now = now
    if (limit.anchor === 'first') this.rollSinceFirst(window as number)
    else if (limit.movable === true && typeof window !== 'number') this.rollThroughCalendars()
    else if (typeof window !== 'number' || now < this.start || now >= this.start + window) this.rollSinceEpoch()
  }

  private rollSinceEpoch(): void {
    const { start, now } = this
    const current = startOf(this.limit, now)
    if (start < current) this.count = 0
    if (start < current || start - now > MAX_STEP_BACK) this.start = current
  }

  /** Another calendar can be up to three windows ahead. Its window is kept, or changing the calendar to and fro would give new quotas. */
  private rollThroughCalendars(): void {
    const { start } = this
    const current = nominalWindow(this.limit, this.now)
    if (start < current.start) this.count = 0
    if (start < current.start || start > current.latest) this.start = current.start
  }

  /** A window without units has not started: the next admitted charge starts it. */
  private rollSinceFirst(window: number): void {
    const { start, now } = this
    const isOver = this.count === 0 || now >= start + window
    if (isOver) this.count = 0
    if (isOver || start - now > MAX_STEP_BACK) this.start = now
  }

  /** More than the length of the window if it starts ahead of now. */
  private untilEnd(): number {
    return this.windowEnd() - this.now
  }
}

function encode(state: FixedWindowState, row: Float64Array, offset: number): void {
  row[offset] = state.start
  row[offset + 1] = state.count
}

function startOf(limit: Limit, now: number): number {
  return typeof limit.window === 'number' ? floorDiv(now, limit.window) * limit.window : calendarSpan(limit, now).start
}

/**
 * The fixed window counter: a cost is admitted iff count + cost ≤ L.
 *
 * Promise: A(window) ≤ L, and up to 2L in an interval of length W that crosses an edge. A window starts at a multiple of W since
 * the epoch, with a calendar date, or with the subject's first admitted charge (`anchor: 'first'`).
 * Bounds: one start and one count per subject; constant time, except for a new calendar window.
 */
export const fixedWindow: Algorithm<FixedWindowState> & { readonly name: 'fixedWindow' } = {
  name: 'fixedWindow',
  denyCacheable: true,
  leasable: true,
  holds: false,
  quota: (limit) => limit.limit,
  windowSeconds: (limit) => (typeof limit.window === 'number' ? limit.window / 1000 : LONGEST_DAYS[limit.window] * DAY),
  resetsAtOnce: true,
  scale: scaledLimit,
  variantOf: (limit) => (typeof limit.window === 'number' ? `${limit.window}${limit.anchor === 'first' ? 'f' : ''}` : calendarName(limit)),
  keepFor: ({ window, movable }) => (movable === true && typeof window !== 'number' ? 3 * nominalLifetime(window) : 0),
  codec: {
    decode: (row, offset) => ({ start: row[offset] as number, count: row[offset + 1] as number }),
    encode,
    createReader: () => new ReadingReader(new FixedWindowReading()),
  },
  check: () => undefined,
  step: createStep(new FixedWindowReading()),
}
