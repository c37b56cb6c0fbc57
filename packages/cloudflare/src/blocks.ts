import type { Charge, ConsumeOptions, Outcome } from '@sluice/core'
import { refuseBlocked } from '@sluice/core/store-kit'
import { BLOCK_PREFIX, blockKeyOf, type StateTable } from './state-table.ts'

/** The blocked subjects of one object. They are rows of its table, and in its memory, so that a decision reads no row for them. */
export class Blocks {
  private readonly states: StateTable
  private readonly ends: Map<string, number>

  constructor(states: StateTable) {
    this.states = states
    this.ends = new Map(states.withPrefix(BLOCK_PREFIX) as readonly (readonly [string, number])[])
  }

  /** As `refuseBlocked`: `undefined` if no subject is blocked. `keys`: those of the states of the charges. */
  refuse(
    charges: readonly Charge[],
    keys: readonly string[],
    options: ConsumeOptions,
    at: number,
    source: string,
  ): readonly (Outcome | undefined)[] | undefined {
    if (this.ends.size === 0) return undefined
    return refuseBlocked(charges, options, (_, i) => this.ends.get(blockKeyOf(keys[i] as string)) ?? 0, at, source)
  }

  /**
   * Blocks the subjects for the `cost` of each charge, in ms; 0 ends a block. Returns until when each was blocked before: µs, 0 for none.
   * @param keys those of the states of the charges
   * @param at µs: the time of the decision
   * @param clockNow ms by the object's clock, for the expiry of the row
   */
  set(charges: readonly Charge[], keys: readonly string[], at: number, clockNow: number): readonly number[] {
    // The rows of those that have ended are swept with the others.
    for (const [key, until] of this.ends) if (until <= at) this.ends.delete(key)
    return charges.map((charge, i) => {
      const key = blockKeyOf(keys[i] as string)
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
