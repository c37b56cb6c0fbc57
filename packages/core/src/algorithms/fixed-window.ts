import type { Limit } from '../limit.ts'
import type { Charge, Receipt } from '../store.ts'
import type { Algorithm, Writable } from './algorithm.ts'
import { calendarSpan } from './calendar.ts'
import { floorDiv } from './division.ts'
import { createStep, type Reading } from './reading.ts'
import { parseWindowReceipt, windowReceipt } from './receipts.ts'
import { scaledLimit } from './scale.ts'

export interface FixedWindowState {
  /** The start of the window, in ms since the epoch. */
  readonly start: number
  /** Units taken in the window. */
  readonly count: number
}

/**
 * Milliseconds. After the clock stepped back, a window can start ahead of now. Up to this far ahead, the window is kept. Further
 * ahead, its counts move to the current window: otherwise the subject would wait too long.
 */
export const MAX_STEP_BACK = 5_000

/** Nominal lengths of calendar windows, for the headers. */
const CALENDAR_SECONDS = { day: 86_400, week: 604_800, month: 2_678_400 } as const

class FixedWindowReading implements Reading<FixedWindowState> {
  quota = 0
  private limit!: Limit
  private now = 0
  private start = 0
  private count = 0

  load(state: FixedWindowState | undefined, limit: Limit, nowMicros: number): void {
    const now = Math.floor(nowMicros / 1000)
    const { start, count } = limit.anchor === 'first' ? sinceFirst(state, limit.window as number, now) : sinceEpoch(state, limit, now)
    this.start = start
    this.count = count
    this.quota = limit.limit
    this.limit = limit
    this.now = now
  }

  write(target: Writable<FixedWindowState> = blank()): FixedWindowState {
    target.start = this.start
    target.count = this.count
    return target
  }

  available(): number {
    return Math.max(0, this.quota - this.count)
  }

  waitFor(units: number): number {
    if (units > this.quota) return Infinity
    return this.count + units <= this.quota ? 0 : this.untilEnd()
  }

  resetAfter(): number {
    return this.count > 0 ? this.untilEnd() : 0
  }

  delay(): number {
    return 0
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
    const back = taken.start === this.start ? Math.min(units, taken.units, this.count) : 0
    if (back === 0) return undefined
    this.count -= back
    return back
  }

  windowEnd(): number {
    const { start } = this
    const { window } = this.limit
    return typeof window === 'number' ? start + window : calendarSpan(this.limit, start).end
  }

  /** More than the length of the window if it starts ahead of now. */
  private untilEnd(): number {
    return this.windowEnd() - this.now
  }
}

function blank(): Writable<FixedWindowState> {
  return { start: 0, count: 0 }
}

function sinceEpoch(state: FixedWindowState | undefined, limit: Limit, now: number): FixedWindowState {
  const start = startOf(limit, now)
  if (state === undefined || state.start < start) return { start, count: 0 }
  return state.start === start || state.start - now <= MAX_STEP_BACK ? state : { start, count: state.count }
}

/** A window without units has not started: the next admitted charge starts it. */
function sinceFirst(state: FixedWindowState | undefined, window: number, now: number): FixedWindowState {
  if (state === undefined || state.count === 0 || now >= state.start + window) return { start: now, count: 0 }
  return state.start - now <= MAX_STEP_BACK ? state : { start: now, count: state.count }
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
  windowSeconds: (limit) => (typeof limit.window === 'number' ? limit.window / 1000 : CALENDAR_SECONDS[limit.window]),
  scale: scaledLimit,
  variantOf: (limit) =>
    typeof limit.window === 'number'
      ? `${limit.window}${limit.anchor === 'first' ? 'f' : ''}`
      : `${limit.window}@${limit.timeZone ?? 'UTC'}`,
  codec: {
    blank,
    decode(row, offset, state) {
      state.start = row[offset] as number
      state.count = row[offset + 1] as number
      return state
    },
    encode(state, row, offset) {
      row[offset] = state.start
      row[offset + 1] = state.count
    },
  },
  check: () => undefined,
  step: createStep(new FixedWindowReading()),
}
