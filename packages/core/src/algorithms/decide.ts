import type { Charge, Outcome } from '../store.ts'
import type { StepOptions } from './algorithm.ts'
import { algorithmOf } from './registry.ts'

export interface DecideOptions extends StepOptions {
  /**
   * The `maxUnits` of charge `i`, for a store that grants leases. Called after the charges before it were decided: `earlier`
   * are their outcomes, since leases of one decision can draw on the same ceiling.
   */
  readonly maxUnitsOf?: ((i: number, earlier: readonly Outcome[]) => number | undefined) | undefined
}

export interface DecideResult {
  /** One for each charge, in order. */
  readonly outcomes: readonly Outcome[]
  /** The states to write, one for each charge; an `undefined` entry writes nothing. Absent when the decision was refused. */
  readonly states: readonly unknown[] | undefined
}

/**
 * Decides all charges or none. Each charge sees the states that the charges before it would leave. If one is refused, the store
 * must write nothing. With `atLeast`, all take the same number of units: as many as every charge can.
 *
 * `stateIds`: charges with equal ids share a state. `current`: the stored state of each charge; `undefined` for an unused subject.
 */
export function decide(
  charges: readonly Charge[],
  stateIds: readonly unknown[],
  current: readonly unknown[],
  now: number,
  options: DecideOptions,
): DecideResult {
  const result = decideOnce(charges, stateIds, current, now, options)
  const { atLeast = 0, how, lease } = options
  if (atLeast < 1 || charges.length === 1 || how === 'force' || lease !== undefined || result.outcomes.some(({ allowed }) => !allowed))
    return result
  const units = unitsOfAll(charges, result.outcomes)
  if (charges.every((charge, i) => !isPart(charge) || (result.outcomes[i] as Outcome).granted <= units)) return result
  return decideOnce(cappedAt(units, charges), stateIds, current, now, options)
}

/** The charges with at most so many units each. */
export function cappedAt(units: number, charges: readonly Charge[]): readonly Charge[] {
  return charges.map((charge) => (isPart(charge) && charge.cost > units ? { ...charge, cost: units } : charge))
}

/** The most units that each charge that takes units was granted, or would be. */
export function unitsOfAll(charges: readonly Charge[], outcomes: readonly (Outcome | undefined)[]): number {
  let units = Infinity
  for (const [i, charge] of charges.entries()) {
    const outcome = outcomes[i]
    // A cost of 1 is granted whole or not at all: that of a holder is never more.
    if (outcome !== undefined && isPart(charge)) units = Math.min(units, outcome.granted)
  }
  return units
}

/** Whether a part of the cost can be granted. */
function isPart({ cost, receipt }: Charge): boolean {
  return cost > 1 && receipt === undefined
}

function decideOnce(
  charges: readonly Charge[],
  stateIds: readonly unknown[],
  current: readonly unknown[],
  now: number,
  options: DecideOptions,
): DecideResult {
  const outcomes: Outcome[] = []
  const states: unknown[] = []
  let refused = false
  for (let i = 0; i < charges.length; i++) {
    const charge = charges[i] as Charge
    const state = latestState(i, stateIds, states) ?? current[i]
    const step = algorithmOf(charge.limit).step(state, charge, now, stepOptions(i, options, outcomes))
    outcomes.push(step.outcome)
    states.push(step.state)
    refused ||= !step.outcome.allowed
  }
  if (!refused) return { outcomes, states }
  if (charges.length > 1) undoAllowed(outcomes, charges, current, now, options)
  return { outcomes, states: undefined }
}

/** Each holder of a decision needs a different id. Each lease may take only what the leases before it left. */
function stepOptions(i: number, options: DecideOptions, earlier: readonly Outcome[]): StepOptions {
  const { holder, maxUnitsOf } = options
  if (holder === undefined && maxUnitsOf === undefined) return options
  return { ...options, holder: holder === undefined ? undefined : holderOf(holder, i), maxUnits: maxUnitsOf?.(i, earlier) }
}

/** The id of the holder that charge `i` of a decision would acquire. */
export function holderOf(decision: string, i: number): string {
  return `${decision}.${i}`
}

/** The state that an earlier charge of this decision leaves, if one shares the state of charge `i`. */
function latestState(i: number, stateIds: readonly unknown[], states: readonly unknown[]): unknown {
  for (let j = i - 1; j >= 0; j--) {
    if (stateIds[j] === stateIds[i] && states[j] !== undefined) return states[j]
  }
  return undefined
}

/** Replaces the outcomes of allowed charges: in a refused decision they were not charged, so they describe the state as it was. */
function undoAllowed(
  outcomes: Outcome[],
  charges: readonly Charge[],
  current: readonly unknown[],
  now: number,
  options: StepOptions,
): void {
  for (let i = 0; i < charges.length; i++) {
    if (outcomes[i]?.allowed !== true) continue
    const charge = charges[i] as Charge
    const { outcome } = algorithmOf(charge.limit).step(current[i], charge, now, { ...options, how: 'peek' })
    outcomes[i] = { ...outcome, granted: 0 }
  }
}
