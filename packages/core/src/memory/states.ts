import type { Charge, Outcome } from '../store.ts'
import { boundedKey } from '../hashing/bounded-key.ts'
import { type ResolvedLimit, Scopes } from './scopes.ts'
import { CHARGED_ONCE, NO_SLOT, PROTECTED, UNDER_HALF } from './slot-rows.ts'
import { type ScopeTable, Slots } from './slots.ts'

/** Every state of one store, as both paths of a decision find and save it. */
export class States {
  readonly slots: Slots
  readonly scopes: Scopes

  constructor(maxSubjects: number) {
    this.slots = new Slots(maxSubjects)
    this.scopes = new Scopes(this.slots)
  }

  /** The slot of a subject in a table, or `NO_SLOT`. */
  slotOf(table: ScopeTable, subject: string): number {
    return this.slots.find(this.firstOf(table, subject), table)
  }

  /** The first slot of a subject's chain, from which `slots.find` finds its slot in each table of a policy. */
  firstOf({ chains }: ScopeTable, subject: string): number {
    return chains.get(boundedKey(subject)) ?? NO_SLOT
  }

  /** Saves the state after a charge and returns its slot, which is new if `slot` is `NO_SLOT`. Slots in `pinned` are not evicted. */
  save(
    { table, quota }: ResolvedLimit,
    slot: number,
    { subject }: Charge,
    state: unknown,
    outcome: Outcome,
    pinned: readonly unknown[],
  ): number {
    const expiresAt = outcome.at + outcome.resetAfter * 1000
    const isProtected = outcome.remaining * 2 < quota
    if (slot === NO_SLOT) {
      return this.slots.add(table, boundedKey(subject), state, expiresAt, isProtected ? PROTECTED : CHARGED_ONCE, pinned)
    }
    this.slots.update(slot, table, state, expiresAt, isProtected ? PROTECTED : UNDER_HALF)
    return slot
  }

  clear(): void {
    this.slots.clear()
    this.scopes.clear()
  }
}
