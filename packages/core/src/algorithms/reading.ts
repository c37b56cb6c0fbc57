import type { Limit } from '../limit.ts'
import type { Charge, Outcome, Receipt } from '../store.ts'
import type { Algorithm, RowReader, StepOptions } from './algorithm.ts'

/**
 * A state as one limit reads it at one instant. An algorithm implements this, and `createStep` makes a step of it: what
 * `peek`, `force`, `atLeast`, refusals and give-backs mean is the same for all algorithms.
 *
 * `load`, `take` and `giveBack` change the reading in place: a decision allocates none. All durations are whole milliseconds, rounded up.
 */
export interface Reading<S> {
  /** Reads a state under a limit at an instant. Forgets what was read before. */
  load(state: S | undefined, limit: Limit, nowMicros: number): void
  /** The state to write: immutable, and new after each change. */
  readonly state: S
  /** Whether the last charge changed the state. Set by the decision, not by the algorithm. */
  isChanged: boolean
  /** The most units that an unused subject is admitted at once. */
  readonly quota: number
  /** Units counted now: 0 for an unused subject, and above the quota after forced charges. */
  used(): number
  /** Time until `units` are admitted, if nothing else is taken: 0 if they are admitted now, `Infinity` if they never are. */
  waitFor(units: number): number
  /** Time until the state is that of an unused subject. */
  resetAfter(): number
  /** How long a charge of `units` that is admitted now must wait before it goes on. */
  delay(units: number): number
  /**
   * Takes `units`, which are available unless the charge is forced. A forced charge takes at most what the limit's debt allows.
   * Returns the whole units taken; `undefined` if nothing changed.
   */
  take(units: number, options: StepOptions): number | undefined
  /** The receipt of the units, 1 or more, that `take` has just taken. */
  receipt(units: number): Receipt
  /** Gives back at most `units` of what the receipt of the charge took. Returns the units; `undefined` if nothing changed. */
  giveBack(units: number, charge: Charge): number | undefined
  /**
   * As `giveBack`, of what is counted now, without a receipt. Absent where each unit belongs to a charge, and where `giveBack` needs no
   * receipt.
   */
  credit?(units: number): number | undefined
  /** The end of the current window, in ms since the epoch: a lease must be spent before. Absent where there is no window. */
  windowEnd?(): number
}

/** A reading of a state that can be in a row. */
export interface RowReading<S> extends Reading<S> {
  /** As `load`, from a row. */
  loadRow(row: Float64Array, offset: number, limit: Limit, nowMicros: number): void
  /** Writes the state into a row. */
  saveRow(row: Float64Array, offset: number): void
}

/** Makes the `step` of an algorithm from its reading. One reading serves all steps, because each step ends before the next begins. */
export function createStep<S>(current: Reading<S>): Algorithm<S>['step'] {
  return (state, charge, now, options) => {
    current.load(state, charge.limit, now)
    const outcome = decideCharge(current, charge, now, options)
    return { state: current.isChanged ? current.state : undefined, outcome }
  }
}

/** Decides on rows by the same rules as `createStep`. */
export class ReadingReader implements RowReader {
  private readonly reading: RowReading<unknown>

  constructor(reading: RowReading<unknown>) {
    this.reading = reading
  }

  decide(row: Float64Array, offset: number, charge: Charge, now: number, options: StepOptions): Outcome {
    const { reading } = this
    reading.loadRow(row, offset, charge.limit, now)
    return decideCharge(reading, charge, now, options)
  }

  get isChanged(): boolean {
    return this.reading.isChanged
  }

  save(row: Float64Array, offset: number): void {
    this.reading.saveRow(row, offset)
  }
}

/** Decides a charge on the state that was loaded. */
function decideCharge(current: Reading<unknown>, charge: Charge, now: number, options: StepOptions): Outcome {
  const { cost } = charge
  current.isChanged = false
  if (cost < 0) return giveBack(current, charge, now, options)
  const wait = current.waitFor(cost)
  const units = wait === 0 && options.maxUnits === undefined ? cost : unitsToTake(current, wait, cost, options)
  if (units === undefined) return refusal(current, now, options, waitForLeast(current, wait, cost, options))
  const delay = current.delay(units)
  if (options.how === 'peek' || units === 0) return unchanged(current, now, options, units, delay)
  const taken = current.take(units, options)
  if (taken === undefined) return unchanged(current, now, options, 0, delay)
  current.isChanged = true
  const outcome = outcomeOf(current, now, options, true, 0, taken, taken > 0 ? current.receipt(taken) : undefined, delay)
  return options.maxUnits === undefined ? outcome : withLease(outcome, current, options)
}

/** The whole cost if it is admitted or forced; a part of it if `atLeast` allows that; `undefined`: refuse. */
function unitsToTake(
  current: Reading<unknown>,
  wait: number,
  cost: number,
  { how, atLeast, maxUnits = Infinity }: StepOptions,
): number | undefined {
  if (how === 'force' || how === 'credit' || (wait === 0 && cost <= maxUnits)) return cost
  if (atLeast === undefined || atLeast < 1) return undefined
  const available = Math.min(availableOf(current), maxUnits)
  return available >= atLeast ? Math.min(cost, available) : undefined
}

/** Time until as many units are admitted as the caller needs at least. `wait`: until all are. */
function waitForLeast(current: Reading<unknown>, wait: number, cost: number, { atLeast }: StepOptions): number {
  return atLeast === undefined ? wait : current.waitFor(Math.min(cost, atLeast))
}

/** Adds the duration of a lease, rounded down, so that it ends with its ttl or its window, whichever is first. */
function withLease(outcome: Outcome, reading: Reading<unknown>, { lease }: StepOptions): Outcome {
  if (outcome.granted === 0) return outcome
  const end = reading.windowEnd?.() ?? Infinity
  return { ...outcome, leaseFor: Math.max(0, Math.floor(Math.min(lease?.ttl ?? 0, end - outcome.at / 1000))) }
}

function giveBack(current: Reading<unknown>, charge: Charge, now: number, options: StepOptions): Outcome {
  const units = Math.min(-charge.cost, options.maxUnits ?? Infinity)
  const isCredit = options.how === 'credit' && charge.receipt === undefined && current.credit !== undefined
  const back = options.how === 'peek' ? undefined : isCredit ? current.credit?.(units) : current.giveBack(units, charge)
  if (back === undefined) return unchanged(current, now, options, 0, 0)
  current.isChanged = true
  // Never −0, which `Object.is` distinguishes from 0.
  return outcomeOf(current, now, options, true, 0, back === 0 ? 0 : -back, undefined, 0)
}

/** Admits without writing: a peek, a charge of nothing, or a give-back that has nothing to give. */
export function unchanged(current: Reading<unknown>, now: number, options: StepOptions, granted: number, delay: number): Outcome {
  return outcomeOf(current, now, options, true, 0, granted, undefined, delay)
}

export function refusal(current: Reading<unknown>, now: number, options: StepOptions, retryAfter: number): Outcome {
  return outcomeOf(current, now, options, false, retryAfter, 0, undefined, 0)
}

/** Units that are admitted now, never below 0. */
function availableOf(reading: Reading<unknown>): number {
  return Math.max(0, reading.quota - reading.used())
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
  const used = reading.used()
  const remaining = Math.max(0, reading.quota - used)
  return {
    allowed,
    remaining,
    used: Math.max(0, used),
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
