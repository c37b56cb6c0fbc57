import { ceilMillis } from '../clock.ts'
import { invalid } from '../errors.ts'
import type { Limit } from '../limit.ts'
import { uniqueId } from '../runtime.ts'
import type { Charge, Receipt } from '../store.ts'
import type { Algorithm, Step, StepOptions } from './algorithm.ts'
import { createStep, outcomeOf, type Reading, refusal, unchanged } from './reading.ts'
import { badReceipt, requireReceipt } from './receipts.ts'
import { scaledLimit } from './scale.ts'

/** The live holders, in the order in which they were acquired or renewed. */
export type ConcurrencyState = readonly Holder[]

/** One request that is under way. */
export interface Holder {
  readonly id: string
  /** Microseconds since the epoch. */
  readonly expires: number
}

/** Milliseconds; the default of `retryHint`. */
const DEFAULT_RETRY_HINT = 1_000

class ConcurrencyReading implements Reading<ConcurrencyState> {
  /** Live holders only. */
  state: ConcurrencyState = []
  isChanged = false
  quota = 0
  private limit!: Limit
  private now = 0

  load(state: ConcurrencyState | undefined, limit: Limit, now: number): void {
    this.state = (state ?? []).filter(({ expires }) => expires > now)
    this.quota = limit.limit
    this.limit = limit
    this.now = now
  }

  used(): number {
    return this.state.length
  }

  waitFor(units: number): number {
    if (units > this.quota) return Infinity
    return this.state.length + units <= this.quota ? 0 : this.retryHint()
  }

  /** Time until the first holder expires, at most `retryHint`. A hint, since a holder can be released at any time. */
  retryHint(): number {
    let earliest = Infinity
    for (const { expires } of this.state) earliest = Math.min(earliest, expires)
    return Math.min(this.limit.retryHint ?? DEFAULT_RETRY_HINT, ceilMillis(earliest - this.now))
  }

  resetAfter(): number {
    let latest = this.now
    for (const { expires } of this.state) latest = Math.max(latest, expires)
    return ceilMillis(latest - this.now)
  }

  delay(): number {
    return 0
  }

  take(_units: number, options: StepOptions): number | undefined {
    // Forced charges stop at twice the limit, or a caller that never releases could fill the memory.
    if (this.state.length >= 2 * this.quota) return undefined
    this.state = [...this.state, this.newHolder(options.holder ?? uniqueId())]
    return 1
  }

  receipt(): Receipt {
    return (this.state.at(-1) as Holder).id
  }

  giveBack(_units: number, charge: Charge): number | undefined {
    requireReceipt(charge)
    const left = this.state.filter(({ id }) => id !== charge.receipt)
    if (left.length === this.state.length) return undefined
    this.state = left
    return 1
  }

  isLive(id: string): boolean {
    return this.state.some((holder) => holder.id === id)
  }

  renew(id: string): void {
    this.state = [...this.state.filter((holder) => holder.id !== id), this.newHolder(id)]
  }

  private newHolder(id: string): Holder {
    return { id, expires: this.now + (this.limit.window as number) * 1000 }
  }
}

const current = new ConcurrencyReading()
const acquireOrRelease = createStep(current)

function step(state: ConcurrencyState | undefined, charge: Charge, now: number, options: StepOptions): Step<ConcurrencyState> {
  if (charge.cost > 1 || charge.cost < -1) {
    throw invalid(`limit "${charge.limit.name}" (concurrency): cost`, '1 to acquire or -1 to release', charge.cost, 'ERR_COST_INVALID')
  }
  if (charge.cost <= 0) return acquireOrRelease(state, charge, now, options)
  if (charge.receipt !== undefined) return renew(state, charge, now, options)
  if (options.holder !== undefined && options.how !== 'peek') {
    current.load(state, charge.limit, now)
    // A retry of an acquisition whose reply was lost must not take a second holder.
    if (current.isLive(options.holder))
      return { state: undefined, outcome: outcomeOf(current, now, options, true, 0, 1, options.holder, 0) }
  }
  return acquireOrRelease(state, charge, now, options)
}

/** Renews a live holder only: another request may have replaced an expired one. */
function renew(state: ConcurrencyState | undefined, charge: Charge, now: number, options: StepOptions): Step<ConcurrencyState> {
  if (typeof charge.receipt !== 'string') throw badReceipt(charge)
  current.load(state, charge.limit, now)
  // This holder is gone, even if a new one would be admitted. A wait of 0 would mean that the charge was admitted.
  if (!current.isLive(charge.receipt))
    return { state: undefined, outcome: refusal(current, now, options, current.waitFor(1) || current.retryHint()) }
  if (options.how === 'peek') return { state: undefined, outcome: unchanged(current, now, options, 1, 0) }
  current.renew(charge.receipt)
  return { state: current.state, outcome: outcomeOf(current, now, options, true, 0, 1, charge.receipt, 0) }
}

/**
 * A counting semaphore whose holders expire: a request is admitted iff live holders < L. Each holder lives until it is
 * released or its ttl has passed.
 *
 * Promise: live holders ≤ L. Bounds: one (id, expiry) per holder and at most 2L holders per subject, the rest by forced
 * charges; time in proportion to the holders. Each charge costs 1.
 */
export const concurrency: Algorithm<ConcurrencyState> & { readonly name: 'concurrency' } = {
  name: 'concurrency',
  denyCacheable: false,
  leasable: false,
  holds: true,
  quota: (limit) => limit.limit,
  windowSeconds: () => undefined,
  resetsAtOnce: false,
  scale: scaledLimit,
  variantOf: () => '',
  check: () => undefined,
  step,
}
