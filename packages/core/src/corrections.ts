import { algorithmOf } from './algorithms/registry.ts'
import { checkCost } from './call-checks.ts'
import { costOf } from './cost.ts'
import type { Decision } from './decision.ts'
import { invalid } from './errors.ts'
import type { Fallback } from './fallback.ts'
import { type Generations, isOutdated } from './generations.ts'
import type { Cost } from './limiter.ts'
import type { Policy } from './policy.ts'
import { isPromise, type MaybePromise } from './runtime.ts'
import { type SettledDecision, SettledUnits } from './settled-units.ts'
import type { Charge, ConsumeOptions, Outcome, Store } from './store.ts'

type Outcomes = readonly (Outcome | undefined)[]

/** What is known of decisions after they were made: what those that were settled have taken, and which took nothing. */
export interface CorrectedDecisions {
  readonly settled: WeakMap<Decision, SettledDecision>
  readonly peeked: WeakSet<Decision>
}

interface CorrectionParts {
  readonly policy: Policy
  readonly store: Store
  readonly fallback: Fallback | undefined
  /** Shared by a limiter and all that are derived from it: each can settle the decisions of the other. */
  readonly corrected: CorrectedDecisions
  readonly generations: Generations
}

/** Changes what a decision took, after it was made: settles, releases, renews. */
export class Corrections {
  private readonly policy: Policy
  private readonly store: Store
  private readonly fallback: Fallback | undefined
  private readonly corrected: CorrectedDecisions
  private readonly generations: Generations

  constructor({ policy, store, fallback, corrected, generations }: CorrectionParts) {
    this.policy = policy
    this.store = store
    this.fallback = fallback
    this.corrected = corrected
    this.generations = generations
  }

  settle(decision: Decision, actual: Cost<string>): MaybePromise<void> {
    this.checkOwn(decision)
    checkCost(actual, this.policy, decision)
    const { settled, peeked } = this.corrected
    if (peeked.has(decision) || decision.verdict !== 'allowed') return
    let known = settled.get(decision)
    if (known === undefined) settled.set(decision, (known = unsettled(decision)))
    return inOrder(known, () => this.settleNow(decision, known, actual))
  }

  release(decision: Decision): MaybePromise<void> {
    this.checkOwn(decision)
    const charges = decision.charges.flatMap((charge, i): Charge[] => {
      const { receipt, granted = 0 } = decision.outcomes[i] ?? {}
      return holds(charge) && receipt !== undefined && this.generations.isCurrent(charge) ? [{ ...charge, cost: -granted, receipt }] : []
    })
    return ending(this.change(decision, charges, 'force'), () => undefined, undefined)
  }

  renew(decision: Decision): MaybePromise<boolean> {
    this.checkOwn(decision)
    const charges = decision.charges.flatMap((charge, i) => {
      const receipt = decision.outcomes[i]?.receipt
      return holds(charge) && receipt !== undefined ? [{ ...charge, cost: 1, receipt }] : []
    })
    // What `open` admits, and what a shadow policy would have refused, has no holder, and goes on.
    if (charges.length === 0) return decision.allowed && !this.corrected.peeked.has(decision)
    // After `resetAll` nobody counts these holders any longer.
    const resultIfLost = decision.mode !== 'enforce'
    if (!charges.every((charge) => this.generations.isCurrent(charge))) return resultIfLost
    return ending(this.change(decision, charges, 'charge'), (outcomes) => resultIfLost || outcomes.every(isAdmitted), resultIfLost)
  }

  private settleNow(decision: Decision, known: SettledDecision, actual: Cost<string>): MaybePromise<void> {
    const charges: Charge[] = []
    const units: SettledUnits[] = []
    for (const [i, one] of known.units.entries()) {
      const charge = decision.charges[i] as Charge
      const cost = holds(charge) ? 0 : costOf(charge.limit.name, actual)
      if (one === undefined || cost === undefined || !this.generations.isCurrent(charge)) continue
      for (const change of one.changesTo(cost)) {
        charges.push(change)
        units.push(one)
      }
    }
    const add = (outcomes: Outcomes): void => {
      for (const [i, { cost }] of charges.entries()) if (cost > 0) units[i]?.add(cost, outcomes[i])
    }
    return ending(this.change(decision, charges, 'force'), add, undefined)
  }

  private change(decision: Decision, charges: readonly Charge[], how: 'charge' | 'force'): MaybePromise<Outcomes> {
    if (charges.length === 0) return []
    const options: ConsumeOptions = { how, failMode: decision.failMode ?? this.policy.failMode }
    const ask = () => this.store.consume(charges, options)
    return this.fallback === undefined ? ask() : this.fallback.change(decision, charges, options, ask)
  }

  private checkOwn(decision: Decision): void {
    const { name } = this.policy
    if (decision?.policy !== name)
      throw invalid(`limiter "${name}"`, 'a decision that this limiter made', decision?.policy ?? decision, 'ERR_DECISION_FOREIGN')
  }
}

/** Runs a settlement after the earlier ones of its decision, whether these failed or not. */
function inOrder(known: SettledDecision, run: () => MaybePromise<void>): MaybePromise<void> {
  const { pending } = known
  const done = pending === undefined ? run() : pending.then(run, run)
  if (!isPromise(done)) return done
  known.pending = done
  const end = (): void => {
    if (known.pending === done) known.pending = undefined
  }
  done.then(end, end)
  return done
}

function unsettled({ charges, outcomes }: Decision): SettledDecision {
  const units = charges.map((charge, i) => {
    const outcome = outcomes[i]
    return outcome === undefined ? undefined : new SettledUnits(charge, outcome)
  })
  return { units, pending: undefined }
}

/** As `chain`. `outdated`: the result where `resetAll` has ended the generation of the charges meanwhile. */
function ending<T>(answer: MaybePromise<Outcomes>, then: (outcomes: Outcomes) => T, outdated: T): MaybePromise<T> {
  if (!isPromise(answer)) return then(answer)
  return answer.then(then, (error: unknown) => {
    if (isOutdated(error)) return outdated
    throw error
  })
}

/** Of an outcome that is missing, another charge was refused. */
function isAdmitted(outcome: Outcome | undefined): boolean {
  return outcome?.allowed !== false
}

function holds(charge: Charge): boolean {
  return algorithmOf(charge.limit).holds
}
