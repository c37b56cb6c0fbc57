import type { Cost, Decision, MaybePromise } from '@sluice/core'
import {
  type BlockGate,
  type CheckedRequest,
  type DecidedAnswer,
  identityOf,
  isPromise,
  type PolicyAnswer,
  type PolicyMount,
  type PolicyView,
} from '@sluice/core/adapter-kit'
import type { ClientRow } from '../clients/client-table.ts'
import type { Asked } from '../compile/asked.ts'
import { tierOf } from '../compile/revision.ts'
import { type Choice, select } from '../compile/select.ts'
import { type Attributes, fieldOf } from '../request.ts'
import type { Deciding, InForce, Selected, Selecting } from './in-force.ts'
import type { MergedSet } from './limit-sets.ts'
import { limitsOf, type Plan, planOf, retryAfterOf } from './plan.ts'
import { PolicyLimiter } from './policy-limiter.ts'
import { settleOf } from './settlements.ts'
import { factsOfAsked, tenantOf, VIEWED, type Viewed } from './viewed.ts'

/** Units for the limits of which the document says none. */
type GivenCost = Cost<string> | undefined

/** The policies of a namespace over the requests of one `rateLimit`. */
export class Mount<C> implements PolicyMount<C>, Selecting<C> {
  readonly limiter: PolicyLimiter<C>
  private readonly policies: Deciding
  private readonly view: PolicyView<C>

  constructor(policies: Deciding, view: PolicyView<C>) {
    this.policies = policies
    this.view = view
    this.limiter = new PolicyLimiter<C>(policies, this)
  }

  get engine(): Deciding['engine'] {
    return this.policies.engine
  }

  decide(context: C, cost: GivenCost, blocks?: BlockGate<C>): MaybePromise<PolicyAnswer> {
    const selected = this.select(context)
    return isPromise(selected) ? selected.then((late) => this.answer(late, cost, blocks)) : this.answer(selected, cost, blocks)
  }

  async peek(context: C, cost: GivenCost, blocks?: BlockGate<C>): Promise<PolicyAnswer> {
    const selected = await this.select(context)
    const { inForce, asked, selection } = selected
    const { enforced, rejected } = selection
    if (rejected !== undefined || enforced.length === 0) {
      const blocked = blocks && checkedBy(blocks, selected, undefined, undefined).blocked
      return blocked === undefined ? { missing: rejected } : { blocked }
    }
    const merged = inForce.sets.of(enforced, 'enforce', asked.tier)
    const plan = await planOf(enforced, asked, cost, merged.isPlain)
    const blocked = blocks && checkedBy(blocks, selected, plan.subject, identityOf(merged.set, plan.subject, undefined)).blocked
    if (blocked !== undefined) return { blocked }
    const decision = await this.engine.peekAt(merged.set, plan.subject, plan.cost)
    return { decided: decision.allowed ? { decision, status: 429, settle: undefined } : this.refusalOf(selected, decision) }
  }

  /** What the revision in force says about a request. */
  select(context: C): MaybePromise<Selected> {
    const { current } = this.policies
    const attributes = this.view.attributes(context)
    return isPromise(attributes)
      ? attributes.then((late) => this.selectWith(current, context, late))
      : this.selectWith(current, context, attributes)
  }

  address(context: C): string | undefined {
    return this.view.address(context)
  }

  private selectWith(current: InForce, context: C, attributes: Attributes): MaybePromise<Selected> {
    const { clients } = this.policies
    const { tier } = current.revision
    const id = clients === undefined || tier?.client === undefined ? undefined : idOf(fieldOf(attributes, tier.client))
    const row = clients === undefined || id === undefined ? undefined : clients.rowOf(id)
    return isPromise(row)
      ? row.then((late) => this.selectFor(current, context, attributes, late))
      : this.selectFor(current, context, attributes, row)
  }

  private selectFor(inForce: InForce, context: C, attributes: Attributes, row: ClientRow | undefined): MaybePromise<Selected> {
    const { revision } = inForce
    const client = row && inForce.settingsOf(row)
    const tier = client?.tier ?? tierOf(revision, attributes)
    const asked = {
      context: { view: this.view, context },
      attributes,
      tier,
      client,
      now: revision.readsTime ? this.policies.clock.now() : 0,
    }
    const selection = select(revision, VIEWED, asked)
    return isPromise(selection) ? selection.then((late) => ({ inForce, asked, selection: late })) : { inForce, asked, selection }
  }

