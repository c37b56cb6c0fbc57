import type { Charge, Outcome } from '../store.ts'
import type { StepOptions } from './algorithm.ts'
import { algorithmOf } from './registry.ts'

/** What a store tells a whole decision. */
export interface DecideOptions extends StepOptions {
  /** `maxUnits` of charge `i`, asked when those before it have been stepped: they may draw on the same ceiling. */
  readonly maxUnitsOf?: ((i: number, earlier: readonly Outcome[]) => number | undefined) | undefined
}

export interface Decided {
  readonly outcomes: readonly Outcome[]
  /** The states to write, in the order of the charges: `undefined` writes nothing. Absent when the decision was refused. */
  readonly states: readonly unknown[] | undefined
}

/**
 * Steps every charge, each seeing what those before it would leave, and gives the states to write only if all were allowed.
 * `places` names where each state lives: equal places are one state. `current` are the states as they are.
 */
export function decide(
  charges: readonly Charge[],
  places: readonly unknown[],
  current: readonly unknown[],
  now: number,
  options: DecideOptions,
): Decided {
  const outcomes: Outcome[] = []
  const states: unknown[] = []
  let refused = false
  for (let i = 0; i < charges.length; i++) {
    const charge = charges[i] as Charge
    const step = algorithmOf(charge.limit).step(latest(i, places, states) ?? current[i], charge, now, optionsOf(i, options, outcomes))
    outcomes.push(step.outcome)
    states.push(step.state)
    refused ||= !step.outcome.allowed
  }
  if (!refused) return { outcomes, states }
  if (charges.length > 1) tellUnchanged(outcomes, charges, current, now, options)
  return { outcomes, states: undefined }
}

/** Each holder of a decision has an id of its own, and each lease is bounded by what those before it left. */
function optionsOf(i: number, options: DecideOptions, earlier: readonly Outcome[]): StepOptions {
  const { holder, maxUnitsOf } = options
  if (holder === undefined && maxUnitsOf === undefined) return options
  return { ...options, holder: holder === undefined ? undefined : holderOf(holder, i), maxUnits: maxUnitsOf?.(i, earlier) }
}

/** The id of the holder that charge `i` of a decision would acquire. */
export function holderOf(decision: string, i: number): string {
  return `${decision}.${i}`
}

/** What an earlier charge of this decision leaves in the same place. */
function latest(i: number, places: readonly unknown[], states: readonly unknown[]): unknown {
  for (let j = i - 1; j >= 0; j--) {
    if (places[j] === places[i] && states[j] !== undefined) return states[j]
  }
  return undefined
}

/** A limit that had room was not charged: it tells its state as it still is. */
function tellUnchanged(
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
