import type { Charge, Outcome, Receipt } from './store.ts'

/** Units that one charge took, less those that were given back. */
interface Taken {
  readonly receipt: Receipt | undefined
  units: number
}

/**
 * What one charge of a decision has taken so far. A decision can be settled again, and stores count units without their requests: so the
 * limiter makes sure that each receipt gives back at most what it took.
 */
export class SettledUnits {
  private readonly charge: Charge
  /** The actual cost, as it was reported last. */
  private cost: number
  /** The charge itself, then what was charged by later settlements. */
  private readonly taken: Taken[]

  constructor(charge: Charge, { granted, receipt }: Outcome) {
    this.charge = charge
    this.cost = granted
    this.taken = [{ receipt, units: granted }]
  }

  /** The charges that change the cost to this: one that takes units, or some that give units back, the newest first. */
  changesTo(cost: number): readonly Charge[] {
    const more = cost - this.cost
    this.cost = cost
    if (more > 0) return [{ ...this.charge, cost: more }]
    const changes: Charge[] = []
    // By force, less may have been taken than was reported.
    let back = this.taken.reduce((sum, { units }) => sum + units, 0) - cost
    for (let last = this.taken.at(-1); back > 0 && last !== undefined; last = this.taken.at(-1)) {
      const { receipt } = last
      const part = Math.min(back, last.units)
      back -= part
      last.units -= part
      if (last.units === 0) this.taken.pop()
      if (part > 0 && receipt !== undefined) changes.push({ ...this.charge, cost: -part, receipt })
    }
    return changes
  }

  /** More units were taken. Without an outcome nobody knows, and they are never given back. */
  add(units: number, outcome: Outcome | undefined): void {
    this.taken.push({ receipt: outcome?.receipt, units: outcome?.granted ?? units })
  }
}

/** What a decision has taken so far, by charge; `undefined` for one that the store did not decide. */
export interface SettledDecision {
  readonly units: readonly (SettledUnits | undefined)[]
  /** The settlement in flight. The next one needs the receipts of what it takes. */
  pending: Promise<void> | undefined
}