  private answer(selected: Selected, cost: GivenCost, blocks: BlockGate<C> | undefined): MaybePromise<PolicyAnswer> {
    const { enforced, rejected } = selected.selection
    if (rejected !== undefined || enforced.length === 0) {
      const blocked = blocks && checkedBy(blocks, selected, undefined, undefined).blocked
      if (blocked !== undefined) return { blocked }
      return rejected === undefined ? { background: this.tryShadows(selected, cost) } : { missing: rejected }
    }
    const { inForce, asked } = selected
    const merged = inForce.sets.of(enforced, 'enforce', asked.tier)
    const plan = planOf(enforced, asked, cost, merged.isPlain)
    return isPromise(plan)
      ? plan.then((late) => this.decideBy(selected, merged, cost, late, blocks))
      : this.decideBy(selected, merged, cost, plan, blocks)
  }

  private decideBy(
    selected: Selected,
    merged: MergedSet,
    given: GivenCost,
    plan: Plan,
    blocks: BlockGate<C> | undefined,
  ): MaybePromise<PolicyAnswer> {
    if (blocks !== undefined) return this.decideUnlessBlocked(blocks, selected, merged, given, plan)
    const { engine } = this
    const facts = engine.observers.hears ? factsOfAsked(selected.asked) : undefined
    const decision = engine.decide(merged.set, plan.subject, plan.cost, 'charge', undefined, facts)
    return isPromise(decision)
      ? decision.then((late) => this.answerOf(selected, merged, given, late))
      : this.answerOf(selected, merged, given, decision)
  }

  /** As `decideBy`, with a block list: it is asked first, and gets the decision with the wait that the client sees. */
  private decideUnlessBlocked(
    blocks: BlockGate<C>,
    selected: Selected,
    merged: MergedSet,
    given: GivenCost,
    plan: Plan,
  ): MaybePromise<PolicyAnswer> {
    const { subject, cost } = plan
    const checked = checkedBy(blocks, selected, subject, identityOf(merged.set, subject, undefined))
    if (checked.blocked !== undefined) return { blocked: checked.blocked }
    if (!blocks.hears) return this.decideBy(selected, merged, given, plan, undefined)
    const facts = factsOfAsked(selected.asked)
    const report = (decision: Decision): PolicyAnswer => {
      const answer = this.answerOf(selected, merged, given, decision)
      const shown = answer.decided?.decision ?? decision
      blocks.decided(selected.asked.context.context as C, shown, facts, checked)
      return answer
    }
    const decision = this.engine.decide(merged.set, subject, cost, 'charge', undefined, facts)
    return isPromise(decision) ? decision.then(report) : report(decision)
  }

  private answerOf(selected: Selected, { isCorrected }: MergedSet, cost: GivenCost, decision: Decision): PolicyAnswer {
    const { enforced, shadows } = selected.selection
    if (!decision.allowed) return { decided: this.refusalOf(selected, decision) }
    const settle = isCorrected ? settleOf(limitsOf(enforced), selected.asked.context) : undefined
    const background = shadows.length === 0 ? undefined : this.tryShadows(selected, cost)
    return { decided: { decision, status: 429, settle }, background }
  }

  private refusalOf({ asked, selection: { enforced } }: Selected, decision: Decision): DecidedAnswer {
    const status = enforced.find((choice) => choice.limits.some(({ limit }) => limit === decision.binding))?.policy.status ?? 429
    const limits = limitsOf(enforced)
    const retryAfter = decision.retryAfter === Infinity ? retryAfterOf(limits, decision.outcomes, asked.now) : decision.retryAfter
    return { decision: retryAfter === decision.retryAfter ? decision : { ...decision, retryAfter }, status, settle: undefined }
  }

  /** Each policy in shadow decides alone. The request does not wait, and a failure does not concern it. */
  tryShadows({ inForce, asked, selection }: Selected, cost: GivenCost): Promise<void> | undefined {
    const { shadows } = selection
    if (shadows.length === 0) return undefined
    return Promise.allSettled(shadows.map((choice) => this.tryShadow(inForce, asked, choice, cost))).then(() => undefined)
  }

  private async tryShadow(inForce: InForce, asked: Asked<Viewed>, choice: Choice<Viewed>, cost: GivenCost): Promise<void> {
    const { set, isPlain } = inForce.sets.of([choice], 'shadow', asked.tier)
    const plan = await planOf([choice], asked, cost, isPlain)
    const facts = this.engine.observers.hears ? factsOfAsked(asked) : undefined
    await this.engine.decide(set, plan.subject, plan.cost, 'charge', undefined, facts)
  }
}

function checkedBy<C>(
  blocks: BlockGate<C>,
  selected: Selected,
  subject: Plan['subject'] | undefined,
  identity: string | undefined,
): CheckedRequest {
  const { context, attributes, tier } = selected.asked
  return blocks.check(context.context as C, subject, identity, tier, tenantOf(attributes))
}

/** Ids are often numbers. Any other value is no id. */
function idOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  return typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : undefined
}
