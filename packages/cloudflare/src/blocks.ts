import type { Charge, ConsumeOptions, Outcome } from '@sluice/core'
import { refuseBlocked, splitScope } from '@sluice/core/store-kit'
import type { StateTable } from './state-table.ts'

/** The blocked subjects of one object. They are rows of its table, and in its memory, so that a decision reads no row for them. */
export class Blocks {
  private readonly states: StateTable
  private readonly ends: Map<string, number>

  constructor(states: StateTable) {
    this.states = states
    this.ends = new Map(states.withPrefix(PREFIX) as readonly (readonly [string, number])[])
  }

  /** As `refuseBlocked`: `undefined` if no subject is blocked. */
  refuse(charges: readonly Charge[], options: ConsumeOptions, at: number, source: string): readonly (Outcome | undefined)[] | undefined {
    if (this.ends.size === 0) return undefined
    return refuseBlocked(charges, options, (charge) => this.ends.get(keyOf(charge)) ?? 0, at, source)
  }

  /**
   * Blocks the subjects for the `cost` of each charge, in ms; 0 ends a block. Returns until when each was blocked before: µs, 0 for none.
   * @param at µs: the time of the decision
   * @param clockNow ms by the object's clock, for the expiry of the row
   */
  set(charges: readonly Charge[], at: number, clockNow: number): readonly number[] {
    // The rows of those that have ended are swept with the others.
    for (const [key, until] of this.ends) if (until <= at) this.ends.delete(key)
    return charges.map((charge) => {
      const key = keyOf(charge)
      const before = this.ends.get(key) ?? 0
      if (charge.cost > 0) {
        const until = at + charge.cost * 1000
        this.ends.set(key, until)
        this.states.write(key, until, clockNow + charge.cost)
      } else if (before > 0) {
        this.ends.delete(key)
        this.states.remove(key)
      }
      return before
    })
  }
}

/** The key of no state begins so. */
const PREFIX = 'block:'

/** The whole subject, since a block is set by hand. */
function keyOf({ scope, subject }: Charge): string {
  return PREFIX + JSON.stringify([splitScope(scope).policy, subject])
}
