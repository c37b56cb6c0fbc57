import { ceilMillis } from '../clock.ts'
import type { Limit } from '../limit.ts'
import type { Charge } from '../store.ts'
import type { Algorithm } from './algorithm.ts'
import { checkRate, type Rate, rateOf } from './bucket-rate.ts'
import { ceilDiv, floorDiv } from './division.ts'
import { type Change, createStep, type Reading } from './reading.ts'
import { badReceipt, requireReceipt } from './receipts.ts'
import { scaledQuantity } from './scale.ts'

/**
 * The state is a time, so that it stays valid when the numbers of the limit change. Stored credits would not: 10 tokens at 60 a
 * minute are 10 million credits, and at 61 a minute these are not even one token.
 */
export interface BucketState {
  /** F: the instant at which the bucket is full, in microseconds since the epoch. */
  readonly full: number
  /** r: credits that are missing beyond F, 0 ≤ r < N. */
  readonly rest: number
  /** The N of the limit that wrote `rest`. Under another N, `rest` is read as one microsecond more. */
  readonly rate: number
}

/** Times are in microseconds. The deficit, in credits, is `missing · N + rest`. */
class BucketReading implements Reading<BucketState> {
  readonly quota: number
  private readonly limit: Limit
  private readonly rate: Rate
  private readonly now: number
  /** f = max(0, F − now). It has no bound after the clock stepped back, so it is compared before it is multiplied. */
  private readonly missing: number
  private readonly rest: number

  constructor(limit: Limit, rate: Rate, now: number, missing: number, rest: number) {
    this.quota = rate.burst
    this.limit = limit
    this.rate = rate
    this.now = now
    this.missing = missing
    this.rest = rest
  }

  get state(): BucketState {
    return { full: this.now + this.missing, rest: this.rest, rate: this.rate.N }
  }

  available(): number {
    const { N, P, capacity } = this.rate
    if (this.missing > floorDiv(capacity, N)) return 0
    return floorDiv(Math.max(0, capacity - this.missing * N - this.rest), P)
  }

  waitFor(units: number): number {
    const { N, P, burst, capacity } = this.rate
    if (units > burst) return Infinity
    const spare = capacity - units * P - this.rest
    return ceilMillis(Math.max(0, this.missing - (spare < 0 ? -ceilDiv(-spare, N) : floorDiv(spare, N))))
  }

  resetAfter(): number {
    return ceilMillis(this.untilFull())
  }

  delay(): number {
    return this.limit.queue === true ? ceilMillis(this.untilFull()) : 0
  }

  take(units: number): Change<BucketState> {
    const { N, P, burst, debt, maxDeficit } = this.rate
    const before = this.missing > floorDiv(maxDeficit, N) ? maxDeficit : this.missing * N + this.rest
    if (before >= maxDeficit) return { after: this, units: 0, receipt: undefined }
    const credits = Math.min(units, burst + debt) * P
    const deficit = credits > maxDeficit - before ? maxDeficit : before + credits
    const missing = floorDiv(deficit, N)
    const after = this.withDeficit(missing, deficit - missing * N)
    const taken = floorDiv(deficit - before, P)
    return { after, units: taken, receipt: this.limit.queue === true ? after.queueReceipt(taken) : taken }
  }

  giveBack(units: number, charge: Charge): Change<BucketState> | undefined {
    if (this.limit.queue === true) requireReceipt(charge)
    const back = charge.receipt === undefined ? units : Math.min(units, this.refundable(charge))
    return back > 0 && this.untilFull() > 0 ? this.withUnitsBack(back) : undefined
  }

  private withUnitsBack(units: number): Change<BucketState> {
    const { N, P } = this.rate
    // More units than this bucket has can have been taken under another limit. Without a bound, the product is inexact.
    const back = Math.min(units, floorDiv(Number.MAX_SAFE_INTEGER, P))
    const credits = back * P
    let missing = this.missing - floorDiv(credits, N)
    let rest = this.rest - (credits % N)
    if (rest < 0) {
      rest += N
      missing -= 1
    }
    if (missing >= 0) return { after: this.withDeficit(missing, rest), units: back, receipt: undefined }
    return { after: this.withDeficit(0, 0), units: floorDiv(this.missing * N + this.rest, P), receipt: undefined }
  }

