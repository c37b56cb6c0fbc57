import { ceilMillis } from '../clock.ts'
import { invalid } from '../errors.ts'
import type { Limit } from '../limit.ts'
import { uniqueId } from '../runtime.ts'
import type { Charge, Receipt } from '../store.ts'
import type { Algorithm, Step, StepOptions } from './algorithm.ts'
import { createStep, outcomeOf, type Reading, refusal, unchanged } from './reading.ts'
import { badReceipt, requireReceipt } from './receipts.ts'
import { findHolder, type Holder, type Holders, liveHolders, NO_HOLDERS, withHolder, withoutHolder } from './holders.ts'
import { scaledLimit } from './scale.ts'

export type ConcurrencyState = Holders

/** Milliseconds; the default of `retryHint`. */
const DEFAULT_RETRY_HINT = 1_000

class ConcurrencyReading implements Reading<ConcurrencyState> {
  /** Live holders only. */
  state: ConcurrencyState = NO_HOLDERS
  isChanged = false
  quota = 0
  private limit!: Limit
  private now = 0
  /** The id of the holder that was taken last. */
  private taken = ''

  load(state: ConcurrencyState | undefined, limit: Limit, now: number): void {
    this.state = liveHolders(state ?? NO_HOLDERS, now)
    this.quota = limit.limit
    this.limit = limit
    this.now = now
  }

  used(): number {
    return this.state.count
  }

  waitFor(units: number): number {
    if (units > this.quota) return Infinity
    return this.state.count + units <= this.quota ? 0 : this.retryHint()
  }

  /** Time until the first holder expires, at most `retryHint`. A hint, since a holder can be released at any time. */
  retryHint(): number {
    return Math.min(this.limit.retryHint ?? DEFAULT_RETRY_HINT, ceilMillis(this.state.earliest - this.now))
  }

  resetAfter(): number {
    return ceilMillis(Math.max(this.state.latest, this.now) - this.now)
  }

  delay(): number {
    return 0
  }

  take(_units: number, options: StepOptions): number | undefined {
    // Forced charges stop at twice the limit, or a caller that never releases could fill the memory.
    if (this.state.count >= 2 * this.quota) return undefined
    this.taken = options.holder ?? uniqueId()
    this.state = withHolder(this.state, this.newHolder(this.taken))
    return 1
  }

  receipt(): Receipt {
    return this.taken
  }

  giveBack(_units: number, charge: Charge): number | undefined {
    requireReceipt(charge)
    const holder = this.find(String(charge.receipt))
    if (holder === undefined) return undefined
    this.state = withoutHolder(this.state, holder)
    return 1
  }

  find(id: string): Holder | undefined {
    return findHolder(this.state, id)
  }

  renew(holder: Holder): void {
    this.state = withHolder(withoutHolder(this.state, holder), this.newHolder(holder.id))
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
    if (current.find(options.holder) !== undefined)
      return { state: undefined, outcome: outcomeOf(current, now, options, true, 0, 1, options.holder, 0) }
  }
  return acquireOrRelease(state, charge, now, options)
}

/** Renews a live holder only: another request may have replaced an expired one. */
function renew(state: ConcurrencyState | undefined, charge: Charge, now: number, options: StepOptions): Step<ConcurrencyState> {
  if (typeof charge.receipt !== 'string') throw badReceipt(charge)
  current.load(state, charge.limit, now)
  // This holder is gone, even if a new one would be admitted. A wait of 0 would mean that the charge was admitted.
  const holder = current.find(charge.receipt)
  if (holder === undefined) return { state: undefined, outcome: refusal(current, now, options, current.waitFor(1) || current.retryHint()) }
  if (options.how === 'peek') return { state: undefined, outcome: unchanged(current, now, options, 1, 0) }
  current.renew(holder)
  return { state: current.state, outcome: outcomeOf(current, now, options, true, 0, 1, charge.receipt, 0) }
}

/**
 * A counting semaphore whose holders expire: a request is admitted iff live holders < L. Each holder lives until it is
 * released or its ttl has passed.
 *
 * Promise: live holders ≤ L. Bounds: one (id, expiry) per holder and at most 2L holders per subject, the rest by forced
 * charges; time in proportion to the square root of the holders. Each charge costs 1.
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
