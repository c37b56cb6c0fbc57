import type { States } from './states.ts'

/** Slots examined for each charge. More than one, so that reclaiming is faster than adding. */
const STEPS_PER_CHARGE = 2
/** Slots examined for each decision while the store is full. */
const STEPS_WHEN_FULL = 16
/** Microseconds for which an expired state is kept, in case the clock steps back. A full store removes expired states at once. */
const GRACE = 60_000_000

/** Removes expired states without a timer: each decision examines a bounded number of slots. */
export class Sweep {
  private readonly states: States
  private position = 0

  constructor(states: States) {
    this.states = states
  }

  /** Call this before a decision finds its slots: they must stay until the decision is made. */
  run(charges: number, now: number): void {
    const { scopes, slots } = this.states
    scopes.prune()
    if (slots.size + charges > slots.max) this.examine(STEPS_WHEN_FULL, now)
    else this.examine(STEPS_PER_CHARGE * charges, now - GRACE)
  }

  private examine(steps: number, horizon: number): void {
    const { slots } = this.states
    for (let i = Math.min(steps, slots.length); i > 0; i--) {
      if (this.position >= slots.length) this.position = 0
      const slot = this.position++
      if (slots.expiresAt(slot) <= horizon) slots.remove(slot)
    }
  }
}
