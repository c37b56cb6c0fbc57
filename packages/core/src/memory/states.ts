import type { RowReader } from '../algorithms/algorithm.ts'
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
  save(resolved: ResolvedLimit, slot: number, { subject }: Charge, state: unknown, outcome: Outcome, pinned: readonly unknown[]): number {
    if (slot === NO_SLOT) {
      const rank = isOverHalf(outcome, resolved) ? PROTECTED : CHARGED_ONCE
      return this.slots.add(resolved.table, boundedKey(subject), state, expiryOf(outcome, resolved), rank, pinned)
    }
    this.slots.update(slot, resolved.table, state, expiryOf(outcome, resolved), isOverHalf(outcome, resolved) ? PROTECTED : UNDER_HALF)
    return slot
  }

  /** Saves the state that a reader holds in the slot that it was read from. */
  saveRow(resolved: ResolvedLimit, slot: number, reader: RowReader, outcome: Outcome): void {
    this.slots.updateRow(slot, resolved.table, reader, expiryOf(outcome, resolved), isOverHalf(outcome, resolved) ? PROTECTED : UNDER_HALF)
  }

  /** Forgets the scopes for which `isRetired`. Their states count as expired, so the sweep removes them. */
  retire(isRetired: (scope: string) => boolean): void {
    this.slots.expire(this.scopes.retire(isRetired))
  }

  clear(): void {
    this.slots.clear()
    this.scopes.clear()
  }
}

function expiryOf({ at, resetAfter }: Outcome, { keepFor }: ResolvedLimit): number {
  return at + resetAfter * 1000 + keepFor
}

function isOverHalf({ remaining }: Outcome, { quota }: ResolvedLimit): boolean {
  return remaining * 2 < quota
}
