import type { Charge, ConsumeOptions, Outcome } from '../store.ts'
import type { Chains } from './chains.ts'
import { isSharedReceipt } from './overflow.ts'
import type { ResolvedLimit } from './scopes.ts'
import { NO_SLOT } from './slot-rows.ts'
import type { States } from './states.ts'

/**
 * Decides most requests: each charge has a state of its own, the new states fit, and all charges are allowed or there is
 * only one. The full path would return the same outcomes and write the same states, with more objects.
 */
export class FastPath {
  private readonly states: States
  // By charge. Kept from call to call, so that a decision does not allocate them.
  private readonly limits: ResolvedLimit[] = []
  private readonly slots: number[] = []
  private readonly nextStates: unknown[] = []

  constructor(states: States) {
    this.states = states
  }

  /** Returns the outcomes. Returns `undefined`, and has written nothing, if only the full path can decide. */
  decide(charges: readonly Charge[], now: number, options: ConsumeOptions): readonly Outcome[] | undefined {
    const { states, limits, slots, nextStates } = this
    const count = charges.length
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
      if (isSharedReceipt(charge.receipt) || (i > 0 && this.isRepeated(charges, resolved, i))) return undefined
      // The limits of one policy share the chain of a subject.
      if (table.chains !== chains || charge.subject !== subject) {
        chains = table.chains
        subject = charge.subject
        first = states.firstOf(table, subject)
      }
      const slot = states.slots.find(first, table)
      if (slot === NO_SLOT) added += 1
      const { outcome, state } = algorithm.step(slot === NO_SLOT ? undefined : states.slots.peekState(slot, table), charge, now, options)
      if (count === 1) {
        if (states.slots.size + added > states.slots.max) return undefined
        if (state !== undefined) states.save(resolved, slot, charge, state, outcome, NONE_PINNED)
        outcomes[0] = outcome
        return outcomes
      }
      // One refusal among several charges changes the outcomes of the others.
      if (!outcome.allowed) return undefined
      // Writing an unchanged entry would cost a write barrier.
      if (limits[i] !== resolved) limits[i] = resolved
      slots[i] = slot
      nextStates[i] = state
      outcomes[i] = outcome
    }
    if (states.slots.size + added > states.slots.max) return undefined
    for (let i = 0; i < count; i++) {
      const state = nextStates[i]
      if (state === undefined) continue
      states.save(limits[i] as ResolvedLimit, slots[i] as number, charges[i] as Charge, state, outcomes[i] as Outcome, NONE_PINNED)
    }
    return outcomes
  }

  /** Whether an earlier charge of the decision has the same state. */
  private isRepeated(charges: readonly Charge[], { table }: ResolvedLimit, i: number): boolean {
    const { limits } = this
    const { subject } = charges[i] as Charge
    for (let j = 0; j < i; j++) if (limits[j]?.table === table && charges[j]?.subject === subject) return true
    return false
  }
}

/** Nothing is evicted here: the new states fit. */
const NONE_PINNED: readonly unknown[] = []
