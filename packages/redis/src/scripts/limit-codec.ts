import type { Charge, Limit } from '@sluice/core'
import { calendarSpan, rateOf } from '@sluice/core/algorithms'

// How limits and receipts are sent to the scripts. The files of the algorithms in lua/ describe the same lists.

export type RequestList = readonly (string | number)[]

interface LimitCodec {
  limit(limit: Limit, nowMillis: number): RequestList
  receipt(charge: Charge): RequestList
}

const windowReceipt = (charge: Charge): RequestList => (typeof charge.receipt === 'number' ? [charge.receipt, 1] : partsOf(charge))

const bucket: LimitCodec = {
  limit(limit) {
    const { N, P, burst, debt } = rateOf(limit)
    return ['b', N, P, burst, debt, limit.queue === true ? 1 : 0]
  },
  receipt({ limit, receipt }) {
    if (receipt === undefined) return []
    if (limit.queue !== true) return [Number(receipt)]
    return String(receipt).split(':').map(Number)
  },
}

const codecs: { readonly [K in Limit['algorithm']]: LimitCodec } = {
  fixedWindow: {
    limit({ limit, window, anchor, timeZone }, now) {
      if (typeof window === 'number') return ['f', limit, anchor === 'first' ? 1 : 0, window]
      const { start, end } = calendarSpan({ window, timeZone }, now)
      return ['f', limit, 2, start, end, calendarSpan({ window, timeZone }, end).end]
    },
    receipt: windowReceipt,
  },
  slidingWindow: {
    limit: ({ limit, window }) => ['s', limit, window],
    receipt: windowReceipt,
  },
  slidingLog: {
    limit: ({ limit, window }) => ['l', limit, (window as number) * 1000],
    receipt: partsOf,
  },
  tokenBucket: bucket,
  leakyBucket: bucket,
  concurrency: {
    limit: ({ limit, window }) => ['c', limit, (window as number) * 1000],
    receipt: ({ receipt }) => (receipt === undefined ? [] : [String(receipt)]),
  },
}

function partsOf({ receipt }: Charge): RequestList {
  return receipt === undefined ? [] : String(receipt).split(':').map(Number)
}

export function encodeReceipt(charge: Charge): RequestList {
  return codecs[charge.limit.algorithm].receipt(charge)
}

/** The limits of a batch, each once. */
export class LimitList {
  readonly encoded: RequestList[] = []
  private readonly indexes = new Map<Limit, number>()
  private readonly now: number

  /** `nowMillis` is the time for which calendar windows are computed. */
  constructor(nowMillis: number) {
    this.now = nowMillis
  }

  /** The index of the limit in the list, from 1. */
  indexOf(limit: Limit): number {
    let index = this.indexes.get(limit)
    if (index === undefined) {
      index = this.encoded.push(codecs[limit.algorithm].limit(limit, this.now))
      this.indexes.set(limit, index)
    }
    return index
  }
}
