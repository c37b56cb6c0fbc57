import { type Charge, memoryStore, type MaybePromise, type Outcome, type Store } from '@sluice/core'
import { type Missing, passingCanonicalizer } from '@sluice/core/adapter-kit'
import type { Asked } from './compile/asked.ts'
import { compile, type Revision, tierOf } from './compile/revision.ts'
import { type Choice, type Chosen, select } from './compile/select.ts'
import type { PolicyDocument, TestRequest } from './document.ts'
import { REQUEST_VIEW } from './engine/request-data.ts'
import { StatePlaces } from './state-places.ts'

/** The limit that refuses a request. */
export interface Binding {
  readonly chosen: Chosen<TestRequest>
  readonly outcome: Outcome
  readonly status: number
}

/** Limits that were asked together, and the answers to them. */
export interface Answers {
  readonly chosen: readonly Chosen<TestRequest>[]
  readonly charges: readonly Charge[]
  readonly outcomes: readonly (Outcome | undefined)[]
}

/** What was decided about a request, without any text. */
export interface Judgement {
  /** The subject for whose lack the request is refused. */
  readonly rejected: Missing | undefined
  /** `undefined`: no limit was asked. */
  readonly asked: Answers | undefined
  readonly binding: Binding | undefined
  /** The limits in shadow that would have refused. */
  readonly shadows: readonly Charge[]
}

const NOTHING: Judgement = Object.freeze({ rejected: undefined, asked: undefined, binding: undefined, shadows: Object.freeze([]) })

/** Decides requests that are data. A replay decides millions of them, so it makes few objects for each. */
export class Judge {
  private readonly revision: Revision<TestRequest>
  private readonly store: Store
  private readonly places = new StatePlaces<TestRequest>()
  private now = 0

  constructor(document: PolicyDocument, options: { readonly maxSubjects?: number | undefined }) {
    this.revision = compile<TestRequest>(document, REQUEST_VIEW, { canonical: passingCanonicalizer() })
    this.store = memoryStore({ ...options, clock: { now: () => this.now } })
  }

  decide(request: TestRequest, now: number): Judgement {
    this.now = now
    const attributes = request.attributes ?? NONE
    const asked: Asked<TestRequest> = { context: request, attributes, tier: tierOf(this.revision, attributes), now }
    const { enforced, shadows, rejected } = atOnce(select(this.revision, REQUEST_VIEW, asked))
    if (rejected !== undefined) return { ...NOTHING, rejected }
    const answers = this.ask(enforced, asked, false)
    const refusing = answers === undefined ? -1 : refusingOf(answers)
    if (answers !== undefined && refusing >= 0)
      return { rejected: undefined, asked: answers, binding: bindingOf(enforced, answers, refusing), shadows: NOTHING.shadows }
    if (answers === undefined && shadows.length === 0) return NOTHING
    return {
      rejected: undefined,
      asked: answers,
      binding: undefined,
      shadows: shadows.length === 0 ? NOTHING.shadows : this.shadowsOf(shadows, asked),
    }
  }

  /** Each policy in shadow decides alone, on counters of its own. */
  private shadowsOf(shadows: readonly Choice<TestRequest>[], asked: Asked<TestRequest>): readonly Charge[] {
    const refusing: Charge[] = []
    for (const shadow of shadows) {
      const answers = this.ask([shadow], asked, true)
      const charge = answers?.charges[refusingOf(answers)]
      if (charge !== undefined) refusing.push(charge)
    }
    return refusing
  }

  private ask(choices: readonly Choice<TestRequest>[], asked: Asked<TestRequest>, isShadow: boolean): Answers | undefined {
    const all: Chosen<TestRequest>[] = []
    const charges: Charge[] = []
    for (const { limits } of choices) {
      for (const chosen of limits) {
        const { compiled, limit } = chosen
        // How long requests take is not known, so each has ended before the next one comes.
        if (limit.algorithm === 'concurrency' && limit.limit !== 0) continue
        all.push(chosen)
        charges.push(this.places.chargeOf(chosen, isShadow, atOnce(compiled.cost(asked))))
      }
    }
    return charges.length === 0 ? undefined : { chosen: all, charges, outcomes: atOnce(this.store.consume(charges)) }
  }
}

/** The index of the answer that refuses, or -1. */
function refusingOf({ outcomes }: Answers): number {
  for (let i = 0; i < outcomes.length; i++) if (outcomes[i]?.allowed === false) return i
  return -1
}

function bindingOf(enforced: readonly Choice<TestRequest>[], answers: Answers, refusing: number): Binding | undefined {
  const chosen = answers.chosen[refusing]
  const outcome = answers.outcomes[refusing]
  const policy = enforced.find((choice) => choice.policy.name === chosen?.policy)?.policy
  return chosen && outcome && policy && { chosen, outcome, status: policy.status }
}

/** Neither a request that is data nor a store in memory has anything to wait for. */
function atOnce<T>(value: MaybePromise<T>): T {
  return value as T
}

const NONE = Object.freeze({})
