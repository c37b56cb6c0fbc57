import { ceilMillis } from '../clock.ts'
import { invalid } from '../errors.ts'
import type { Limit } from '../limit.ts'
import type { Charge } from '../store.ts'
import { type Algorithm, badReceipt, ceilDiv, floorDiv, shareOf } from './algorithm.ts'
import { type Moved, type Reading, requireReceipt, stepOf } from './reading.ts'

/** Time, not tokens, so that any numbers may read it: a used part stays the same part when the limit changes. */
export interface BucketState {
  /** F: the instant, µs since the epoch, at which the bucket is full. */
  readonly full: number
  /** r: credits beyond F, 0 ≤ r < N. */
  readonly rest: number
  /** The N that r was written under. */
  readonly rate: number
}

/** A limit in integers: N tokens per P µs in lowest terms. One µs adds N credits; a token costs P. */
export interface Rate {
  readonly N: number
  readonly P: number
  readonly burst: number
  readonly debt: number
  /** Credits of a full bucket: burst·P. */
  readonly cap: number
  /** Credits that may be missing at most, debt included. */
  readonly most: number
}

const MAX_DELAY = 1_000

class BucketReading implements Reading<BucketState> {
  readonly quota: number
  readonly limit: Limit
  readonly rate: Rate
  readonly now: number
  /** f = max(0, F − now): with `rest`, the deficit is f·N + rest credits. After a step back of the clock f has no bound. */
  readonly missing: number
  readonly rest: number
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
    const { N, P, cap } = this.rate
    if (this.missing > floorDiv(cap, N)) return 0
    return floorDiv(Math.max(0, cap - this.missing * N - this.rest), P)
  }

  waitFor(units: number): number {
    const { N, P, burst, cap } = this.rate
    if (units > burst) return Infinity
    const spare = cap - units * P - this.rest
    return ceilMillis(Math.max(0, this.missing - (spare < 0 ? -ceilDiv(-spare, N) : floorDiv(spare, N))))
  }

  reset(): number {
    return ceilMillis(this.untilFull())
  }

  delay(): number {
    return this.limit.queue === true ? ceilMillis(this.untilFull()) : 0
  }

  take(units: number): Moved<BucketState> {
    const { N, P, burst, debt, most } = this.rate
    const met = this.missing > floorDiv(most, N) ? most : this.missing * N + this.rest
    if (met >= most) return { after: this, units: 0, receipt: undefined }
    const credits = Math.min(units, burst + debt) * P
    const deficit = credits > most - met ? most : met + credits
    const missing = floorDiv(deficit, N)
    const after = this.with(missing, deficit - missing * N)
    const taken = floorDiv(deficit - met, P)
    return { after, units: taken, receipt: this.limit.queue === true ? after.turn(taken) : taken }
  }

  give(units: number, charge: Charge): Moved<BucketState> | undefined {
    if (this.limit.queue === true) requireReceipt(charge)
    const most = charge.receipt === undefined ? units : Math.min(units, this.unitsOf(charge))
    return most > 0 && this.untilFull() > 0 ? this.giveBack(most) : undefined
  }

  private giveBack(units: number): Moved<BucketState> {
    const { N, P } = this.rate
    // Taken under another limit, it may be more than this one could ever lack.
    const back = Math.min(units, floorDiv(Number.MAX_SAFE_INTEGER, P))
    const credits = back * P
    let missing = this.missing - floorDiv(credits, N)
    let rest = this.rest - (credits % N)
    if (rest < 0) {
      rest += N
      missing -= 1
    }
    if (missing >= 0) return { after: this.with(missing, rest), units: back, receipt: undefined }
    return { after: this.with(0, 0), units: floorDiv(this.missing * N + this.rest, P), receipt: undefined }
  }

  /** The units that a receipt allows to give back. */
  private unitsOf(charge: Charge): number {
    if (this.limit.queue !== true) {
      if (!Number.isSafeInteger(charge.receipt)) throw badReceipt(charge)
      return charge.receipt as number
    }
    const units = typeof charge.receipt === 'string' ? Number(charge.receipt.split(':')[0]) : Number.NaN
    if (!Number.isSafeInteger(units)) throw badReceipt(charge)
    // Whoever is behind it in the queue was told a delay that counts on it; whoever's turn has come may be running.
    const last = charge.receipt === this.turn(units)
    const waiting =
      this.missing > floorDiv(units * this.rate.P, this.rate.N) || this.missing * this.rate.N + this.rest > units * this.rate.P
    return last && waiting ? units : 0
  }

  /** The receipt of a queue: what was taken, and the state that it left. */
  private turn(units: number): string {
    return `${units}:${this.now + this.missing}:${this.rest}:${this.rate.N}:${this.rate.P}`
  }

  private untilFull(): number {
    return this.missing + (this.rest > 0 ? 1 : 0)
  }

  private with(missing: number, rest: number): BucketReading {
    return new BucketReading(this.limit, this.rate, this.now, missing, rest)
  }
}

