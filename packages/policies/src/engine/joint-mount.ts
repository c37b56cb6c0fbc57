import type { Decision, Limit, MaybePromise, Outcome, RequestBlockList } from '@sluice/core'
import { type CheckedRequest, isPromise, isStricter, type Missing } from '@sluice/core/adapter-kit'
import type { Deciding, Selected } from './in-force.ts'
import { JointBlocks } from './joint-blocks.ts'
import { JointCharges, type JointRequest } from './joint-charges.ts'
import type { JointView } from './joint-view.ts'
import { Mount } from './mount.ts'
import { factsOfAsked } from './viewed.ts'

/** What was decided about one of the requests. */
export interface JointPart {
  /** Whether its own limits admit it. Another request may still be the reason for which all are refused. */
  readonly allowed: boolean
  /** The subject for whose lack all are refused. */
  readonly missing: Missing | undefined
  /** The strictest of its limits that clients see, and what the store said of it. */
  readonly limit: Limit | undefined
  readonly outcome: Outcome | undefined
}

/** What was decided about requests together: all are admitted, or none. */
export interface JointAnswer {
  readonly allowed: boolean
  /** `undefined`: no limit was asked. */
  readonly decision: Decision | undefined
  /** In the order of the requests. */
  readonly parts: readonly JointPart[]
  /** The revision of the document that decided. */
  readonly revision: number
  /** Limits that were not asked, since only the end of a request could correct or free them: `settle`, `refundOn`, `concurrency`. */
  readonly skipped: readonly string[]
}

type Requests<C> = readonly JointRequest<C>[]

/**
 * Decides several requests as one, such as the descriptors of Envoy's rate limit service. `joint()` of a namespace makes it.
 * @example
 * ```ts
 * import type { JointMount } from '@sluice/policies'
 *
 * export async function areAllowed(mount: JointMount<{ readonly user: string }>, users: readonly string[]): Promise<boolean> {
 *   const { allowed } = await mount.decide(users.map((user) => ({ context: { user }, how: 'charge', units: 1 })))
 *   return allowed
 * }
 * ```
 */
export class JointMount<C extends object> {
  private readonly policies: Deciding
  private readonly mount: Mount<C>
  private readonly blocks: JointBlocks<C> | undefined

  /** @param blockList is asked about each request, before anything is charged */
  constructor(policies: Deciding, view: JointView<C>, blockList?: RequestBlockList) {
    this.policies = policies
    this.mount = new Mount<C>(policies, view)
    this.blocks = blockList && new JointBlocks<C>(policies, view, blockList)
  }

  /**
   * Admits all requests, or none. A limit that several of them have for the same subject is charged once. What a response would correct is
   * not asked.
   */
  decide(requests: Requests<C>): MaybePromise<JointAnswer> {
    const selected: MaybePromise<Selected>[] = []
    let isAsync = false
    for (let i = 0; i < requests.length; i++) {
      const each = this.mount.select((requests[i] as JointRequest<C>).context)
      isAsync ||= isPromise(each)
      selected.push(each)
    }
    return isAsync ? Promise.all(selected).then((late) => this.answer(requests, late)) : this.answer(requests, selected as Selected[])
  }

  private answer(requests: Requests<C>, selected: readonly Selected[]): MaybePromise<JointAnswer> {
    const step = stepOf(requests, selected)
    const { blocks } = this
    const checked = blocks === undefined ? undefined : selected.map((each) => blocks.check(each))
    const blocked = checked?.findIndex((each) => each.blocked !== undefined) ?? -1
    if (checked !== undefined && blocked >= 0) return blockedAnswer(selected, checked, blocked)
    if (selected.some(isRejected)) return this.answerOf(requests, selected, step, undefined)
    if (requests.some(({ how }) => how !== 'charge')) return this.answerInSteps(requests, selected)
    const decision = this.ask(step, selected, 'charge')
    return isPromise(decision)
      ? decision.then((late) => this.answerOf(requests, selected, step, late, checked))
      : this.answerOf(requests, selected, step, decision, checked)
  }

  private ask(step: JointCharges, [first]: readonly Selected[], how: JointRequest<C>['how']): MaybePromise<Decision | undefined> {
    if (step.isEmpty) return undefined
    const { engine } = this.policies
    const facts = first !== undefined && engine.observers.hears ? factsOfAsked(first.asked) : undefined
    return engine.decideEach(step.set, step.subjects, step.costs, how, facts)
  }

