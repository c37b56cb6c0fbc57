import { SluiceError } from '../errors.ts'
import type { Limit } from '../limit.ts'
import type { Charge, Outcome, Receipt } from '../store.ts'
import type { Algorithm, Step, StepOptions } from './algorithm.ts'

/** A state as one limit reads it at one instant: all that the rules common to every algorithm need to know of it. */
export interface Reading<S> {
  readonly state: S
  readonly quota: number
  /** Units that fit now, never below 0. */
  available(): number
  /** Whole ms until `units` fit: 0 if they do, `Infinity` if they never will. */
  waitFor(units: number): number
  /** Whole ms until nothing is used any more. */
  reset(): number
  /** Whole ms that a charge taken now waits for its turn. */
  delay(): number
  /** Takes `units` that fit, or as many as a forced charge may; `after` is this very reading when nothing changes. */
  take(units: number, options: StepOptions): Moved<S>
  /** Gives back at most `units`; `undefined` when there is nothing to give back. */
  give(units: number, charge: Charge): Moved<S> | undefined
  /** ms since the epoch by which a unit taken now must be spent, or it counts in another window; absent where there is none. */
  end?(): number
}

/** What a take or a give-back leaves behind. */
export interface Moved<S> {
  readonly after: Reading<S>
  /** Whole units taken or given back. */
  readonly units: number
  readonly receipt: Receipt | undefined
}

/** The step of an algorithm, from how it reads its state: what peek, force, atLeast, refusals and give-backs mean is said once, here. */
export function stepOf<S>(read: (state: S | undefined, limit: Limit, nowMicros: number) => Reading<S>): Algorithm<S>['step'] {
  return (state, charge, now, options) => {
    const current = read(state, charge.limit, now)
    if (charge.cost < 0) return giveBack(current, charge, now, options)
    const wait = current.waitFor(charge.cost)
    const units = grant(current, wait, charge.cost, options)
    if (units === undefined)
      return unchanged(
        current,
        now,
        options,
        false,
        options.atLeast === undefined ? wait : current.waitFor(Math.min(charge.cost, options.atLeast)),
        0,
      )
    const delay = current.delay()
    if (options.how === 'peek') return unchanged(current, now, options, true, 0, units, delay)
    if (units === 0) return unchanged(current, now, options, true, 0, 0, delay)
    const moved = current.take(units, options)
    const outcome = outcomeOf(moved.after, now, options, true, 0, moved.units, moved.units > 0 ? moved.receipt : undefined, delay)
    return {
      state: moved.after === current ? undefined : moved.after.state,
      outcome: moved.units > 0 && options.maxUnits !== undefined ? { ...outcome, leaseFor: leaseFor(moved.after, now, options) } : outcome,
    }
  }
}

/** The units to take: the cost where it fits or is forced, a part of it from `atLeast`, or `undefined` to refuse. */
function grant(current: Reading<unknown>, wait: number, cost: number, options: StepOptions): number | undefined {
  const { atLeast, maxUnits = Infinity } = options
  if ((wait === 0 && cost <= maxUnits) || options.how === 'force') return cost
  if (atLeast === undefined || atLeast < 1) return undefined
  const room = Math.min(current.available(), maxUnits)
  return room >= atLeast ? Math.min(cost, room) : undefined
}

/** Whole ms, rounded down: a lease never outlives its ttl, nor its window. */
function leaseFor(reading: Reading<unknown>, now: number, { lease }: StepOptions): number {
  const end = reading.end?.() ?? Infinity
  return Math.max(0, Math.floor(Math.min(lease?.ttl ?? 0, end - now / 1000)))
}

function giveBack<S>(current: Reading<S>, charge: Charge, now: number, options: StepOptions): Step<S> {
  const moved = options.how === 'peek' ? undefined : current.give(Math.min(-charge.cost, options.maxUnits ?? Infinity), charge)
  if (moved === undefined) return unchanged(current, now, options, true, 0, 0)
  return { state: moved.after.state, outcome: outcomeOf(moved.after, now, options, true, 0, moved.units === 0 ? 0 : -moved.units) }
}

/** Writes nothing, and tells the state as it is. */
export function unchanged<S>(
  current: Reading<S>,
  now: number,
  options: StepOptions,
  allowed: boolean,
  retryAfter: number,
  granted: number,
  delay = 0,
): Step<S> {
  return { state: undefined, outcome: outcomeOf(current, now, options, allowed, retryAfter, granted, undefined, delay) }
}

export function outcomeOf(
  reading: Reading<unknown>,
  at: number,
  options: StepOptions,
  allowed: boolean,
  retryAfter: number,
  granted: number,
  receipt?: Receipt,
  delay = 0,
): Outcome {
  const remaining = reading.available()
  return {
    allowed,
    remaining,
    retryAfter,
    nextAfter: remaining >= reading.quota ? 0 : reading.waitFor(remaining + 1),
    resetAfter: reading.reset(),
    delay,
    source: options.source ?? 'memory',
    at,
    receipt,
    leaseFor: 0,
    granted,
  }
}

/** @throws ERR_RECEIPT_REQUIRED: without one, a give-back could land in another window, or free another's slot */
export function requireReceipt(charge: Charge): void {
  if (charge.receipt !== undefined) return
  const { algorithm, name } = charge.limit
  throw new SluiceError(
    'ERR_RECEIPT_REQUIRED',
    `giving back to limit "${name}" (${algorithm}): expected a receipt, got none; only a bucket takes units back without one`,
  )
}
