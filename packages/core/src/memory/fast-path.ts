import type { Charge, ConsumeOptions, Outcome } from '../store.ts'
import type { Chains } from './chains.ts'
import { isSharedReceipt } from './overflow.ts'
import type { ResolvedLimit } from './scopes.ts'
import { NO_SLOT } from './slot-rows.ts'
import type { States } from './states.ts'

/**
 * Decides most requests: each charge has a state of its own in another table, the new states fit, and all charges are allowed or
 * there is only one. The full path would return the same outcomes and write the same states, with more objects.
 */
export class FastPath {
  private readonly states: States
  // By charge. Kept from call to call, so that a decision does not allocate them.
  private readonly limits: ResolvedLimit[] = []
  private readonly slots: number[] = []
  /** The states to write; a reader holds its own. */
  private readonly nextStates: unknown[] = []

  constructor(states: States) {
    this.states = states
  }

  /** Returns the outcomes. Returns `undefined`, and has written nothing, if only the full path can decide. */
  decide(charges: readonly Charge[], now: number, options: ConsumeOptions): readonly Outcome[] | undefined {
    return (charges.length === 1 ? this.decideOne(charges[0] as Charge, now, options) : undefined) ?? this.decideAny(charges, now, options)
  }

  /** One charge of a subject that has a state. Apart from `decideAny`, which is too long for V8 to inline it into each decision. */
  private decideOne(charge: Charge, now: number, options: ConsumeOptions): readonly Outcome[] | undefined {
    const { states } = this
    const { slots } = states
    const resolved = states.scopes.resolve(charge, 0)
    const { reader } = resolved.table
    const slot = states.slotOf(resolved.table, charge.subject)
    if (slot === NO_SLOT || reader === undefined || isSharedReceipt(charge.receipt)) return undefined
    const outcome = reader.decide(slots.numbers, slots.stateOffset(slot), charge, now, options)
    if (reader.isChanged) states.saveRow(resolved, slot, reader, outcome)
    return [outcome]
  }

  private decideAny(charges: readonly Charge[], now: number, options: ConsumeOptions): readonly Outcome[] | undefined {
    const { states, limits, slots, nextStates } = this
    const count = charges.length
    // All charges would have to take the same number.
    if (count > 1 && options.atLeast !== undefined) return undefined
    // Of exactly this length: a list that grows by `push` reserves seventeen entries, and `Array.from` is slower.
    // oxlint-disable-next-line unicorn/no-new-array
    const outcomes = new Array<Outcome>(count)
    let added = 0
    let chains: Chains | undefined
    let subject = ''
    let first = NO_SLOT
    for (let i = 0; i < count; i++) {
      const charge = charges[i] as Charge
      const resolved = states.scopes.resolve(charge, i)
      const { algorithm, table } = resolved
      if (isSharedReceipt(charge.receipt) || this.isRepeated(resolved, i)) return undefined
      // The limits of one policy share the chain of a subject.
      if (table.chains !== chains || charge.subject !== subject) {
        chains = table.chains
        subject = charge.subject
        first = states.firstOf(table, subject)
      }
      const slot = states.slots.find(first, table)
      if (slot === NO_SLOT) added += 1
      const { reader } = table
      let outcome: Outcome
      let next: unknown
      if (slot !== NO_SLOT && reader !== undefined) {
        outcome = reader.decide(states.slots.numbers, states.slots.stateOffset(slot), charge, now, options)
        next = reader.isChanged ? reader : undefined
      } else {
        const current = slot === NO_SLOT ? undefined : states.slots.state(slot, table)
        ;({ outcome, state: next } = algorithm.step(current, charge, now, options))
      }
      // One refusal among several charges changes the outcomes of the others.
      if (!outcome.allowed && count > 1) return undefined
      // Writing an unchanged entry would cost a write barrier.
      if (limits[i] !== resolved) limits[i] = resolved
      if (nextStates[i] !== next) nextStates[i] = next
      slots[i] = slot
      outcomes[i] = outcome
    }
    if (states.slots.size + added > states.slots.max) return undefined
    for (let i = 0; i < count; i++) {
      if (nextStates[i] !== undefined) this.save(i, charges[i] as Charge, outcomes[i] as Outcome)
    }
    return outcomes
  }

  private save(i: number, charge: Charge, outcome: Outcome): void {
    const { states } = this
    const resolved = this.limits[i] as ResolvedLimit
    const { reader } = resolved.table
    const slot = this.slots[i] as number
    const next = this.nextStates[i]
    if (reader !== undefined && next === reader) states.saveRow(resolved, slot, reader, outcome)
    else states.save(resolved, slot, charge, next, outcome, NONE_PINNED)
  }

  /** Whether an earlier charge of the decision has the same table, so that the table's reader still holds its next state. */
  private isRepeated({ table }: ResolvedLimit, i: number): boolean {
    const { limits } = this
    for (let j = 0; j < i; j++) if (limits[j]?.table === table) return true
    return false
  }
}

/** Nothing is evicted here: the new states fit. */
const NONE_PINNED: readonly unknown[] = []
