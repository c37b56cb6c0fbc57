import { ceilMillis } from '../clock.ts'
import { invalid } from '../errors.ts'
import type { Limit } from '../limit.ts'
import { uniqueId } from '../runtime.ts'
import type { Charge } from '../store.ts'
import { type Algorithm, badReceipt, scaledLimit, type Step, type StepOptions } from './algorithm.ts'
import { type Moved, outcomeOf, type Reading, requireReceipt, stepOf, unchanged } from './reading.ts'

/** The live holders, in the order in which they were acquired or renewed. */
export type ConcurrencyState = readonly Holder[]
export interface Holder {
  readonly id: string
  /** µs since the epoch. */
  readonly expires: number
}

const RETRY_HINT = 1_000

class ConcurrencyReading implements Reading<ConcurrencyState> {
  readonly state: ConcurrencyState
  readonly quota: number
  readonly limit: Limit
  readonly now: number
  constructor(live: ConcurrencyState, limit: Limit, now: number) {
    this.state = live
    this.quota = limit.limit
    this.limit = limit
    this.now = now
  }

  available(): number {
    return Math.max(0, this.quota - this.state.length)
  }

  waitFor(units: number): number {
    if (units > this.quota) return Infinity
    return this.state.length + units <= this.quota ? 0 : this.hint()
  }

  /** ms until a holder expires, or the time after which one may well have been released. */
  hint(): number {
    let earliest = Infinity
    for (const { expires } of this.state) earliest = Math.min(earliest, expires)
    return Math.min(this.limit.retryHint ?? RETRY_HINT, ceilMillis(earliest - this.now))
  }

  reset(): number {
    let latest = this.now
    for (const { expires } of this.state) latest = Math.max(latest, expires)
    return ceilMillis(latest - this.now)
  }

  delay(): number {
    return 0
  }

  take(_units: number, options: StepOptions): Moved<ConcurrencyState> {
    // Forced holders end somewhere, or a stuck caller fills the memory.
    if (this.state.length >= 2 * this.quota) return { after: this, units: 0, receipt: undefined }
    const id = options.holder ?? uniqueId()
    return { after: this.with([...this.state, this.holder(id)]), units: 1, receipt: id }
  }

  give(_units: number, charge: Charge): Moved<ConcurrencyState> | undefined {
    requireReceipt(charge)
    const rest = this.state.filter(({ id }) => id !== charge.receipt)
    return rest.length < this.state.length ? { after: this.with(rest), units: 1, receipt: undefined } : undefined
  }

  lives(id: unknown): boolean {
    return this.state.some((holder) => holder.id === id)
  }

  renewed(id: string): ConcurrencyReading {
    return this.with([...this.state.filter((holder) => holder.id !== id), this.holder(id)])
  }

  private holder(id: string): Holder {
    return { id, expires: this.now + (this.limit.window as number) * 1000 }
  }

  private with(live: ConcurrencyState): ConcurrencyReading {
    return new ConcurrencyReading(live, this.limit, this.now)
  }
}

function read(state: ConcurrencyState | undefined, limit: Limit, now: number): ConcurrencyReading {
  return new ConcurrencyReading(
    (state ?? []).filter(({ expires }) => expires > now),
    limit,
    now,
  )
}

const acquireOrRelease = stepOf(read)

function step(state: ConcurrencyState | undefined, charge: Charge, now: number, options: StepOptions): Step<ConcurrencyState> {
  if (charge.cost > 1 || charge.cost < -1) {
    throw invalid(`limit "${charge.limit.name}" (concurrency): cost`, '1 to acquire or -1 to release', charge.cost, 'ERR_COST_INVALID')
  }
  if (charge.cost <= 0) return acquireOrRelease(state, charge, now, options)
  if (charge.receipt !== undefined) return renew(read(state, charge.limit, now), charge, now, options)
  if (options.holder !== undefined && options.how !== 'peek') {
    const current = read(state, charge.limit, now)
    // The same acquisition again: its first reply was lost.
    if (current.lives(options.holder)) return { state: undefined, outcome: outcomeOf(current, now, options, true, 0, 1, options.holder) }
  }
  return acquireOrRelease(state, charge, now, options)
}

/** Only a holder that still lives is renewed: its place may be another's by now. */
function renew(current: ConcurrencyReading, charge: Charge, now: number, options: StepOptions): Step<ConcurrencyState> {
  if (typeof charge.receipt !== 'string') throw badReceipt(charge)
  if (!current.lives(charge.receipt)) {
    // Its place is gone, even where there is room: a wait of 0 would say that it was admitted.
    return unchanged(current, now, options, false, current.waitFor(1) || current.hint(), 0)
  }
  if (options.how === 'peek') return unchanged(current, now, options, true, 0, 1)
  const after = current.renewed(charge.receipt)
  return { state: after.state, outcome: outcomeOf(after, now, options, true, 0, 1, charge.receipt) }
}

/** At most L holders at once; each lives until it is released, or its ttl has passed. */
export const concurrency: Algorithm<ConcurrencyState> & { readonly name: 'concurrency' } = {
  name: 'concurrency',
  denyCacheable: false,
  leasable: false,
  holds: true,
  quota: (limit) => limit.limit,
  windowSeconds: () => undefined,
  scale: scaledLimit,
  variantOf: () => '',
  check: () => undefined,
  step,
}
