import type { Decision, RequestBlockList } from '@sluice/core'
import { BlockGate, checkDialect, type CheckedRequest, decisionOf, identityOf } from '@sluice/core/adapter-kit'
import type { Deciding, Selected } from './in-force.ts'
import type { JointCharges } from './joint-charges.ts'
import type { JointView } from './joint-view.ts'
import { limitsOf, subjectsOf } from './plan.ts'
import { factsOfAsked, tenantOf } from './viewed.ts'

/** A block list, which is asked about each of the requests that are decided together. */
export class JointBlocks<C extends object> {
  private readonly gate: BlockGate<C>

  constructor({ engine }: Deciding, view: JointView<C>, list: RequestBlockList) {
    const { method, target, address, header, route } = view
    const host = { id: (context: C) => context, method, target, address, header, route }
    const reading = { wholeAddress: address, connectionAddress: address }
    const { name, observers } = engine
    this.gate = new BlockGate<C>({ ...reading, host, list, name, engine, observers, dialect: checkDialect({}) }, {})
  }

  check({ inForce, asked, selection: { enforced } }: Selected): CheckedRequest {
    const { context, attributes, tier } = asked
    const subject = enforced.length === 0 ? undefined : subjectsOf(limitsOf(enforced))
    const identity = subject && identityOf(inForce.sets.of(enforced, 'enforce', tier).set, subject, undefined)
    return this.gate.check(context.context as C, subject, identity, tier, tenantOf(attributes))
  }

  /** Passes on to the list what was decided of each request, with its own limits alone. */
  decided(selected: readonly Selected[], checked: readonly CheckedRequest[], step: JointCharges, decision: Decision): void {
    if (!this.gate.hears) return
    for (let i = 0; i < selected.length; i++) {
      const places = step.charges[i] ?? []
      if (places.length === 0) continue
      const { asked } = selected[i] as Selected
      const facts = factsOfAsked(asked).begin('charge')
      facts.end()
      this.gate.decided(asked.context.context as C, ofPlaces(decision, places), facts, checked[i] as CheckedRequest)
    }
  }
}

/** The decision as if only these of its limits had been asked. */
function ofPlaces(decision: Decision, places: readonly number[]): Decision {
  const { charges, outcomes, policy, tier, mode, failMode, revision = 0, policies = [] } = decision
  if (places.length === charges.length) return decision
  const context = { policy, tier, mode, failMode, document: { revision, policies } }
  const own = places.map((i) => charges[i] as Decision['charges'][number])
  return decisionOf(
    context,
    own,
    places.map((i) => outcomes[i]),
  )
}
