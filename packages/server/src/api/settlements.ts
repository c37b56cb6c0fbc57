import { fixedWindow, isSluiceError, type Charge, type Receipt } from '@sluice/core'
import { scopeOf } from '@sluice/core/store-kit'
import type { LimiterEngine } from '@sluice/core/adapter-kit'
import { RequestError, type RequestProblem } from '../http/request-error.ts'
import type { Service } from '../service.ts'
import { unitsAfterResponse } from '@sluice/policies'
import type { ReleaseAnswer, ReleaseInput, ResponseInput, SettlementAnswer, SettlementInput, UnitsInput } from './contract.ts'
import type { Decisions, ReturnedDecision } from './decisions.ts'

type PathOf = (index: number) => string

/** Settles and releases decisions that any process of the service has made. */
export class Settlements {
  private readonly service: Service
  private readonly decisions: Decisions
  private readonly once: Charge['limit']

  constructor(service: Service, decisions: Decisions) {
    this.service = service
    this.decisions = decisions
    const window = Math.ceil(decisions.lifetime / 1000) * 1000 + 1000
    this.once = fixedWindow({ name: 'once', limit: 1, window, anchor: 'first' }).limit
  }

  /** @throws ERR_DECISION_INVALID, ERR_CHECK_INVALID. Nothing was changed then */
  async settle(inputs: readonly SettlementInput[], pathOf: PathOf): Promise<readonly SettlementAnswer[]> {
    const taken = this.takeAll(inputs, pathOf)
    const costs = inputs.map(({ cost = 0, response }, i) => {
      const each = taken[i] as ReturnedDecision
      return response === undefined ? checkedCost(cost, each, pathOf(i)) : costAfter(response, each)
    })
    return Promise.all(taken.map((each, i) => this.settleOne(each, costs[i] as UnitsInput)))
  }

  /** @throws ERR_DECISION_INVALID. Nothing was changed then */
  async release(inputs: readonly ReleaseInput[], pathOf: PathOf): Promise<readonly ReleaseAnswer[]> {
    return Promise.all(
      this.takeAll(inputs, pathOf).map(async ({ namespace, decision, isExpired }) => {
        if (isExpired) return { released: false, reason: 'expired' } as const
        const engine = this.engineOf(namespace)
        if (engine === undefined) return { released: false, reason: 'no-namespace' } as const
        await engine.release(decision)
        return { released: true, reason: null } as const
      }),
    )
  }

  private async settleOne(taken: ReturnedDecision, cost: UnitsInput): Promise<SettlementAnswer> {
    const { namespace, decision, isExpired } = taken
    if (isExpired) return { settled: false, reason: 'expired' }
    const engine = this.engineOf(namespace)
    if (engine === undefined) return { settled: false, reason: 'no-namespace' }
    const mark = await this.mark(taken)
    if (typeof mark === 'string') return { settled: false, reason: mark }
    try {
      await engine.settle(decision, cost)
    } catch (error) {
      await mark.remove()
      throw error
    }
    return { settled: true, reason: null }
  }

  /**
   * Marks a decision as settled, in the store that all processes share. A store counts units without their requests, so that one decision
   * settled twice would give back what another one took.
   */
  private async mark({ id }: ReturnedDecision): Promise<'settled-before' | 'store-away' | { remove(): Promise<void> }> {
    const { store } = this.service
    const charge: Charge = { limit: this.once, scope: scopeOf(SETTLED, undefined, this.once), subject: id, cost: 1 }
    const [outcome] = await store.consume([charge], { failMode: 'closed' })
    if (outcome?.source === 'closed') return 'store-away'
    if (outcome?.allowed !== true) return 'settled-before'
    const receipt: Receipt | undefined = outcome.receipt
    return {
      async remove() {
        if (receipt !== undefined) await store.consume([{ ...charge, cost: -1, receipt }], { failMode: 'closed' })
      },
    }
  }

  private takeAll(inputs: readonly { readonly decision: string }[], pathOf: PathOf): readonly ReturnedDecision[] {
    const problems: RequestProblem[] = []
    const taken = inputs.flatMap(({ decision }, i) => {
      const one = this.decisions.take(decision)
      if (one === undefined) problems.push({ path: [pathOf(i), 'decision'].filter(Boolean).join('.'), message: NOT_MADE_HERE })
      return one ?? []
    })
    if (problems.length > 0) throw new RequestError(problems, 'ERR_DECISION_INVALID')
    return taken
  }

  private engineOf(namespace: string): LimiterEngine | undefined {
    try {
      return this.service.checks.of(namespace).policies.engine
    } catch (error) {
      if (isSluiceError(error) && error.code === 'ERR_NAMESPACE_UNKNOWN') return undefined
      throw error
    }
  }
}

/** No namespace has this name, since it begins with no letter. */
const SETTLED = '-settled'

const NOT_MADE_HERE =
  'expected a decision of this service, unchanged, got another text; where several processes serve, give all of them the same secret'

/** What the document, as it was when the decision was made, says of a request that ended so. */
function costAfter({ status, headers = {}, attributes = {} }: ResponseInput, { corrections }: ReturnedDecision): Record<string, number> {
  const lower = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
  return unitsAfterResponse(corrections, { status, header: (name) => lower.get(name) }, attributes)
}

/** @throws ERR_CHECK_INVALID for a limit that the decision does not have */
function checkedCost(cost: UnitsInput, { decision }: ReturnedDecision, at: string): UnitsInput {
  if (typeof cost === 'number') return cost
  const names = decision.charges.map(({ limit }) => limit.name)
  const unknown = Object.keys(cost).find((name) => !names.includes(name))
  if (unknown === undefined) return cost
  const path = [at, 'cost'].filter(Boolean).join('.')
  throw new RequestError([{ path, message: 'expected limits of the decision, got a name that none of them has' }], 'ERR_CHECK_INVALID')
}