  private answerOf(
    requests: Requests<C>,
    selected: readonly Selected[],
    step: JointCharges,
    decision: Decision | undefined,
    checked?: readonly CheckedRequest[],
  ): JointAnswer {
    if (checked !== undefined && decision !== undefined) this.blocks?.decided(selected, checked, step, decision)
    const parts: JointPart[] = []
    for (let i = 0; i < selected.length; i++) parts.push(partOf(selected[i] as Selected, step, i, decision))
    const allowed = decision === undefined ? !selected.some(isRejected) : decision.allowed
    if (allowed) this.tryShadows(requests, selected)
    return { allowed, decision, parts, revision: revisionOf(selected), skipped: step.skipped }
  }

  /** Some requests take nothing, or give units back: all are asked before anything is taken. */
  private async answerInSteps(requests: Requests<C>, selected: readonly Selected[]): Promise<JointAnswer> {
    const parts = selected.map((): JointPart => UNASKED)
    const skipped: string[] = []
    const run = async (how: JointRequest<C>['how'], isIn: (of: JointRequest<C>['how']) => boolean): Promise<Decision | undefined> => {
      const places = [...requests.keys()].filter((i) => isIn((requests[i] as JointRequest<C>).how))
      const ofStep = places.map((i) => selected[i] as Selected)
      const step = stepOf(
        places.map((i) => requests[i] as JointRequest<C>),
        ofStep,
      )
      const decision = await this.ask(step, ofStep, how)
      for (const [n, i] of places.entries()) parts[i] = partOf(selected[i] as Selected, step, n, decision)
      // What is charged was asked before.
      if (how !== 'charge') skipped.push(...step.skipped)
      return decision
    }
    let decision = await run('peek', (how) => how !== 'credit')
    if (decision?.allowed !== false) decision = (await run('charge', (how) => how === 'charge')) ?? decision
    const allowed = decision?.allowed !== false
    if (allowed) await run('credit', (how) => how === 'credit')
    if (allowed) this.tryShadows(requests, selected)
    return { allowed, decision, parts, revision: revisionOf(selected), skipped }
  }

  /** Nobody waits for these, and they never reject. */
  private tryShadows(requests: Requests<C>, selected: readonly Selected[]): void {
    for (let i = 0; i < selected.length; i++) {
      const { how, units } = requests[i] as JointRequest<C>
      if (how === 'charge') void this.mount.tryShadows(selected[i] as Selected, units)
    }
  }
}

const UNASKED: JointPart = Object.freeze({ allowed: true, missing: undefined, limit: undefined, outcome: undefined })

function blockedAnswer(selected: readonly Selected[], checked: readonly CheckedRequest[], blocked: number): JointAnswer {
  const parts = selected.map((_, i): JointPart => (i === blocked ? { ...UNASKED, allowed: false } : UNASKED))
  return { allowed: false, decision: checked[blocked]?.blocked?.decision, parts, revision: revisionOf(selected), skipped: [] }
}

function stepOf<C>(requests: Requests<C>, selected: readonly Selected[]): JointCharges {
  const step = new JointCharges()
  for (let i = 0; i < requests.length; i++) step.add(selected[i] as Selected, requests[i] as JointRequest<C>)
  return step
}

function isRejected({ selection }: Selected): boolean {
  return selection.rejected !== undefined
}

function revisionOf([first]: readonly Selected[]): number {
  return first?.inForce.revision.document.revision ?? 0
}

function partOf({ selection }: Selected, step: JointCharges, place: number, decision: Decision | undefined): JointPart {
  const { rejected } = selection
  if (rejected !== undefined) return { ...UNASKED, allowed: false, missing: rejected }
  if (decision === undefined) return UNASKED
  const places = step.charges[place] as readonly number[]
  let allowed = true
  let limit: Limit | undefined
  let outcome: Outcome | undefined
  for (let i = 0; i < places.length; i++) {
    const index = places[i] as number
    const each = decision.outcomes[index]
    if (each === undefined) continue
    allowed &&= each.allowed
    const shown = (decision.charges[index] as Decision['charges'][number]).limit
    if (shown.visible === false || (outcome !== undefined && !isStricter(each, outcome))) continue
    limit = shown
    outcome = each
  }
  return { allowed, missing: undefined, limit, outcome }
}
