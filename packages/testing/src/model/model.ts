import type { BlockChange, Charge, ConsumeOptions, Limit } from '@sluice/core'
import { type BlockPlace, blocksOfPolicies } from './blocks.ts'
import { bucket } from './bucket.ts'
import { concurrency } from './concurrency.ts'
import type { ModelRequest, ModelAlgorithm, ModelCharge, ModelOutcome } from './algorithm.ts'
import { fixedWindow } from './fixed-window.ts'
import { slidingLog } from './sliding-log.ts'
import { slidingWindow } from './sliding-window.ts'

/** What every store must answer, computed in big integers, by definition rather than by formula. */
export interface Model {
  /**
   * Decides the charges at a time in µs. An outcome is `undefined` if only the subject of another charge is blocked: nothing says then what a store
   * finds for it. Throws `ModelError` where a store must throw.
   */
  consume(charges: readonly ModelCharge[], options: ConsumeOptions, nowMicros: number): readonly (ModelOutcome | undefined)[]
  /** Returns whether anything was counted at a time in µs. Leaves blocks. */
  reset(targets: readonly Pick<Charge, 'limit' | 'scope' | 'subject'>[], nowMicros: number): boolean
  /** Refuses new charges of these subjects from a time in µs on, for `ms`; 0 ends that. */
  block(targets: readonly Pick<Charge, 'limit' | 'scope' | 'subject'>[], ms: number, nowMicros: number): BlockChange
}

const algorithms: Readonly<Record<Limit['algorithm'], ModelAlgorithm<any>>> = {
  fixedWindow,
  slidingWindow,
  slidingLog,
  tokenBucket: bucket,
  leakyBucket: bucket,
  concurrency,
}

/**
 * The reference that stores are compared with: slow and obvious, one implementation for each algorithm.
 *
 * @example
 * ```ts
 * import { fixedWindow } from '@sluice/core'
 * import { createModel } from '@sluice/testing'
 *
 * const { limit } = fixedWindow({ name: 'minute', limit: 1, window: '1m' })
 * const charge = { limit, scope: 'api+minute.fixedWindow', subject: 'alice', cost: 1 }
 * const model = createModel()
 * model.consume([charge], {}, 0) // allowed
 * model.consume([charge], {}, 59_999_999) // refused
 * ```
 */
export function createModel(blockPlaceOf?: BlockPlace): Model {
  const states = new Map<string, unknown>()
  const blocks = blocksOfPolicies(blockPlaceOf)

  return {
    consume(charges, options, nowMicros) {
      const now = BigInt(nowMicros)
      const how = options.how ?? 'charge'
      const blocked = blocks.refuse(charges, how, nowMicros)
      if (blocked.some((outcome) => outcome !== undefined)) return blocked
      let pending = new Map<string, unknown>()
      const attempt = (most: number): ModelOutcome[] => {
        pending = new Map()
        return charges.map((charge) => {
          const key = keyOf(charge)
          const capped = takesUnits(charge) ? { ...charge, cost: Math.min(charge.cost, most) } : charge
          const { state, outcome } = step(capped, pending.get(key) ?? states.get(key), how, options, now)
          if (state !== undefined) pending.set(key, state)
          return outcome
        })
      }
      let outcomes = attempt(Infinity)
      if ((options.atLeast ?? 0) >= 1 && how !== 'force' && how !== 'credit' && outcomes.every(({ allowed }) => allowed)) {
        // What one charge has less of, none takes more of.
        outcomes = attempt(Math.min(...outcomes.filter((_, i) => (charges[i] as ModelCharge).cost > 1).map(({ granted }) => granted)))
      }
      if (outcomes.every(({ allowed }) => allowed)) {
        for (const [key, state] of pending) states.set(key, state)
        return outcomes
      }
      // Nothing is charged, so an allowed outcome shows its own state, without the other charges of the decision.
      return charges.map((charge, i) => {
        const outcome = outcomes[i] as ModelOutcome
        return outcome.allowed ? { ...step(charge, states.get(keyOf(charge)), 'peek', options, now).outcome, granted: 0 } : outcome
      })
    },
    reset(targets, nowMicros) {
      const used = targets.map(
        (target) => step({ ...target, cost: 0 }, states.get(keyOf(target)), 'peek', {}, BigInt(nowMicros)).outcome.used,
      )
      for (const target of targets) states.delete(keyOf(target))
      return used.some((units) => units > 0)
    },
    block: blocks.set,
  }
}

/** Costs above 1 can be granted in part. */
function takesUnits({ cost, receipt }: ModelCharge): boolean {
  return cost > 0 && receipt === undefined
}

function step(
  charge: ModelCharge,
  state: unknown,
  how: ModelRequest['how'],
  { atLeast }: ConsumeOptions,
  now: bigint,
): { state: unknown; outcome: ModelOutcome } {
  const { limit, cost, receipt } = charge
  const request: ModelRequest = { limit, cost: BigInt(cost), receipt, how, atLeast: atLeast === undefined ? undefined : BigInt(atLeast) }
  return algorithms[limit.algorithm].step(state, request, now)
}

function keyOf({ limit, scope, subject }: Pick<Charge, 'limit' | 'scope' | 'subject'>): string {
  return JSON.stringify([scope, algorithms[limit.algorithm].variantOf(limit), subject])
}
