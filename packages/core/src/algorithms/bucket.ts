import { ceilMillis } from '../clock.ts'
import type { Limit } from '../limit.ts'
import type { Charge, Receipt } from '../store.ts'
import type { Algorithm } from './algorithm.ts'
import { checkRate, type Rate, rateOf } from './bucket-rate.ts'
import { ceilDiv, floorDiv } from './division.ts'
import { createStep, ReadingReader, type RowReading } from './reading.ts'
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
class BucketReading implements RowReading<BucketState> {
  isChanged = false
  quota = 0
  private limit!: Limit
  private rate!: Rate
  private now = 0
  /** f = max(0, F − now). It has no bound after the clock stepped back, so it is compared before it is multiplied. */
  private missing = 0
  private rest = 0

  load(state: BucketState | undefined, limit: Limit, now: number): void {
    if (state === undefined) this.read(0, 0, 0, limit, now)
    else this.read(state.full, state.rest, state.rate, limit, now)
  }

  loadRow(row: Float64Array, offset: number, limit: Limit, now: number): void {
    this.read(row[offset] as number, row[offset + 1] as number, row[offset + 2] as number, limit, now)
  }

  saveRow(row: Float64Array, offset: number): void {
    row[offset] = this.now + this.missing
    row[offset + 1] = this.rest
    row[offset + 2] = this.rate.N
  }

  get state(): BucketState {
    return { full: this.now + this.missing, rest: this.rest, rate: this.rate.N }
  }

  used(): number {
    const { N, P, burst, debt, maxDeficit } = this.rate
    if (this.missing > floorDiv(maxDeficit, N)) return burst + debt
    return Math.min(burst + debt, ceilDiv(this.missing * N + this.rest, P))
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

  take(units: number): number | undefined {
    const { N, P, burst, debt, maxDeficit } = this.rate
    const before = this.missing > floorDiv(maxDeficit, N) ? maxDeficit : this.missing * N + this.rest
    if (before >= maxDeficit) return undefined
    const credits = Math.min(units, burst + debt) * P
    const deficit = credits > maxDeficit - before ? maxDeficit : before + credits
    this.missing = floorDiv(deficit, N)
    this.rest = deficit - this.missing * N
    return floorDiv(deficit - before, P)
  }

  receipt(units: number): Receipt {
    return this.limit.queue === true ? this.queueReceipt(units) : units
  }

  giveBack(units: number, charge: Charge): number | undefined {
    if (this.limit.queue === true) requireReceipt(charge)
    const back = charge.receipt === undefined ? units : Math.min(units, this.refundable(charge))
    return back > 0 && this.untilFull() > 0 ? this.putBack(back) : undefined
  }

  /** Returns the units that the bucket had room for. */
  private putBack(units: number): number {
    const { N, P } = this.rate
    // More units than this bucket has can have been taken under another limit. Without a bound, the product is inexact.
    const back = Math.min(units, floorDiv(Number.MAX_SAFE_INTEGER, P))
    const credits = back * P
    const before = this.missing
    const restBefore = this.rest
    this.missing -= floorDiv(credits, N)
    this.rest -= credits % N
    if (this.rest < 0) {
      this.rest += N
      this.missing -= 1
    }
    if (this.missing >= 0) return back
    this.missing = 0
    this.rest = 0
    return floorDiv(before * N + restBefore, P)
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

  private read(full: number, rest: number, writtenRate: number, limit: Limit, now: number): void {
    const rate = rateOf(limit)
    this.quota = rate.burst
    this.limit = limit
    this.rate = rate
    this.now = now
    const isFull = full < now
    this.missing = isFull ? 0 : full - now
    this.rest = isFull ? 0 : rest
    if (isFull || writtenRate === rate.N || rest === 0) return
    this.missing += 1
    this.rest = 0
  }

  private untilFull(): number {
    return this.missing + (this.rest > 0 ? 1 : 0)
  }
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
    resetsAtOnce: false,
    windowSeconds: (limit) => {
      const { N, capacity } = rateOf(limit)
      // A limit of 0 has no capacity, and its time to fill would be 0.
      return capacity === 0 ? (limit.window as number) / 1000 : capacity / N / 1e6
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
      createReader: () => new ReadingReader(new BucketReading()),
    },
    check: checkRate,
    step: createStep(new BucketReading()),
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