  /** How many units the receipt of a charge can give back. */
  private refundable(charge: Charge): number {
    if (this.limit.queue !== true) {
      if (!Number.isSafeInteger(charge.receipt)) throw badReceipt(charge)
      return charge.receipt as number
    }
    const units = typeof charge.receipt === 'string' ? Number(charge.receipt.split(':')[0]) : Number.NaN
    if (!Number.isSafeInteger(units)) throw badReceipt(charge)
    // Requests behind it have delays that include it, and a request whose turn has come may be running.
    const isLast = charge.receipt === this.queueReceipt(units)
    const { N, P } = this.rate
    const isWaiting = this.missing > floorDiv(units * P, N) || this.missing * N + this.rest > units * P
    return isLast && isWaiting ? units : 0
  }

  /** The units that were taken, and the state that they left. If the state is still the same, no other request followed. */
  private queueReceipt(units: number): string {
    return `${units}:${this.now + this.missing}:${this.rest}:${this.rate.N}:${this.rate.P}`
  }

  private untilFull(): number {
    return this.missing + (this.rest > 0 ? 1 : 0)
  }

  private withDeficit(missing: number, rest: number): BucketReading {
    return new BucketReading(this.limit, this.rate, this.now, missing, rest)
  }
}

function read(state: BucketState | undefined, limit: Limit, now: number): BucketReading {
  const rate = rateOf(limit)
  if (state === undefined || state.full < now) return new BucketReading(limit, rate, now, 0, 0)
  const missing = state.full - now
  if (state.rate === rate.N) return new BucketReading(limit, rate, now, missing, state.rest)
  return new BucketReading(limit, rate, now, missing + (state.rest > 0 ? 1 : 0), 0)
}

function bucket<K extends 'tokenBucket' | 'leakyBucket'>(
  name: K,
  denyCacheable: boolean,
  leasable: boolean,
): Algorithm<BucketState> & { readonly name: K } {
  return {
    name,
    denyCacheable,
    leasable,
    holds: false,
    quota: (limit) => rateOf(limit).burst,
    windowSeconds: (limit) => {
      const { N, capacity } = rateOf(limit)
      return capacity / N / 1e6
    },
    scale: (limit, share) =>
      Object.freeze({ ...limit, limit: scaledQuantity(limit.limit, share), burst: scaledQuantity(rateOf(limit).burst, share) }),
    variantOf: () => '',
    codec: {
      decode: (row, offset) => ({ full: row[offset] as number, rest: row[offset + 1] as number, rate: row[offset + 2] as number }),
      encode(state, row, offset) {
        row[offset] = state.full
        row[offset + 1] = state.rest
        row[offset + 2] = state.rate
      },
    },
    check: checkRate,
    step: createStep(read),
  }
}

/**
 * The token bucket, computed as GCRA (generic cell rate algorithm, ITU-T I.371), with F as its theoretical arrival time. A cost
 * is admitted iff deficit + cost · P ≤ burst · P. See `Rate` for N, P and credits.
 *
 * Promise: A(t) ≤ burst + rate · t for every interval t, and at least min(demand, ⌊burst + rate · t⌋).
 * Bounds: three numbers per subject; constant time; (burst + debt) · P + N ≤ 2^53 − 1.
 */
export const tokenBucket: Algorithm<BucketState> & { readonly name: 'tokenBucket' } = bucket('tokenBucket', true, true)

/**
 * The leaky bucket (Turner, 1986). As a meter it is the token bucket. As a queue it admits with a delay of ⌈deficit / N⌉ µs,
 * where the deficit is that before the charge. The outflow is at most c + rate · (t + 1 ms), where c is the largest cost.
 *
 * Its refusals are not cached and its units not leased: with a queue, both would change the order of the delays.
 */
export const leakyBucket: Algorithm<BucketState> & { readonly name: 'leakyBucket' } = bucket('leakyBucket', false, false)