function read(state: BucketState | undefined, limit: Limit, now: number): BucketReading {
  const numbers = rateOf(limit)
  if (state === undefined || state.full < now) return new BucketReading(limit, numbers, now, 0, 0)
  const missing = state.full - now
  if (state.rate === numbers.N) return new BucketReading(limit, numbers, now, missing, state.rest)
  return new BucketReading(limit, numbers, now, missing + (state.rest > 0 ? 1 : 0), 0)
}

const known = new WeakMap<Limit, Rate>()

/** A limit in integers, computed once: it is frozen. For a store that decides elsewhere. */
export function rateOf(limit: Limit): Rate {
  let numbers = known.get(limit)
  if (numbers === undefined) known.set(limit, (numbers = compute(limit)))
  return numbers
}

function compute(limit: Limit): Rate {
  const micros = (limit.window as number) * 1000
  // A limit of 0 refuses all by its burst of 0; its rate only must not divide by zero.
  const rate = Math.max(1, limit.limit)
  const divisor = gcd(rate, micros)
  const N = rate / divisor
  const P = micros / divisor
  const burst = burstOf(limit, N, P)
  const debt = limit.debt ?? burst
  return { N, P, burst, debt, cap: burst * P, most: (burst + debt) * P }
}

function burstOf(limit: Limit, N: number, P: number): number {
  if (limit.limit === 0) return 0
  if (limit.queue !== true) return limit.burst ?? limit.limit
  const queued =
    limit.burst !== undefined && limit.maxDelay === undefined ? Infinity : floorDiv((limit.maxDelay ?? MAX_DELAY) * 1000 * N, P) + 1
  return Math.min(limit.burst ?? Infinity, queued)
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b)
}

function isExact(limit: Limit): boolean {
  const { N, P, burst, debt } = compute(limit)
  const queued = limit.queue === true ? (limit.maxDelay ?? MAX_DELAY) * 1000 * N : 0
  // F = now + most / N stays exact until the year 2112.
  return Number.isSafeInteger(queued) && (burst + debt) * (P / N) <= 2 ** 52 && Number.isSafeInteger((burst + debt) * P + N)
}

function check(limit: Limit): void {
  if (isExact(limit)) return
  // Mostly it is a number that shares no factor with the window: a slightly smaller one does.
  let smaller = limit.limit - 1
  for (let tries = 0; tries < 10_000 && smaller > 0 && !isExact({ ...limit, limit: smaller }); tries++) smaller -= 1
  const proposal =
    smaller > 0 && isExact({ ...limit, limit: smaller })
      ? `${smaller} instead (exact)`
      : 'a smaller burst, or a shorter window at the same rate'
  throw invalid(
    `limit "${limit.name}": limit`,
    `numbers whose arithmetic stays below 2^53; use ${proposal}`,
    limit.limit,
    'ERR_LIMIT_INEXACT',
  )
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
      const { N, cap } = rateOf(limit)
      return cap / N / 1e6
    },
    scale: (limit, share) => Object.freeze({ ...limit, limit: shareOf(limit.limit, share), burst: shareOf(rateOf(limit).burst, share) }),
    variantOf: () => '',
    codec: {
      decode: (row, offset) => ({ full: row[offset] as number, rest: row[offset + 1] as number, rate: row[offset + 2] as number }),
      encode(state, row, offset) {
        row[offset] = state.full
        row[offset + 1] = state.rest
        row[offset + 2] = state.rate
      },
    },
    check,
    step: stepOf(read),
  }
}

/** A(t) ≤ burst + rate·t. */
export const tokenBucket: Algorithm<BucketState> & { readonly name: 'tokenBucket' } = bucket('tokenBucket', true, true)

/** The same state. As a queue it admits with a delay, so a refusal or a unit taken ahead means something else: no layer keeps either. */
export const leakyBucket: Algorithm<BucketState> & { readonly name: 'leakyBucket' } = bucket('leakyBucket', false, false)
