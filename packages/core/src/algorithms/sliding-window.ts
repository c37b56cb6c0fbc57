import { invalid } from '../errors.ts'
import type { Limit } from '../limit.ts'
import type { Charge } from '../store.ts'
import { type Algorithm, ceilDiv, floorDiv, placeReceipt, readReceipt, scaledLimit } from './algorithm.ts'
import { AHEAD } from './fixed-window.ts'
import { type Moved, type Reading, requireReceipt, stepOf } from './reading.ts'

export interface SlidingWindowState {
  /** ms since the epoch, of the window that `count` belongs to. */
  readonly start: number
  readonly count: number
  /** Of the window before. */
  readonly previous: number
}

/**
 * With s the start of the window, e = now − s and x = ⌈previous·(W − e)/W⌉, what the window before still weighs:
 * a cost is admitted iff count + cost + x ≤ L. Every product is of a count ≤ ⌊(2^53 − 1)/W⌋ and W, so exact.
 */
class SlidingWindowReading implements Reading<SlidingWindowState> {
  readonly state: SlidingWindowState
  readonly quota: number
  readonly window: number
  readonly now: number
  constructor(state: SlidingWindowState, quota: number, window: number, now: number) {
    this.state = state
    this.quota = quota
    this.window = window
    this.now = now
  }

  available(): number {
    return Math.max(0, this.quota - this.state.count - this.weight())
  }

  waitFor(units: number): number {
    const { quota, window } = this
    const { count, previous } = this.state
    if (units > quota) return Infinity
    if (count + units + this.weight() <= quota) return 0
    const left = window - this.elapsed()
    if (count + units <= quota) return left - floorDiv((quota - count - units) * window, previous)
    return window + left - floorDiv((quota - units) * window, count)
  }

  reset(): number {
    const { count, previous } = this.state
    if (count > 0) return 2 * this.window - this.elapsed()
    return previous > 0 ? this.window - this.elapsed() : 0
  }

  delay(): number {
    return 0
  }

  take(units: number): Moved<SlidingWindowState> {
    const { start, count, previous } = this.state
    const after = Math.min(this.most(), count + units)
    // A count that another window's length let grow further than this one may saturates where it is.
    if (after <= count) return { after: this, units: 0, receipt: undefined }
    return { after: this.with(after, previous), units: after - count, receipt: placeReceipt(start, after - count) }
  }

  give(units: number, charge: Charge): Moved<SlidingWindowState> | undefined {
    requireReceipt(charge)
    const taken = readReceipt(charge)
    const { start, count, previous } = this.state
    const most = Math.min(units, taken.units)
    const fromCount = taken.place === start ? Math.min(most, count) : 0
    const fromPrevious = taken.place === start - this.window ? Math.min(most, previous) : 0
    if (fromCount + fromPrevious === 0) return undefined
    return { after: this.with(count - fromCount, previous - fromPrevious), units: fromCount + fromPrevious, receipt: undefined }
  }

  end(): number {
    return this.state.start + this.window
  }

  private with(count: number, previous: number): SlidingWindowReading {
    return new SlidingWindowReading({ start: this.state.start, count, previous }, this.quota, this.window, this.now)
  }

  /** e; negative while the window starts ahead of now, after a step of the clock. */
  private elapsed(): number {
    return this.now - this.state.start
  }

  /** x; a window ahead of now is held at its beginning. */
  private weight(): number {
    const { previous } = this.state
    return previous === 0 ? 0 : ceilDiv(previous * (this.window - Math.max(0, this.elapsed())), this.window)
  }

  /** Where counts saturate, so that the products above stay integers. */
  private most(): number {
    return floorDiv(Number.MAX_SAFE_INTEGER, this.window)
  }
}

function read(state: SlidingWindowState | undefined, limit: Limit, nowMicros: number): SlidingWindowReading {
  const now = Math.floor(nowMicros / 1000)
  const window = limit.window as number
  return new SlidingWindowReading(rolled(state, window, now), limit.limit, window, now)
}

function rolled(state: SlidingWindowState | undefined, window: number, now: number): SlidingWindowState {
  const start = floorDiv(now, window) * window
  if (state === undefined || state.start < start - window) return { start, count: 0, previous: 0 }
  if (state.start === start) return state
  if (state.start < start) return { start, count: 0, previous: state.count }
  return state.start - now <= AHEAD ? state : { start, count: state.count, previous: state.previous }
}

/** A(t) ≤ L(1 + t/W) for every t, from two counts. Two aligned windows can both be full; two full limits closer than W cannot. */
export const slidingWindow: Algorithm<SlidingWindowState> & { readonly name: 'slidingWindow' } = {
  name: 'slidingWindow',
  denyCacheable: true,
  leasable: true,
  holds: false,
  quota: (limit) => limit.limit,
  windowSeconds: (limit) => (limit.window as number) / 1000,
  scale: scaledLimit,
  variantOf: (limit) => `${limit.window}`,
  codec: {
    decode: (row, offset) => ({ start: row[offset] as number, count: row[offset + 1] as number, previous: row[offset + 2] as number }),
    encode(state, row, offset) {
      row[offset] = state.start
      row[offset + 1] = state.count
      row[offset + 2] = state.previous
    },
  },
  check(limit) {
    const most = floorDiv(Number.MAX_SAFE_INTEGER, limit.window as number)
    if (limit.limit > most) {
      throw invalid(
        `limit "${limit.name}": limit`,
        `at most ${most} for a window of ${limit.window} ms, or a shorter window, to stay exact`,
        limit.limit,
        'ERR_LIMIT_INEXACT',
      )
    }
  },
  step: stepOf(read),
}
