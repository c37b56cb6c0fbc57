import type { Limit } from '../limit.ts'
import type { Charge } from '../store.ts'
import { type Algorithm, floorDiv, placeReceipt, readReceipt, scaledLimit } from './algorithm.ts'
import { calendarSpan } from './calendar.ts'
import { type Moved, type Reading, requireReceipt, stepOf } from './reading.ts'

export interface FixedWindowState {
  /** ms since the epoch. */
  readonly start: number
  readonly count: number
}

/** A window that starts up to this far ahead of now is kept when the clock steps back; further ahead, its count moves to now's window. */
export const AHEAD = 5_000

const SECONDS = { day: 86_400, week: 604_800, month: 2_678_400 } as const

class FixedWindowReading implements Reading<FixedWindowState> {
  readonly state: FixedWindowState
  readonly quota: number
  readonly limit: Limit
  readonly now: number
  constructor(state: FixedWindowState, limit: Limit, now: number) {
    this.state = state
    this.quota = limit.limit
    this.limit = limit
    this.now = now
  }

  available(): number {
    return Math.max(0, this.quota - this.state.count)
  }

  waitFor(units: number): number {
    if (units > this.quota) return Infinity
    return this.state.count + units <= this.quota ? 0 : this.left()
  }

  reset(): number {
    return this.state.count > 0 ? this.left() : 0
  }

  delay(): number {
    return 0
  }

  take(units: number): Moved<FixedWindowState> {
    const { start, count } = this.state
    const after = Math.min(Number.MAX_SAFE_INTEGER, count + units)
    return { after: after === count ? this : this.with(after), units: after - count, receipt: placeReceipt(start, after - count) }
  }

  give(units: number, charge: Charge): Moved<FixedWindowState> | undefined {
    requireReceipt(charge)
    const taken = readReceipt(charge)
    const { start, count } = this.state
    const back = taken.place === start ? Math.min(units, taken.units, count) : 0
    return back > 0 ? { after: this.with(count - back), units: back, receipt: undefined } : undefined
  }

  private with(count: number): FixedWindowReading {
    return new FixedWindowReading({ start: this.state.start, count }, this.limit, this.now)
  }

  end(): number {
    const { start } = this.state
    const { window } = this.limit
    return typeof window === 'number' ? start + window : calendarSpan(this.limit, start).end
  }

  /** ms to the end of the window; more than its length while it starts ahead of now. */
  private left(): number {
    return this.end() - this.now
  }
}

function read(state: FixedWindowState | undefined, limit: Limit, nowMicros: number): FixedWindowReading {
  const now = Math.floor(nowMicros / 1000)
  return new FixedWindowReading(current(state, limit, now), limit, now)
}

function current(state: FixedWindowState | undefined, limit: Limit, now: number): FixedWindowState {
  if (limit.anchor === 'first') return sinceFirst(state, limit.window as number, now)
  const start = startOf(limit, now)
  if (state === undefined || state.start < start) return { start, count: 0 }
  return state.start === start || state.start - now <= AHEAD ? state : { start, count: state.count }
}

/** A window in which nothing is counted, or all was given back, has not begun: the next admitted charge begins it. */
function sinceFirst(state: FixedWindowState | undefined, window: number, now: number): FixedWindowState {
  if (state === undefined || state.count === 0 || now >= state.start + window) return { start: now, count: 0 }
  return state.start - now <= AHEAD ? state : { start: now, count: state.count }
}

function startOf(limit: Limit, now: number): number {
  return typeof limit.window === 'number' ? floorDiv(now, limit.window) * limit.window : calendarSpan(limit, now).start
}

/** At most L in each window. A window is one of the epoch, of a calendar, or begins with a subject's first admitted charge. */
export const fixedWindow: Algorithm<FixedWindowState> & { readonly name: 'fixedWindow' } = {
  name: 'fixedWindow',
  denyCacheable: true,
  leasable: true,
  holds: false,
  quota: (limit) => limit.limit,
  windowSeconds: (limit) => (typeof limit.window === 'number' ? limit.window / 1000 : SECONDS[limit.window]),
  scale: scaledLimit,
  variantOf: (limit) =>
    typeof limit.window === 'number'
      ? `${limit.window}${limit.anchor === 'first' ? 'f' : ''}`
      : `${limit.window}@${limit.timeZone ?? 'UTC'}`,
  codec: {
    decode: (row, offset) => ({ start: row[offset] as number, count: row[offset + 1] as number }),
    encode(state, row, offset) {
      row[offset] = state.start
      row[offset + 1] = state.count
    },
  },
  check: () => undefined,
  step: stepOf(read),
}
