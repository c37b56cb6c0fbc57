import { algorithmOf } from './algorithms/registry.ts'
import { checkCost } from './call-checks.ts'
import { costOf } from './cost.ts'
import type { Decision } from './decision.ts'
import { invalid } from './errors.ts'
import type { Fallback } from './fallback.ts'
import type { Cost } from './limiter.ts'
import type { Policy } from './policy.ts'
import { chain, type MaybePromise } from './runtime.ts'
import type { Charge, ConsumeOptions, Outcome, Store } from './store.ts'

type Outcomes = readonly (Outcome | undefined)[]

/** The decisions that no correction may change: those that were settled, and those that took nothing. */
export interface ClosedDecisions {
  readonly settled: WeakSet<Decision>
  readonly peeked: WeakSet<Decision>
}

/** Changes what a decision took, after it was made: settles, releases, renews. */
export class Corrections {
  private readonly policy: Policy
  private readonly store: Store
  private readonly fallback: Fallback | undefined
  private readonly closed: ClosedDecisions

  constructor(policy: Policy, store: Store, fallback: Fallback | undefined, closed: ClosedDecisions) {
    this.policy = policy
    this.store = store
    this.fallback = fallback
    this.closed = closed
  }

  settle(decision: Decision, actual: Cost<string>): MaybePromise<void> {
    this.checkOwn(decision)
    checkCost(actual, this.policy)
    const { settled, peeked } = this.closed
    if (settled.has(decision) || peeked.has(decision) || decision.verdict !== 'allowed') return
    settled.add(decision)
    return this.correct(decision, (charge, outcome) =>
      holds(charge) ? -outcome.granted : (costOf(charge.limit.name, actual) ?? outcome.granted) - outcome.granted,
    )
  }

  release(decision: Decision): MaybePromise<void> {
    this.checkOwn(decision)
    return this.correct(decision, (charge, outcome) => (holds(charge) ? -outcome.granted : 0))
  }

  renew(decision: Decision): MaybePromise<boolean> {
    this.checkOwn(decision)
    const charges = decision.charges.flatMap((charge, i) => {
      const receipt = decision.outcomes[i]?.receipt
      return holds(charge) && receipt !== undefined ? [{ ...charge, cost: 1, receipt }] : []
    })
    // What `open` admits, and what a shadow policy would have refused, has no holder, and goes on.
    if (charges.length === 0) return decision.allowed && !this.closed.peeked.has(decision)
    return chain(this.change(decision, charges, 'charge'), (outcomes) => decision.mode !== 'enforce' || outcomes.every(isAdmitted))
  }

  /** Gives back (below 0) or charges (above 0) the units that `change` returns for each charge of a decision. */
  private correct(decision: Decision, change: (charge: Charge, outcome: Outcome) => number): MaybePromise<void> {
    const charges: Charge[] = []
    for (const [i, charge] of decision.charges.entries()) {
      const outcome = decision.outcomes[i]
      if (outcome === undefined) continue
      const cost = change(charge, outcome)
      if (cost > 0) charges.push({ ...charge, cost })
      if (cost < 0 && outcome.receipt !== undefined) charges.push({ ...charge, cost, receipt: outcome.receipt })
    }
    return chain(this.change(decision, charges, 'force'), () => undefined)
  }

  private change(decision: Decision, charges: readonly Charge[], how: 'charge' | 'force'): MaybePromise<Outcomes> {
    if (charges.length === 0) return []
    const options: ConsumeOptions = { how, failMode: this.policy.failMode }
    const ask = () => this.store.consume(charges, options)
    return this.fallback === undefined ? ask() : this.fallback.change(decision, charges, options, ask)
  }

  private checkOwn(decision: Decision): void {
    const { name } = this.policy
    if (decision?.policy !== name)
      throw invalid(`limiter "${name}"`, 'a decision that this limiter made', decision?.policy ?? decision, 'ERR_DECISION_FOREIGN')
  }
}

/** Of an outcome that is missing, another charge was refused. */
function isAdmitted(outcome: Outcome | undefined): boolean {
  return outcome?.allowed !== false
}

function holds(charge: Charge): boolean {
  return algorithmOf(charge.limit).holds
}
