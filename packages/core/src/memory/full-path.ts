import { decide } from '../algorithms/decide.ts'
import type { Charge, ConsumeOptions, Outcome } from '../store.ts'
import { deniedOutcome, isSharedReceipt, type Overflow, withPlainReceipt } from './overflow.ts'
import type { ResolvedLimit } from './scopes.ts'
import { NO_SLOT } from './slot-rows.ts'
import type { ScopeTable } from './slots.ts'
import type { States } from './states.ts'

/** Names the state of one charge: a slot, a text for a state that has no slot yet, or a table for its shared state. */
type StateRef = number | string | ScopeTable

/** Decides any request, such as one with several charges on one state, with a refusal among several, or on a full store. */
export class FullPath {
  private readonly states: States
  private readonly overflow: Overflow

  constructor(states: States, overflow: Overflow) {
    this.states = states
    this.overflow = overflow
  }

  decide(given: readonly Charge[], now: number, options: ConsumeOptions): readonly Outcome[] {
    const limits = given.map((charge, i) => this.states.scopes.resolve(charge, i))
    const refs = this.locate(given, limits, now)
    const charges = given.map(withPlainReceipt)
    const current = refs.map((ref, i) => this.load(ref, limits[i] as ResolvedLimit))
    const isFull = refs.some(isShared)
    if (isFull && this.overflow.mode === 'deny' && options.how !== 'force' && options.how !== 'credit') {
      const { outcomes } = decide(charges, refs, current, now, { ...options, how: 'peek' })
      return outcomes.map((outcome, i) => (isShared(refs[i]) ? deniedOutcome(outcome) : { ...outcome, granted: 0 }))
    }
    const { outcomes, states } = decide(charges, refs, current, now, options)
    if (states !== undefined) this.save(charges, limits, refs, states, outcomes)
    return isFull ? outcomes.map((outcome, i) => (isShared(refs[i]) ? this.overflow.withSharedReceipt(outcome) : outcome)) : outcomes
  }

  private locate(charges: readonly Charge[], limits: readonly ResolvedLimit[], now: number): StateRef[] {
    const slots = charges.map(({ subject, receipt }, i) =>
      isSharedReceipt(receipt) ? NO_SLOT : this.states.slotOf((limits[i] as ResolvedLimit).table, subject),
    )
    const room = this.roomBeside(slots)
    const added = new Set<string>()
    return charges.map(({ subject, receipt }, i) => {
      const { table } = limits[i] as ResolvedLimit
      const slot = slots[i] as number
      if (isSharedReceipt(receipt)) return table
      return slot === NO_SLOT ? this.locateNew(subject, table, added, room, now) : slot
    })
  }

  /** How many new states fit beside these slots: those of a decision are not evicted for it, neither before nor after their own charge. */
  private roomBeside(found: readonly number[]): number {
    const { slots } = this.states
    return slots.spare - new Set(found.filter((slot) => slot !== NO_SLOT && slots.isEvictable(slot))).size
  }

  /** A new state if the store can keep one more than this decision already adds, else the shared one. `added`: the names of the new states. */
  private locateNew(subject: string, table: ScopeTable, added: Set<string>, room: number, now: number): StateRef {
    const name = `${table.id} ${subject}`
    if (added.has(name)) return name
    if (added.size < room) {
      added.add(name)
      return name
    }
    this.overflow.report(now)
    return table
  }

  private load(ref: StateRef, { table }: ResolvedLimit): unknown {
    if (typeof ref === 'number') return this.states.slots.state(ref, table)
    return isShared(ref) ? ref.shared : undefined
  }

  private save(
    charges: readonly Charge[],
    limits: readonly ResolvedLimit[],
    refs: StateRef[],
    states: readonly unknown[],
    outcomes: readonly Outcome[],
  ): void {
    for (let i = 0; i < charges.length; i++) {
      const state = states[i]
      const ref = refs[i] as StateRef
      if (state === undefined) continue
      if (isShared(ref)) {
        if (this.overflow.mode === 'shared') ref.shared = state
        continue
      }
      const charge = charges[i] as Charge
      const resolved = limits[i] as ResolvedLimit
      // A new subject that an earlier charge of this decision has saved has a slot by now.
      const slot = typeof ref === 'number' ? ref : this.states.slotOf(resolved.table, charge.subject)
      refs[i] = this.states.save(resolved, slot, charge, state, outcomes[i] as Outcome, refs)
    }
  }
}

function isShared(ref: StateRef | undefined): ref is ScopeTable {
  return typeof ref === 'object'
}
