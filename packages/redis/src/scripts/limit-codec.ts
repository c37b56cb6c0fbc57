import type { Charge, Limit } from '@sluice/core'
import { calendarSpan, nominalWindow, rateOf } from '@sluice/core/algorithms'
import type { Placement, TakenEntry } from '../keys.ts'
import { fixedWindowEnd } from '../state/codec.ts'

// How limits and receipts are sent to the scripts. The files of the algorithms in lua/ describe the same lists.

export type RequestList = readonly (string | number | false)[]

interface LimitCodec {
  limit(limit: Limit, id: number, nowMillis: number): RequestList
  receipt(charge: Charge): RequestList
}

/** The receipt of a window, with the end that its state has in Redis in place of its start. */
function windowReceipt(charge: Charge, endOf: (start: number) => number): RequestList {
  if (charge.receipt === undefined) return []
  const [start = 0, units = 1] = typeof charge.receipt === 'number' ? [charge.receipt] : partsOf(charge).map(Number)
  return [endOf(start) * 1000, units]
}

/** The latest instant of a Date, in ms. A receipt can have any time. */
const MAX_DATE = 8.64e15
const NO_WINDOW = -1

/** The end of the fixed window that starts exactly then; that of no window if none does. */
function endOfTaken(limit: Limit, start: number): number {
  if (typeof limit.window === 'number' || limit.movable === true) return fixedWindowEnd(limit, start)
  // A year, and a day of slack for time zones, before the last Date.
  if (!(Math.abs(start) <= MAX_DATE - 367 * 86_400_000)) return NO_WINDOW
  const span = calendarSpan(limit, start)
  return span.start === start ? span.end : NO_WINDOW
}

// The last windows of each limit: finding them takes about as long as the decision.
const calendars = new WeakMap<Limit, CalendarWindows>()

type CalendarWindows = readonly [first: number, second: number, third: number, ...rest: number[]]

/**
 * The start of the calendar window that contains `now`, and of the two after it. Then the start of the third or, for a movable limit, of the
 * first two windows the end that names them, and the latest one that counts.
 */
function calendarWindows(limit: Limit, now: number): CalendarWindows {
  const known = calendars.get(limit)
  if (known !== undefined && now >= known[0] && now < known[1]) return known
  const { start, end } = calendarSpan(limit, now)
  const third = calendarSpan(limit, end).end
  const rest = limit.movable === true ? [...nominalEnds(limit, start), ...nominalEnds(limit, end)] : [calendarSpan(limit, third).end]
  const found = [start, end, third, ...rest] as const
  calendars.set(limit, found)
  return found
}

function nominalEnds(limit: Limit, instant: number): readonly number[] {
  const { start, latest } = nominalWindow(limit, instant)
  return [fixedWindowEnd(limit, start), fixedWindowEnd(limit, latest)]
}

/** The place of the whole limit, of which a region may use its rights, behind the numbers of any window. */
const WHOLE = 11

/** The list of a window with the rights of the region in place of the limit, and the limit behind it. Without rights it stays as it is. */
function withRights(list: RequestList, { rights, limit }: Limit): RequestList {
  if (rights === undefined) return list
  const [letter = '', id = 0, , ...rest] = list
  const known = [letter, id, rights, ...rest]
  return [...known, ...Array.from({ length: WHOLE - known.length }, () => false as const), limit]
}

const bucket: LimitCodec = {
  limit(limit, id) {
    const { N, P, burst, debt } = rateOf(limit)
    return ['b', id, N, P, burst, debt, limit.queue === true ? 1 : 0]
  },
  receipt({ limit, receipt }) {
    if (receipt === undefined) return []
    if (limit.queue !== true) return [Number(receipt)]
    return String(receipt).split(':').map(Number)
  },
}

const codecs: { readonly [K in Limit['algorithm']]: LimitCodec } = {
  fixedWindow: {
    limit(limit, id, now) {
      const { limit: quantity, window, anchor } = limit
      if (typeof window === 'number') return withRights(['f', id, quantity, anchor === 'first' ? 1 : 0, window], limit)
      return withRights(['f', id, quantity, limit.movable === true ? 3 : 2, ...calendarWindows(limit, now)], limit)
    },
    receipt: (charge) => windowReceipt(charge, (start) => endOfTaken(charge.limit, start)),
  },
  slidingWindow: {
    limit: (limit, id) => withRights(['s', id, limit.limit, limit.window], limit),
    receipt: (charge) => windowReceipt(charge, (start) => start + 2 * (charge.limit.window as number)),
  },
  slidingLog: {
    limit: ({ limit, window }, id) => ['l', id, limit, (window as number) * 1000],
    receipt: partsOf,
  },
  tokenBucket: bucket,
  leakyBucket: bucket,
  concurrency: {
    limit: ({ limit, window }, id) => ['c', id, limit, (window as number) * 1000],
    receipt: ({ receipt }) => (receipt === undefined ? [] : [String(receipt)]),
  },
}

function partsOf({ receipt }: Charge): RequestList {
  return receipt === undefined ? [] : String(receipt).split(':').map(Number)
}

export function encodeReceipt(charge: Charge): RequestList {
  return codecs[charge.limit.algorithm].receipt(charge)
}

/** The limits of a batch, each once, with the ids of their states. */
export class LimitList {
  readonly encoded: RequestList[] = []
  private readonly isFast: boolean
  private readonly indexes = new Map<Placement, number>()
  private readonly now: number

  /**
   * @param nowMillis the time for which calendar windows are computed
   * @param isFast for lua/fast.lua, which knows the second entry of an exchanged bucket as a limit of its own, behind that of the bucket
   */
  constructor(nowMillis: number, isFast = false) {
    this.now = nowMillis
    this.isFast = isFast
  }

  /** The index of the limit in the list, from 1. */
  indexOf(placement: Placement): number {
    let index = this.indexes.get(placement)
    if (index === undefined) {
      const { limit, id, taken } = placement
      index = this.encoded.push(codecs[limit.algorithm].limit(limit, id, this.now))
      if (taken !== undefined) this.addTaken(index, taken)
      this.indexes.set(placement, index)
    }
    return index
  }

  private addTaken(index: number, { id, keep }: TakenEntry): void {
    const [letter = '', ...bucketNumbers] = this.encoded[index - 1] as RequestList
    if (this.isFast) {
      this.encoded[index - 1] = ['x', ...bucketNumbers]
      this.encoded.push(['t', id, keep])
    } else this.encoded[index - 1] = [letter, ...bucketNumbers, id, keep]
  }
}
