import type { Limit } from '../limit.ts'
import type { Charge, Outcome, Receipt } from '../store.ts'
import type { Algorithm, Step, StepOptions } from './algorithm.ts'

/**
 * A state as one limit reads it at one instant. An algorithm implements this, and `createStep` makes a step of it: what
 * `peek`, `force`, `atLeast`, refusals and give-backs mean is the same for all algorithms.
 *
 * Readings are immutable. All durations are whole milliseconds, rounded up.
 */
export interface Reading<S> {
  /** The state to write. */
  readonly state: S
  /** The most units that an unused subject is admitted at once. */
  readonly quota: number
  /** Units that are admitted now, never below 0. */
  available(): number
  /** Time until `units` are admitted, if nothing else is taken: 0 if they are admitted now, `Infinity` if they never are. */
  waitFor(units: number): number
  /** Time until the state is that of an unused subject. */
  resetAfter(): number
  /** How long a charge that is admitted now must wait for its turn in a queue; else 0. */
  delay(): number
  /** Takes `units`, which are available unless the charge is forced. A forced charge takes at most what the limit's debt allows. */
  take(units: number, options: StepOptions): Change<S>
  /** Gives back at most `units` of what the receipt of the charge took; `undefined` if there is nothing to give back. */
  giveBack(units: number, charge: Charge): Change<S> | undefined
  /** The end of the current window, in ms since the epoch: a lease must be spent before. Absent where there is no window. */
  windowEnd?(): number
}

/** What a charge or a give-back does to a state. */
export interface Change<S> {
  /** The reading afterwards; the same object as before if nothing changed. */
  readonly after: Reading<S>
  /** Whole units that were taken or given back. */
  readonly units: number
  /** Gives back what was taken; `undefined` if nothing can be given back. */
  readonly receipt: Receipt | undefined
}

/** Makes the `step` of an algorithm from `read`, which reads a state under a limit at an instant. */
export function createStep<S>(read: (state: S | undefined, limit: Limit, nowMicros: number) => Reading<S>): Algorithm<S>['step'] {
  return (state, charge, now, options) => {
    const current = read(state, charge.limit, now)
    if (charge.cost < 0) return giveBack(current, charge, now, options)
    const wait = current.waitFor(charge.cost)
    const units = unitsToTake(current, wait, charge.cost, options)
    if (units === undefined) {
      const { atLeast } = options
      return refusal(current, now, options, atLeast === undefined ? wait : current.waitFor(Math.min(charge.cost, atLeast)))
    }
    const delay = current.delay()
    if (options.how === 'peek' || units === 0) return unchanged(current, now, options, units, delay)
    const change = current.take(units, options)
    const receipt = change.units > 0 ? change.receipt : undefined
    const outcome = outcomeOf(change.after, now, options, true, 0, change.units, receipt, delay)
    return {
      state: change.after === current ? undefined : change.after.state,
      outcome:
        change.units > 0 && options.maxUnits !== undefined ? { ...outcome, leaseFor: leaseFor(change.after, now, options) } : outcome,
    }
  }
}

/** The whole cost if it is admitted or forced; a part of it if `atLeast` allows that; `undefined`: refuse. */
function unitsToTake(current: Reading<unknown>, wait: number, cost: number, options: StepOptions): number | undefined {
  const { atLeast, maxUnits = Infinity } = options
  if ((wait === 0 && cost <= maxUnits) || options.how === 'force') return cost
  if (atLeast === undefined || atLeast < 1) return undefined
  const available = Math.min(current.available(), maxUnits)
  return available >= atLeast ? Math.min(cost, available) : undefined
}

/** Milliseconds, rounded down, so that a lease ends with its ttl or its window, whichever is first. */
function leaseFor(reading: Reading<unknown>, now: number, { lease }: StepOptions): number {
  const end = reading.windowEnd?.() ?? Infinity
  return Math.max(0, Math.floor(Math.min(lease?.ttl ?? 0, end - now / 1000)))
}

function giveBack<S>(current: Reading<S>, charge: Charge, now: number, options: StepOptions): Step<S> {
  const change = options.how === 'peek' ? undefined : current.giveBack(Math.min(-charge.cost, options.maxUnits ?? Infinity), charge)
  if (change === undefined) return unchanged(current, now, options, 0, 0)
  // Never −0, which `Object.is` distinguishes from 0.
  const granted = change.units === 0 ? 0 : -change.units
  return { state: change.after.state, outcome: outcomeOf(change.after, now, options, true, 0, granted, undefined, 0) }
}

/** Admits without writing: a peek, a charge of nothing, or a give-back that has nothing to give. */
export function unchanged<S>(current: Reading<S>, now: number, options: StepOptions, granted: number, delay: number): Step<S> {
  return { state: undefined, outcome: outcomeOf(current, now, options, true, 0, granted, undefined, delay) }
}

export function refusal<S>(current: Reading<S>, now: number, options: StepOptions, retryAfter: number): Step<S> {
  return { state: undefined, outcome: outcomeOf(current, now, options, false, retryAfter, 0, undefined, 0) }
}

/** The outcome of a charge after which the state is read as `reading`. */
export function outcomeOf(
  reading: Reading<unknown>,
  at: number,
  options: StepOptions,
  allowed: boolean,
  retryAfter: number,
  granted: number,
  receipt: Receipt | undefined,
  delay: number,
): Outcome {
  const remaining = reading.available()
  return {
    allowed,
    remaining,
    retryAfter,
    nextAfter: remaining >= reading.quota ? 0 : reading.waitFor(remaining + 1),
    resetAfter: reading.resetAfter(),
    delay,
    source: options.source ?? 'memory',
    at,
    receipt,
    leaseFor: 0,
    granted,
  }
}
